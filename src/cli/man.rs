//! The manual page, in man(7)'s language, derived from the flag table: `kubelogin help --man`.

use super::flags::{COMMANDS, FLAGS, Flag};
use super::help::{sentence, value_name};
use super::variables::VARIABLES;
use crate::mode::Mode;

/// The page.
pub fn page() -> String {
    let mut page = format!(
        ".TH KUBELOGIN 1 \"\" \"kubelogin {}\" \"User Commands\"\n.SH NAME\nkubelogin \\- sign in to Kubernetes through Microsoft Entra ID\n",
        env!("CARGO_PKG_VERSION")
    );
    page += ".SH SYNOPSIS\n.B kubelogin\n.I command\n.RI [ flags ]\n.SH DESCRIPTION\n";
    page += &text(
        "A client-go credential (exec) plugin: kubectl runs it to get a token. convert-kubeconfig makes a kubeconfig use it.",
    );
    page += ".SH COMMANDS\n";
    for row in COMMANDS {
        page += &format!(".TP\n.B {}\n{}", escape(row.name), text(row.about));
    }
    page += ".SH LOGIN METHODS\n";
    let names: Vec<&str> = Mode::ALL.iter().map(|(_, name)| *name).collect();
    page += &text(&names.join(", "));
    page += ".SH FLAGS\n";
    for flag in FLAGS {
        page +=
            &format!(".TP\n{}\n{}", heading(flag), text(&format!("{} [{}]", sentence(flag), commands(flag))));
    }
    page += ".SH ENVIRONMENT\nBeside the variables that are named with the flags:\n";
    for variable in VARIABLES {
        page += &format!(".TP\n.B {}\n{}", escape(variable.name), text(variable.about));
    }
    page += ".SH FILES\n.TP\n.I ~/.kube/cache/kubelogin\n";
    page += &text("cached tokens and the key of proof of possession, readable by their user alone");
    page += ".SH EXIT STATUS\n";
    page += &text("0; 1 after a failure, with an Error line on standard error; 130 when interrupted.");
    page + ".SH SEE ALSO\n.BR kubectl (1)\n"
}

fn heading(flag: &Flag) -> String {
    let short = flag.short.map_or(String::new(), |short| format!("\\-{short}, "));
    let value = match value_name(flag) {
        "" => String::new(),
        value => format!(" \\fI{value}\\fR"),
    };
    format!("\\fB{short}\\-\\-{}\\fR{value}", escape(flag.long))
}

fn commands(flag: &Flag) -> String {
    let names: Vec<&str> =
        COMMANDS.iter().filter(|row| flag.belongs_to(row.command)).map(|row| row.name).collect();
    if names.len() == COMMANDS.len() { "all commands".to_owned() } else { names.join(", ") }
}

/// A line of running text.
fn text(text: &str) -> String {
    let text = escape(text);
    // A dot or a quote at a line's beginning would be a command.
    let guard = if text.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{text}\n")
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_flag_is_in_it() {
        let page = page();
        for row in COMMANDS {
            assert!(page.contains(&format!("\n.B {}\n", row.name.replace('-', "\\-"))), "{}", row.name);
        }
        for flag in FLAGS {
            assert!(page.contains(&format!("\\-\\-{}\\fR", flag.long.replace('-', "\\-"))), "{}", flag.long);
        }
        assert!(page.lines().all(|line| !line.is_empty()));
    }
}
