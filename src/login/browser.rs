//! `interactive`: the user signs in in a browser, which is redirected to a port of ours (RFC 8252).

use super::pop::Pop;
use super::sign_in_page::{SignInPage, check_openers};
use super::user_client::UserClient;
use super::{Finding, SignIn};
use crate::cache::{Entry, Key, RefreshError};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::Result;
use crate::http::message::Response;
use crate::oauth::pkce::{Pkce, State};
use crate::oauth::redirect::{Expected, ExpectedIssuer, Pages, RedirectAnswer};
use crate::oauth::redirect_url::RedirectUrl;
use crate::oauth::token::{OauthError, Token, TokenFailure};
use crate::oauth::user_grant::{self, ResponseMode};
use crate::sys::loopback::Loopback;
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
            pages: Pages { path: "/", ..Pages::default() },
            expected: Expected { state: &state, issuer: ExpectedIssuer::Any },
            has_pkce: true,
            opens: self.opens,
            command: self.command.as_deref(),
            timeout: self.timeout,
            short: None,
            timeout_flag: Id::AuthenticationTimeout,
        };
        let code = match page.wait(ctx, loopback)? {
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
        Ok(check_openers(self.client.session.ctx, self.opens, self.command.as_deref()))
    }
}

/// The browser's answer has no response of a token endpoint; its status is that of a refusal.
pub(super) fn by_browser() -> Response {
    Response { status: 400, headers: Vec::new(), body: Vec::new(), request_id: String::new() }
}
