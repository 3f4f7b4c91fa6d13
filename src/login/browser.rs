//! `interactive`: the user signs in in a browser, which is redirected to a port of ours (RFC 8252).

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
use crate::oauth::user_grant;
use crate::secret::Secret;
use crate::sys::loopback::{ConnectionStep, Loopback};
use crate::sys::process;
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
        let url = user_grant::authorize_url(
            &endpoints,
            &self.client.client_id,
            &session.server,
            &redirect_uri,
            (&pkce, &state),
            self.login_hint.as_deref(),
        );
        let code = match self.wait(ctx, loopback, &url, &state)? {
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

    fn refresh(&self, ctx: &Context, refresh_token: &Secret) -> std::result::Result<Entry, RefreshError> {
        self.client.refresh(ctx, refresh_token)
    }

    fn pop(&self) -> Option<&Pop> {
        self.client.session.pop.as_ref()
    }

    fn check(&self) -> Result<Finding> {
        if !self.opens {
            let text = "the address of the sign-in page is printed, no browser is opened";
            return Ok(Finding::Good(text.to_owned()));
        }
        let ctx = self.client.session.ctx;
        let command = self.command.as_deref().or_else(|| ctx.env.text("BROWSER"));
        Ok(match process::find_browser(ctx, command) {
            Some(path) => Finding::Good(format!("the browser is opened with {}", path.display())),
            None => Finding::Doubtful(
                "no program that opens a browser was found; the address is printed".to_owned(),
                "open it by hand, set BROWSER, or use devicecode where policies allow it",
            ),
        })
    }
}

impl Browser<'_> {
    /// Opens the page and waits for what the browser brings.
    fn wait(&self, ctx: &Context, loopback: Loopback, url: &str, state: &State) -> Result<RedirectAnswer> {
        let mut browser = None;
        if self.opens {
            ctx.eprintln(&format!(
                "Sign in in the browser that opens now, or open this page in one (Ctrl-C ends it):\n{url}"
            ));
            browser = self.open(ctx, url);
        } else {
            ctx.eprintln(&format!(
                "To sign in, open this page in a browser on this machine (Ctrl-C ends it):\n{url}"
            ));
        }
        let expected = Expected { state, issuer: ExpectedIssuer::Any };
        let step = |bytes: &[u8]| match redirect::step(bytes, "/", &expected) {
            redirect::RedirectStep::More => ConnectionStep::More,
            redirect::RedirectStep::Reply(page) => ConnectionStep::Reply(page),
            redirect::RedirectStep::End(page, answer) => ConnectionStep::End(page, answer),
        };
        let mut waiting = WaitNotice::after_prompt(ctx);
        let idle = || {
            waiting.tick(|| "the sign-in in the browser".to_owned());
            if let Some(failure) = browser.as_mut().and_then(process::Browser::failure) {
                ctx.warn(&not_opened(&failure));
            }
        };
        loopback.serve(ctx, self.timeout, step, idle).ok_or_else(|| {
            Error::new(format!("nobody signed in in the browser within {} s", self.timeout.as_secs()))
                .hint("run the command again; --authentication-timeout gives more time")
        })
    }

    fn open(&self, ctx: &Context, url: &str) -> Option<process::Browser> {
        let command = self.command.as_deref().or_else(|| ctx.env.text("BROWSER"));
        process::Browser::open(ctx, command, url, &secret_names().collect::<Vec<_>>())
            .map_err(|failure| {
                ctx.warn(&not_opened(&failure));
            })
            .ok()
    }
}

fn not_opened(failure: &str) -> String {
    format!("no browser was opened ({failure}); open the page by hand.")
}

/// The browser's answer has no response of a token endpoint; its status is that of a refusal.
fn by_browser() -> Response {
    Response { status: 400, headers: Vec::new(), body: Vec::new(), request_id: String::new() }
}
