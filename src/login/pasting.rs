//! Pasting the answer of a browser sign-in: the way through where the user's browser cannot reach this machine,
//! as on a host over ssh.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::exec_credential::forbids_terminal;
use crate::oauth::pasted;
use crate::oauth::redirect::{Expected, RedirectAnswer};
use crate::sys::terminal::{HiddenInput, Input, NoInput, grouped};

/// After so many texts that are no answer, the terminal is left alone.
const MAX_WRONG: u32 = 5;

/// A terminal that waits for the answer. It neither echoes nor cuts what is pasted: a terminal's own line ends after
/// 1,024 bytes on macOS, and a code alone is longer.
#[derive(Debug)]
pub struct Pasting {
    input: Option<HiddenInput>,
    wrong: u32,
    /// The provider may show no more than the code.
    is_code: bool,
}

impl Pasting {
    /// Switches the terminal's echo off. To be called before the address of the sign-in page is shown.
    ///
    /// # Errors
    /// Why nothing can be pasted, as the end of a sentence.
    pub fn start(ctx: &Context) -> std::result::Result<Self, &'static str> {
        if !ctx.console.stderr_terminal().is_terminal {
            return Err(NoInput::NoTerminal.reason());
        }
        if forbids_terminal(&ctx.env) {
            return Err("the Kubernetes client keeps the terminal for itself");
        }
        let input = HiddenInput::open().map_err(NoInput::reason)?;
        Ok(Self { input: Some(input), wrong: 0, is_code: false })
    }

    /// The same for a code that the user is to enter, wherever stderr goes: it is what was asked for.
    ///
    /// # Errors
    /// Why the terminal cannot be used.
    pub fn start_for_code(is_forbidden: bool) -> std::result::Result<Self, NoInput> {
        let input = if is_forbidden { Err(NoInput::Taken) } else { HiddenInput::open() };
        Ok(Self { input: Some(input?), wrong: 0, is_code: true })
    }

    /// Whether nothing more will come.
    pub fn has_ended(&self) -> bool {
        self.input.is_none()
    }

    /// What the user has to do once the page is open.
    pub fn instructions(redirect_uri: &str) -> String {
        format!(
            "After signing in, the browser goes to an address that begins with {redirect_uri}/, which it may be unable to open.\n\
Copy that address, paste it here and press Enter; it is not shown.\n\
Paste it only here: anyone who has this address can sign in as you."
        )
    }

    /// The answer, once one was pasted. `takes_bare_code` says whether PKCE was sent. To be called often.
    ///
    /// # Errors
    /// A signal ends the process; it does when this is dropped.
    pub fn poll(
        &mut self,
        ctx: &Context,
        expected: &Expected,
        takes_bare_code: bool,
    ) -> Option<Result<RedirectAnswer>> {
        let Ok(input) = self.input.as_mut()?.poll() else {
            return Some(Err(Error::new("the sign-in was interrupted")));
        };
        let wrong = match input? {
            Input::Line(text) => {
                let characters = grouped(text.expose().chars().count());
                ctx.eprintln(&format!("kubelogin received {characters} characters."));
                let answer = match self.is_code {
                    true => pasted::read_code(text.expose(), expected),
                    false => pasted::read(text.expose(), expected, takes_bare_code),
                };
                match answer {
                    Ok(answer) => return Some(Ok(answer)),
                    Err(wrong) => wrong.sentence(),
                }
            }
            Input::TooLong => pasted::WrongText::TooLong.sentence(),
            Input::Resumed => {
                ctx.eprintln(match self.is_code {
                    true => "Enter the code.",
                    false => "Paste the browser's address here and press Enter.",
                });
                return None;
            }
            Input::Ended => {
                self.stop(ctx, "");
                return None;
            }
        };
        self.wrong += 1;
        if self.wrong < MAX_WRONG {
            ctx.eprintln(wrong)
        } else {
            self.stop(ctx, wrong)
        }
        None
    }

    /// Gives the terminal back. The browser on this machine may still answer.
    fn stop(&mut self, ctx: &Context, why: &str) {
        self.input = None;
        if self.is_code {
            return ctx.eprintln(why);
        }
        let rest = "kubelogin reads no more pasted text and waits for a browser on this machine.";
        ctx.eprintln(format!("{why}\n{rest}").trim_start());
    }
}
