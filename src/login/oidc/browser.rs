//! `authcode` and `authcode-keyboard`: the user signs in in a browser, and the code comes back to a port of ours or by
//! the user's hand.

use super::Oidc;
use super::session::Refusal;
use crate::cli::flags::Id;
use crate::error::{Error, Result};
use crate::exec_credential::forbids_terminal;
use crate::http::web_url::WebUrl;
use crate::login::browser::by_browser;
use crate::login::pasting::Pasting;
use crate::login::sign_in_page::SignInPage;
use crate::oauth::oidc::authorize::AuthorizationRequest;
use crate::oauth::oidc::grant::Grant;
use crate::oauth::oidc::provider::Provider;
use crate::oauth::oidc::remedy::Facts;
use crate::oauth::pasted;
use crate::oauth::pkce::{Pkce, State};
use crate::oauth::redirect::{Expected, ExpectedIssuer, Pages, RedirectAnswer};
use crate::oauth::token::{OauthError, Token, TokenFailure};
use crate::sys::loopback::Loopback;
use crate::sys::terminal;
use crate::time::short_duration;
use crate::waiting::WaitNotice;
use std::time::Duration;

/// How long the browser has.
const BROWSER_TIMEOUT: Duration = Duration::from_secs(180);
/// How long a user has who types the code.
const KEYBOARD_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// How often the terminal is read.
const POLL: Duration = Duration::from_millis(20);

/// What ties an answer to its request.
struct Ties {
    state: State,
    nonce: State,
    pkce: Option<Pkce>,
}

impl Oidc<'_> {
    /// In a browser that is redirected to this machine (RFC 8252).
    pub(super) fn browser(&self) -> Result<Token> {
        let (session, ctx) = (&self.session, self.session.ctx);
        let settings = &session.settings;
        let provider = session.provider()?;
        let endpoint = authorization_endpoint(&provider)?;
        let loopback = Loopback::bind_first(&settings.places)?;
        let redirect_uri = settings.redirect_uri(loopback.port());
        let ties = self.ties(&provider)?;
        let request = self.request(endpoint, Some(&redirect_uri), &ties);
        let (start, printed) = (request.url(false), request.url(true));
        // The browser's own address is short; it is opened where it leads to this machine for certain.
        let short = origin(&redirect_uri).map(|origin| format!("{origin}/"));
        let opened = short.as_ref().and_then(|short| WebUrl::parse(short).ok()).map(|url| url.text());
        let page = SignInPage {
            opened: opened.unwrap_or_else(|| start.clone()),
            printed,
            short,
            redirect_uri: &redirect_uri,
            expected: self.expected(&provider, &ties),
            pages: Pages { path: path(&redirect_uri), start: Some(&start), after: settings.done.as_deref() },
            has_pkce: ties.pkce.is_some(),
            opens: self.opens,
            command: self.command.as_deref(),
            timeout: settings.timeout.unwrap_or(BROWSER_TIMEOUT),
            timeout_flag: Id::AuthenticationTimeoutSec,
        };
        let answer = page.wait(ctx, loopback)?;
        self.redeem(answer, Some(&redirect_uri), &ties)
    }

    /// In a browser whose answer the user types or pastes.
    pub(super) fn keyboard(&self) -> Result<Token> {
        let (session, ctx) = (&self.session, self.session.ctx);
        let provider = session.provider()?;
        let endpoint = authorization_endpoint(&provider)?;
        let redirect_uri = session.settings.redirect_url.as_deref();
        let ties = self.ties(&provider)?;
        let expected = self.expected(&provider, &ties);
        let url = self.request(endpoint, redirect_uri, &ties).url(true);
        // Before the address is shown: what follows it must not be echoed.
        let pasting = Pasting::start_for_code(forbids_terminal(&ctx.env));
        ctx.eprintln(&format!("Please visit the following URL in your browser: {url}"));
        ctx.eprintln("Enter code: ");
        let answer = match pasting {
            Ok(pasting) => self.typed(pasting, &expected)?,
            Err(_) => read_stdin(&expected)?,
        };
        self.redeem(answer, redirect_uri, &ties)
    }

    fn typed(&self, mut pasting: Pasting, expected: &Expected) -> Result<RedirectAnswer> {
        let ctx = self.session.ctx;
        let timeout = self.session.settings.timeout.unwrap_or(KEYBOARD_TIMEOUT);
        let start = ctx.clock.monotonic();
        let mut waiting = WaitNotice::after_prompt(ctx);
        while ctx.clock.monotonic().saturating_sub(start) < timeout {
            if let Some(answer) = pasting.poll(ctx, expected, true) {
                return answer;
            }
            if pasting.has_ended() {
                return Err(Error::new("could not read an authorization code"));
            }
            waiting.tick(|| "the code".to_owned());
            ctx.clock.sleep(POLL);
        }
        Err(Error::unanswered(format!("timed out after {} waiting for the code", short_duration(timeout)))
            .hint("run the command again, with a longer --authentication-timeout-sec if you need more time"))
    }

    fn ties(&self, provider: &Provider) -> Result<Ties> {
        let ctx = self.session.ctx;
        Ok(Ties {
            state: State::new(ctx.random()?),
            nonce: State::new(ctx.random()?),
            pkce: self.pkce(provider)?,
        })
    }

    fn request<'r>(
        &'r self,
        endpoint: &'r str,
        redirect_uri: Option<&'r str>,
        ties: &'r Ties,
    ) -> AuthorizationRequest<'r> {
        let settings = &self.session.settings;
        AuthorizationRequest {
            endpoint,
            client_id: &settings.client.id,
            scope: &settings.scope,
            redirect_uri,
            state: &ties.state,
            nonce: ties.nonce.expose(),
            pkce: ties.pkce.as_ref(),
            parameters: &settings.parameters,
        }
    }

    fn expected<'e>(&'e self, provider: &Provider, ties: &'e Ties) -> Expected<'e> {
        let issuer = self.session.settings.issuer.as_str();
        let issuer = match provider.sends_issuer {
            true => ExpectedIssuer::Required(issuer),
            false => ExpectedIssuer::IfPresent(issuer),
        };
        Expected { state: &ties.state, issuer }
    }

    /// Exchanges the browser's answer for tokens.
    fn redeem(&self, answer: RedirectAnswer, redirect_uri: Option<&str>, ties: &Ties) -> Result<Token> {
        let facts = Facts {
            redirect_uri: redirect_uri.unwrap_or_default().to_owned(),
            has_pkce: ties.pkce.is_some(),
            ..self.session.facts()
        };
        let code = match answer {
            RedirectAnswer::Code(code) => code,
            RedirectAnswer::Refused { error, description } => {
                let error = OauthError { error, error_description: description, ..Default::default() };
                let refusal = Refusal::Answer(TokenFailure::Oauth(Box::new(error)), Box::new(by_browser()));
                return Err(self.session.explain(refusal, &facts));
            }
        };
        let grant = Grant::Code { code: &code, redirect_uri, pkce: ties.pkce.as_ref() };
        let tokens =
            self.session.exchange(&grant).map_err(|refusal| self.session.explain(refusal, &facts))?;
        self.checked(tokens, Some(ties.nonce.expose()))
    }
}

fn authorization_endpoint(provider: &Provider) -> Result<&str> {
    provider
        .authorization_endpoint
        .as_deref()
        .ok_or_else(|| Error::new("the provider names no authorization_endpoint"))
}

/// `scheme://host[:port]` of an http address of any host.
fn origin(url: &str) -> Option<&str> {
    let after = url.find("://")? + 3;
    let end = url.get(after..)?.find(['/', '?', '#']).map_or(url.len(), |end| after + end);
    url.get(..end)
}

/// The path of an address; `/` where it has none.
fn path(url: &str) -> &str {
    let rest = origin(url).and_then(|origin| url.strip_prefix(origin)).unwrap_or_default();
    match rest.split(['?', '#']).next().unwrap_or_default() {
        "" => "/",
        path => path,
    }
}

/// One line of stdin, where there is no terminal.
fn read_stdin(expected: &Expected) -> Result<RedirectAnswer> {
    let failed = |why: &str| Error::new(format!("could not read an authorization code: {why}"));
    let line = terminal::read_stdin_line().map_err(|e| failed(&format!("read error: {e}")))?;
    pasted::read_code(line.expose(), expected).map_err(|wrong| failed(wrong.sentence()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_redirect_address() {
        for (url, host, at) in [
            ("http://localhost:8000", Some("http://localhost:8000"), "/"),
            ("http://foo.example:8000/a/b?x", Some("http://foo.example:8000"), "/a/b"),
            ("https://a/", Some("https://a"), "/"),
            ("https://a?x", Some("https://a"), "/"),
            ("urn:ietf:wg:oauth:2.0:oob", None, "/"),
        ] {
            assert_eq!((origin(url), path(url)), (host, at), "{url}");
        }
    }
}
