//! `devicecode`: the user enters a code on another device, while we poll.

use super::person::Person;
use crate::error::Result;
use crate::oauth::device_code::{self, Poll, PollStep};
use crate::oauth::token::Token;
use crate::waiting::WaitNotice;

/// Signs in; waits as long as the code lives.
///
/// # Errors
/// The service's refusal, a declined or expired code, or what kept the service from being asked.
pub fn sign_in(person: &Person) -> Result<Token> {
    let (session, ctx) = (&person.session, person.session.ctx);
    let endpoints = person.endpoints()?;
    let request = device_code::request(&endpoints, &person.client_id, &session.server);
    let response = session.http.send(ctx, &request)?;
    let device = device_code::read(&response).map_err(|failure| session.explain(failure, &response))?;
    ctx.eprintln(&device.message);
    let mut poll = Poll::new(&device, ctx.clock.monotonic());
    let mut wait = poll.start();
    let mut waiting = WaitNotice::after_prompt(ctx);
    loop {
        waiting.sleep(wait, || "the code to be entered".to_owned());
        let request = device_code::poll_request(
            &endpoints,
            &person.client_id,
            &session.server,
            &device,
            person.is_v1(),
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
