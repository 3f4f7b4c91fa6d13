//! `device-code`: the user enters a code on another device while we poll (RFC 8628).

use super::session::Refusal;
use super::{Oidc, no_device_endpoint};
use crate::cli::variables::secret_names;
use crate::error::{Error, Result};
use crate::http::web_url::WebUrl;
use crate::oauth::device_code::{self, DeviceCode, Poll, PollStep};
use crate::oauth::oidc::client::ClientAuth;
use crate::oauth::oidc::grant::{Grant, device_request, token_request};
use crate::oauth::oidc::tokens;
use crate::oauth::pkce::Pkce;
use crate::oauth::token::{Token, TokenFailure};
use crate::prompt::Prompt;
use crate::sys::browser::{self, Browser};
use crate::time::short_duration;
use crate::waiting::WaitNotice;
use std::time::Duration;

impl Oidc<'_> {
    /// Polls until the code expires.
    pub(super) fn device_code(&self) -> Result<Token> {
        let (session, ctx) = (&self.session, self.session.ctx);
        let provider = session.provider()?;
        let endpoint = provider.device_endpoint.as_deref().ok_or_else(no_device_endpoint)?;
        let pkce = self.pkce(&provider)?;
        let (device, pkce) = self.request_code(endpoint, pkce)?;
        self.show(&device);
        let auth = match session.settings.client.secret {
            Some(_) => ClientAuth::Post,
            None => ClientAuth::Public,
        };
        let start = ctx.clock.monotonic();
        let limit = session.settings.timeout.unwrap_or(Duration::MAX);
        let mut poll = Poll::new(&device, start);
        let mut wait = poll.start();
        let mut waiting = WaitNotice::after_prompt(ctx);
        loop {
            let left = limit.saturating_sub(ctx.clock.monotonic().saturating_sub(start));
            if left < wait {
                waiting.sleep(left, || "the code to be entered".to_owned());
                let text =
                    format!("timed out after {} waiting for the code to be entered", short_duration(limit));
                return Err(Error::unanswered(text)
                    .hint("run the command again, with a longer --authentication-timeout-sec"));
            }
            waiting.sleep(wait, || "the code to be entered".to_owned());
            let grant = Grant::DeviceCode(&device.code, pkce.as_ref());
            let answer = session.send(token_request(&provider, &session.settings.client, auth, &grant));
            wait = match poll.step_with(answer, ctx.clock.monotonic(), tokens::read) {
                PollStep::Wait(wait) => wait,
                PollStep::Done(tokens) => {
                    drop(waiting);
                    return self.checked(tokens, None);
                }
                PollStep::Refused(failure, response) => {
                    return Err(
                        session.explain(Refusal::Answer(failure, Box::new(response)), &session.facts())
                    );
                }
                PollStep::End(error) => return Err(error),
            };
        }
    }

    /// Asks for a code, with PKCE where it is wanted. Some providers refuse a request with parameters that they do
    /// not know: then once without.
    fn request_code(&self, endpoint: &str, pkce: Option<Pkce>) -> Result<(DeviceCode, Option<Pkce>)> {
        let (session, settings) = (&self.session, &self.session.settings);
        let ask = |pkce: Option<&Pkce>| -> Result<std::result::Result<DeviceCode, Refusal>> {
            let request = device_request(endpoint, &settings.client, &settings.scope, pkce);
            let response = session.send(request)?;
            Ok(device_code::read(&response).map_err(|failure| Refusal::Answer(failure, Box::new(response))))
        };
        let explain = |refusal| session.explain(refusal, &session.facts());
        match ask(pkce.as_ref())? {
            Ok(device) => Ok((device, pkce)),
            Err(Refusal::Answer(TokenFailure::Oauth(error), response))
                if pkce.is_some() && response.status == 400 && error.error == "invalid_request" =>
            {
                ask(None)?.map(|device| (device, None)).map_err(explain)
            }
            Err(refusal) => Err(explain(refusal)),
        }
    }

    /// Opens a page, unless none is to be opened or can be.
    fn open(&self, address: &str) -> Option<Browser> {
        let ctx = self.session.ctx;
        let openers = self.opens.then(|| browser::openers(ctx, self.command.as_deref()))?;
        let opened = openers.and_then(|openers| Browser::open(ctx, openers, address, secret_names()));
        opened.map_err(|why| ctx.log(1, || format!("no browser was opened ({why})"))).ok()
    }

    /// Shows the code, and opens the page where it may be opened: its address is the provider's text.
    fn show(&self, device: &DeviceCode) {
        let ctx = self.session.ctx;
        let page = device.complete_address.as_deref().unwrap_or(&device.address);
        ctx.prompts.publish(&device.prompt);
        if let Prompt::DeviceCode { user_code, .. } = &device.prompt {
            ctx.eprintln(&format!("Please enter the following code when asked in your browser: {user_code}"));
        }
        let opened = WebUrl::parse(page).ok().and_then(|url| self.open(&url.text()));
        match opened {
            Some(_) => ctx
                .eprintln(&format!("Opening the page in your browser. If it does not open, visit:\n{page}")),
            None => ctx.eprintln(&format!("Please visit the following URL in your browser: {page}")),
        }
    }
}
