//! `oidc` login on a real terminal: typed names and passwords, the pasted answer, the code that a provider shows.

use crate::support::provider::{PASSWORD, Provider};
use crate::support::pty::Pty;

#[test]
fn a_name_and_a_hidden_password_are_typed() {
    let provider = Provider::start();
    let Some(mut pty) = Pty::start(&provider.command(&["--grant-type=password"])) else { return };
    pty.wait_for("Username: ");
    pty.type_text("ada\n");
    pty.wait_for("Password: ");
    pty.wait_for_echo(false);
    pty.type_text(&format!("{PASSWORD}\n"));
    pty.wait_for("Signed in as ada@example.com");
    assert_eq!(pty.exit_code(), Some(0), "{}", pty.shown());
    assert!(pty.echoes() && !pty.shown().contains(PASSWORD), "{}", pty.shown());
}

/// The address of the sign-in page: the last one on the screen.
fn page(shown: &str) -> String {
    let at = shown.rfind("https://localhost:").unwrap();
    shown[at..].split_whitespace().next().unwrap().to_owned()
}

#[test]
fn the_answer_of_a_browser_elsewhere_is_pasted() {
    let provider = Provider::start();
    let Some(mut pty) = Pty::start(&provider.command(&["--skip-open-browser"])) else { return };
    pty.wait_for("Please visit the following URL in your browser: http://localhost:");
    pty.wait_for("Paste it only here");
    pty.wait_for_echo(false);
    let answer = provider.answer_to(&page(&pty.shown()));
    pty.type_text("nonsense with blanks\n");
    pty.wait_for("not the answer");
    // Another provider's answer (RFC 9207) is none.
    pty.type_text(&format!("{}\n", answer.replace("iss=https", "iss=http")));
    pty.wait_for("another provider");
    pty.type_text(&format!("{answer}\n"));
    pty.wait_for("Signed in as ada@example.com");
    assert_eq!(pty.exit_code(), Some(0), "{}", pty.shown());
    assert!(pty.echoes() && !pty.shown().contains("code-1"), "{}", pty.shown());
}

#[test]
fn a_code_is_typed_and_a_wrong_one_is_asked_for_again() {
    let provider = Provider::start();
    let args = ["--grant-type=authcode-keyboard", "--oidc-redirect-url=http://localhost:1/cb"];
    let Some(mut pty) = Pty::start(&provider.command(&args)) else { return };
    pty.wait_for("Enter code: ");
    pty.wait_for_echo(false);
    let answer = provider.answer_to(&page(&pty.shown()));
    pty.type_text("two words\n");
    pty.wait_for("not the answer");
    let code = answer.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    pty.type_text(&format!("{code}\n"));
    pty.wait_for("Signed in as ada@example.com");
    assert_eq!(pty.exit_code(), Some(0), "{}", pty.shown());
}

#[test]
fn ctrl_c_ends_a_prompt() {
    let provider = Provider::start();
    for (args, prompt) in
        [(&["--grant-type=authcode-keyboard"][..], "Enter code: "), (&["--username=ada"][..], "Password: ")]
    {
        let Some(mut pty) = Pty::start(&provider.command(args)) else { return };
        pty.wait_for(prompt);
        pty.wait_for_echo(false);
        pty.type_text("\u{3}");
        assert_eq!(pty.exit_code(), Some(130), "{}", pty.shown());
        assert!(pty.echoes());
    }
}
