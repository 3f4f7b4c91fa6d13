//! The page on which a user signs in: it is opened or shown, and the first answer counts, whichever way it comes.
//!
//! ```text
//! no browser can be opened, or none shall be ──> on a terminal, an answer can be pasted ─┐
//!                    ^                                                                    v
//! a browser is opened ──> it fails later         the loopback listener waits ──> the first answer counts
//! ```

use super::Finding;
use super::pasting::Pasting;
use crate::cli::flags::Id;
use crate::cli::variables::secret_names;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::redirect::{self, Expected, Pages, RedirectAnswer};
use crate::prompt::Prompt;
use crate::sys::browser;
use crate::sys::loopback::{ConnectionStep, Loopback};
use crate::time::short_duration;
use crate::waiting::WaitNotice;
use std::time::Duration;

/// One authorization request, whose answer may come back in two ways.
pub struct SignInPage<'a> {
    /// For a program to open.
    pub opened: String,
    /// For a user to open.
    pub printed: String,
    /// Where the browser is sent afterwards.
    pub redirect_uri: &'a str,
    /// Where requests to the listener lead.
    pub pages: Pages<'a>,
    /// What an answer must have to be taken.
    pub expected: Expected<'a>,
    /// Whether PKCE was sent, so that a bare code can be pasted.
    pub has_pkce: bool,
    /// Whether a browser is opened.
    pub opens: bool,
    /// The program that opens it, if the user named one.
    pub command: Option<&'a str>,
    /// How long to wait.
    pub timeout: Duration,
    /// A short address of the listener that leads to the page, for a browser on this machine.
    pub short: Option<String>,
    /// The flag that gives more time.
    pub timeout_flag: Id,
}

impl SignInPage<'_> {
    /// Opens the page and waits for the first answer, from the browser or pasted.
    pub fn wait(&self, ctx: &Context, loopback: Loopback) -> Result<RedirectAnswer> {
        let mut browser = self.open(ctx);
        // Before the address is shown: what follows it must not be echoed.
        let mut pasting = browser.is_none().then(|| Pasting::start(ctx));
        let cancel = if ctx.console.stderr_terminal().is_terminal { " (Ctrl-C to cancel)" } else { "" };
        const OPENING: &str = "Opening the sign-in page in your browser. If it does not open, visit";
        match (&self.short, &pasting) {
            (Some(short), None) => ctx.eprintln(&format!("{OPENING}{cancel}:\n{short}")),
            // The words by which other programs find the address.
            (Some(short), Some(pasting)) => {
                ctx.eprintln(&format!("Please visit the following URL in your browser: {short}"));
                if pasting.is_ok() {
                    let text = "For a browser on another machine, open this page there";
                    ctx.eprintln(&format!("\n{text}{cancel}:\n{}", self.printed));
                }
            }
            (None, None) => ctx.eprintln(&format!("{OPENING}{cancel}:\n{}", self.printed)),
            (None, Some(pasting)) => {
                let place = if pasting.is_ok() { "any browser" } else { "a browser on this machine" };
                ctx.eprintln(&format!("To sign in, open this page in {place}{cancel}:\n{}", self.printed));
            }
        }
        ctx.prompts.publish(&Prompt::Browser { address: self.printed.clone() });
        if let Some(pasting) = &pasting {
            explain_pasting(ctx, pasting, self);
        }
        let step = |bytes: &[u8]| match redirect::step(bytes, &self.pages, &self.expected) {
            redirect::RedirectStep::More => ConnectionStep::More,
            redirect::RedirectStep::Reply(page) => ConnectionStep::Reply(page),
            redirect::RedirectStep::End(page, answer) => ConnectionStep::End(page, Ok(answer)),
        };
        let mut waiting = WaitNotice::after_prompt(ctx);
        let idle = || {
            waiting.tick(|| "the sign-in in the browser".to_owned());
            if let Some(failure) = browser.as_mut().and_then(browser::Browser::failure) {
                ctx.warn(&not_opened(&failure));
                explain_pasting(ctx, pasting.insert(Pasting::start(ctx)), self);
            }
            pasting.as_mut()?.as_mut().ok()?.poll(ctx, &self.expected, self.has_pkce)
        };
        loopback.serve(ctx, self.timeout, step, idle).unwrap_or_else(|| {
            let (timeout, flag) = (short_duration(self.timeout), self.timeout_flag.dashed());
            Err(Error::unanswered(format!("timed out after {timeout} waiting for the browser sign-in"))
                .hint(format!("run the command again, with a longer {flag} if you need more time")))
        })
    }

    fn open(&self, ctx: &Context) -> Option<browser::Browser> {
        if !self.opens {
            return None;
        }
        browser::openers(ctx, self.command)
            .and_then(|openers| browser::Browser::open(ctx, openers, &self.opened, secret_names()))
            .map_err(|failure| ctx.warn(&not_opened(&failure)))
            .ok()
    }
}

/// What doctor says of the browser.
pub fn check_openers(ctx: &Context, opens: bool, command: Option<&str>) -> Finding {
    if !opens {
        return Finding::Good("the address of the sign-in page is printed, no browser is opened".to_owned());
    }
    match browser::openers(ctx, command) {
        Ok(openers) => {
            let program = openers.first().map(|opener| opener.program.display().to_string());
            Finding::Good(format!("the browser is opened with {}", program.unwrap_or_default()))
        }
        Err(reason) => Finding::Doubtful(
            format!("no browser can be opened ({reason}); the address is printed"),
            "sign in on a terminal, where you can paste the browser's answer, or set BROWSER",
        ),
    }
}

/// Says how to paste the answer, or where that is possible.
fn explain_pasting(ctx: &Context, pasting: &std::result::Result<Pasting, &str>, page: &SignInPage) {
    match pasting {
        Ok(_) => ctx.eprintln(&Pasting::instructions(page.redirect_uri)),
        // There is no pasting there.
        Err(_) if cfg!(windows) => {}
        Err(reason) => ctx.eprintln(&format!(
            "To use a browser on another machine, run kubelogin in a terminal and paste the answer there (here {reason})."
        )),
    }
}

fn not_opened(failure: &str) -> String {
    format!("no browser was opened ({failure})")
}
