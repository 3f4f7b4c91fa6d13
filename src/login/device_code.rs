//! `devicecode`: the user enters a code on another device while we poll (RFC 8628).

use super::user_client::UserClient;
use super::{Finding, SignIn};
use crate::cache::{Entry, Key, RefreshError};
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::Result;
use crate::oauth::device_code::{self, Poll, PollStep};
use crate::oauth::token::Token;
use crate::waiting::WaitNotice;

struct DeviceCode<'a>(UserClient<'a>);

/// The sign-in that the options describe.
///
/// # Errors
/// As [`UserClient::new`].
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    Ok(Box::new(DeviceCode(UserClient::new(ctx, options)?)))
}

impl SignIn for DeviceCode<'_> {
    fn key(&self) -> Option<Key> {
        Some(self.0.key(None))
    }

    /// Polls until the code expires.
    fn acquire(&self) -> Result<Token> {
        let Self(client) = self;
        let (session, ctx) = (&client.session, client.session.ctx);
        let endpoints = client.endpoints()?;
        let request = device_code::request(&endpoints, &client.client_id, &session.server);
        let response = session.http.send(ctx, &request)?;
        let device = device_code::read(&response).map_err(|failure| session.explain(failure, &response))?;
        ctx.eprintln(&device.message);
        ctx.prompts.publish(&device.prompt);
        let mut poll = Poll::new(&device, ctx.clock.monotonic());
        let mut wait = poll.start();
        let mut waiting = WaitNotice::after_prompt(ctx);
        loop {
            waiting.sleep(wait, || "the code to be entered".to_owned());
            let request = device_code::poll_request(
                &endpoints,
                &client.client_id,
                &session.server,
                &device,
                client.is_v1(),
            );
            let answer = session.http.send(ctx, &request);
            wait = match poll.step(answer, ctx.clock.monotonic(), ctx.now()) {
                PollStep::Wait(wait) => wait,
                PollStep::Done(token) => return Ok(token),
                PollStep::Refused(failure, response) => return Err(session.explain(failure, &response)),
                PollStep::End(error) => return Err(error),
            };
        }
    }

    fn prompts(&self) -> bool {
        true
    }

    fn shares_refresh_tokens(&self) -> bool {
        self.0.shares_refresh_tokens()
    }

    fn refresh_with_relative(
        &self,
        ctx: &Context,
        relative: &Entry,
    ) -> std::result::Result<Entry, RefreshError> {
        self.0.refresh_with_relative(ctx, relative)
    }

    fn refresh(&self, ctx: &Context, cached: &Entry) -> std::result::Result<Entry, RefreshError> {
        self.0.refresh(ctx, cached)
    }

    fn check(&self) -> Result<Finding> {
        Ok(Finding::Good("everything that it needs is there".to_owned()))
    }
}
