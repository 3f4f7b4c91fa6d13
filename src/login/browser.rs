//! `interactive`: the user signs in in a browser, which comes back to a port of ours.

use super::person::Person;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::message::Response;
use crate::oauth::pkce::{Pkce, State};
use crate::oauth::redirect::{self, RedirectAnswer};
use crate::oauth::redirect_url::{Host, RedirectUrl};
use crate::oauth::token::{OauthError, Token, TokenFailure};
use crate::oauth::user_grant;
use crate::sys::loopback::{ConnectionStep, Loopback};
use crate::sys::process;
use crate::waiting::WaitNotice;
use std::time::Duration;

/// How the browser is used.
pub struct Browser {
    /// The account that the sign-in page suggests.
    pub login_hint: Option<String>,
    redirect: RedirectUrl,
    command: Option<String>,
    opens: bool,
    timeout: Duration,
}

impl Browser {
    /// Takes it from the options.
    ///
    /// # Errors
    /// A redirect URL that is not on the loopback interface.
    pub fn new(options: &Options) -> Result<Self> {
        Ok(Self {
            login_hint: options.text(Id::LoginHint).map(str::to_owned),
            redirect: options.text(Id::RedirectUrl).map(RedirectUrl::parse).transpose()?.unwrap_or_default(),
            command: options.text(Id::BrowserCommand).map(str::to_owned),
            opens: !options.is_on(Id::SkipOpenBrowser),
            timeout: options.duration(Id::AuthenticationTimeout),
        })
    }

    /// Signs in; waits for the user as long as `--authentication-timeout` says.
    ///
    /// # Errors
    /// The service's refusal, a port that is taken, nobody signing in in time.
    pub fn sign_in(&self, person: &Person) -> Result<Token> {
        let (session, ctx) = (&person.session, person.session.ctx);
        let endpoints = person.endpoints()?;
        let (v4, v6) = (self.redirect.host != Host::V6, self.redirect.host != Host::V4);
        let loopback = Loopback::bind(v4, v6, self.redirect.port)?;
        let redirect_uri = self.redirect.text(loopback.port());
        let (pkce, state) = (Pkce::new(ctx.random()?), State::new(ctx.random()?));
        let url = user_grant::authorize_url(
            &endpoints,
            &person.client_id,
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
            &person.client_id,
            &session.server,
            &redirect_uri,
            &code,
            &pkce,
        );
        session.token(request)
    }

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
        let step = |bytes: &[u8]| match redirect::step(bytes, &self.redirect, state) {
            redirect::RedirectStep::More => ConnectionStep::More,
            redirect::RedirectStep::Reply(page) => ConnectionStep::Reply(page),
            redirect::RedirectStep::End(page, answer) => ConnectionStep::End(page, answer),
        };
        let mut waiting = WaitNotice::after_prompt(ctx);
        let idle = || {
            waiting.tick(|| "the sign-in in the browser".to_owned());
            if let Some(failure) = browser.as_mut().and_then(process::Browser::failure) {
                ctx.eprintln(&format!("Warning: no browser was opened ({failure}); open the page by hand."));
            }
        };
        loopback.serve(ctx, self.timeout, step, idle).ok_or_else(|| {
            Error::new(format!("nobody signed in in the browser within {} s", self.timeout.as_secs()))
                .hint("run the command again; --authentication-timeout gives more time")
        })
    }

    fn open(&self, ctx: &Context, url: &str) -> Option<process::Browser> {
        let command = self.command.as_deref().or_else(|| ctx.env.text("BROWSER"));
        process::Browser::open(ctx, command, url)
            .map_err(|failure| {
                ctx.eprintln(&format!("Warning: no browser was opened ({failure}); open the page by hand."));
            })
            .ok()
    }
}

/// The browser's answer has no response of a token endpoint; its status is that of a refusal.
fn by_browser() -> Response {
    Response { status: 400, headers: Vec::new(), body: Vec::new(), request_id: String::new() }
}
