//! `interactive`: the user signs in in a browser, which is redirected to a port of ours (RFC 8252).
//!
//! ```text
//! no browser can be opened, or none shall be ──> on a terminal, an answer can be pasted ─┐
//!                    ^                                                                    v
//! a browser is opened ──> it fails later         the loopback listener waits ──> the first answer counts
//! ```

use super::pasting::Pasting;
use super::pop::Pop;
use super::user_client::UserClient;
use super::{Finding, SignIn};
use crate::cache::{Entry, Key, RefreshError};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::cli::variables::secret_names;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::message::Response;
use crate::oauth::pkce::{Pkce, State};
use crate::oauth::redirect::{self, Expected, ExpectedIssuer, RedirectAnswer};
use crate::oauth::redirect_url::RedirectUrl;
use crate::oauth::token::{OauthError, Token, TokenFailure};
use crate::oauth::user_grant::{self, ResponseMode};
use crate::prompt::Prompt;
use crate::sys::browser;
use crate::sys::loopback::{ConnectionStep, Loopback};
use crate::time::short_duration;
use crate::waiting::WaitNotice;
use std::time::Duration;

struct Browser<'a> {
    client: UserClient<'a>,
    /// The account that the sign-in page suggests.
    login_hint: Option<String>,
    redirect: RedirectUrl,
    command: Option<String>,
    opens: bool,
    timeout: Duration,
}

/// The sign-in that the options describe.
///
/// # Errors
/// As [`UserClient::new`]; a redirect URL that is not on the loopback interface.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    options.required(Id::ClientId, "client ID")?;
    Ok(Box::new(Browser {
        login_hint: options.text(Id::LoginHint).map(str::to_owned),
        redirect: options.text(Id::RedirectUrl).map(RedirectUrl::parse).transpose()?.unwrap_or_default(),
        command: options.text(Id::BrowserCommand).map(str::to_owned),
        opens: !options.is_on(Id::SkipOpenBrowser),
        timeout: options.duration(Id::AuthenticationTimeout),
        client: UserClient::new(ctx, options)?,
    }))
}

impl SignIn for Browser<'_> {
    fn key(&self) -> Option<Key> {
        Some(self.client.key(self.login_hint.as_deref()))
    }

    /// Waits for the user as long as `--authentication-timeout` says.
    fn acquire(&self) -> Result<Token> {
        let (session, ctx) = (&self.client.session, self.client.session.ctx);
        let endpoints = self.client.endpoints()?;
        let loopback = Loopback::bind(true, true, self.redirect.port)?;
        let redirect_uri = self.redirect.text(loopback.port());
        let (pkce, state) = (Pkce::new(ctx.random()?), State::new(ctx.random()?));
        let url = |mode| {
            user_grant::authorize_url(
                &endpoints,
                &self.client.client_id,
                &session.server,
                &redirect_uri,
                (&pkce, &state),
                self.login_hint.as_deref(),
                mode,
            )
        };
        let page = SignInPage {
            opened: url(ResponseMode::FormPost),
            printed: url(ResponseMode::Query),
            redirect_uri: &redirect_uri,
            state: &state,
        };
        let code = match self.wait(ctx, loopback, &page)? {
            RedirectAnswer::Code(code) => code,
            RedirectAnswer::Refused { error, description } => {
                let error = OauthError { error, error_description: description, ..Default::default() };
                return Err(session.explain(TokenFailure::Oauth(Box::new(error)), &by_browser()));
            }
        };
        let request = user_grant::authorization_code(
            &endpoints,
            &self.client.client_id,
            &session.server,
            &redirect_uri,
            &code,
            &pkce,
        );
        session.token(request)
    }

    fn prompts(&self) -> bool {
        true
    }

    fn shares_refresh_tokens(&self) -> bool {
        self.client.shares_refresh_tokens()
    }

    fn refresh_with_relative(
        &self,
        ctx: &Context,
        relative: &Entry,
    ) -> std::result::Result<Entry, RefreshError> {
        self.client.refresh_with_relative(ctx, relative)
    }

    fn refresh(&self, ctx: &Context, cached: &Entry) -> std::result::Result<Entry, RefreshError> {
        self.client.refresh(ctx, cached)
    }

    fn pop(&self) -> Option<&Pop> {
        self.client.session.pop.as_ref()
    }

    fn check(&self) -> Result<Finding> {
        if !self.opens {
            let text = "the address of the sign-in page is printed, no browser is opened";
            return Ok(Finding::Good(text.to_owned()));
        }
        Ok(match browser::openers(self.client.session.ctx, self.command.as_deref()) {
            Ok(openers) => {
                let program = openers.first().map(|opener| opener.program.display().to_string());
                Finding::Good(format!("the browser is opened with {}", program.unwrap_or_default()))
            }
            Err(reason) => Finding::Doubtful(
                format!("no browser can be opened ({reason}); the address is printed"),
                "sign in on a terminal, where you can paste the browser's answer, or set BROWSER",
            ),
        })
    }
}

/// The page on which the user signs in: one request, whose answer may come back in two ways.
struct SignInPage<'a> {
    /// For a program to open.
    opened: String,
    /// For a user to open.
    printed: String,
    redirect_uri: &'a str,
    state: &'a State,
}

impl Browser<'_> {
    /// Opens the page and waits for the first answer, from the browser or pasted.
    fn wait(&self, ctx: &Context, loopback: Loopback, page: &SignInPage) -> Result<RedirectAnswer> {
        let mut browser = self.open(ctx, page);
        // Before the address is shown: what follows it must not be echoed.
        let mut pasting = browser.is_none().then(|| Pasting::start(ctx));
        let cancel = if ctx.console.stderr_terminal().is_terminal { " (Ctrl-C to cancel)" } else { "" };
        let what = match &pasting {
            None => "Opening the sign-in page in your browser. If it does not open, visit",
            Some(Ok(_)) => "To sign in, open this page in any browser",
            Some(Err(_)) => "To sign in, open this page in a browser on this machine",
        };
        ctx.eprintln(&format!("{what}{cancel}:\n{}", page.printed));
        ctx.prompts.publish(&Prompt::Browser { address: page.printed.clone() });
        if let Some(pasting) = &pasting {
            explain_pasting(ctx, pasting, page);
        }
        let expected = Expected { state: page.state, issuer: ExpectedIssuer::Any };
        let step = |bytes: &[u8]| match redirect::step(bytes, "/", &expected) {
            redirect::RedirectStep::More => ConnectionStep::More,
            redirect::RedirectStep::Reply(page) => ConnectionStep::Reply(page),
            redirect::RedirectStep::End(page, answer) => ConnectionStep::End(page, Ok(answer)),
        };
        let mut waiting = WaitNotice::after_prompt(ctx);
        let idle = || {
            waiting.tick(|| "the sign-in in the browser".to_owned());
            if let Some(failure) = browser.as_mut().and_then(browser::Browser::failure) {
                ctx.warn(&not_opened(&failure));
                explain_pasting(ctx, pasting.insert(Pasting::start(ctx)), page);
            }
            pasting.as_mut()?.as_mut().ok()?.poll(ctx, &expected, true)
        };
        loopback.serve(ctx, self.timeout, step, idle).unwrap_or_else(|| {
            let timeout = short_duration(self.timeout);
            Err(Error::unanswered(format!("timed out after {timeout} waiting for the browser sign-in"))
                .hint("run the command again, with a longer --authentication-timeout if you need more time"))
        })
    }

    fn open(&self, ctx: &Context, page: &SignInPage) -> Option<browser::Browser> {
        if !self.opens {
            return None;
        }
        browser::openers(ctx, self.command.as_deref())
            .and_then(|openers| browser::Browser::open(ctx, openers, &page.opened, secret_names()))
            .map_err(|failure| ctx.warn(&not_opened(&failure)))
            .ok()
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

/// The browser's answer has no response of a token endpoint; its status is that of a refusal.
fn by_browser() -> Response {
    Response { status: 400, headers: Vec::new(), body: Vec::new(), request_id: String::new() }
}
