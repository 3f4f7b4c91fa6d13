//! The device authorization grant (RFC 8628): ask for a code, show it, poll until the user has entered it.
//!
//! ```text
//! wait interval -> poll -> token: done
//!      ^                -> authorization_pending: again
//!      |                -> slow_down: again, 5 s slower from now on
//!      +----------------+> no answer (network, 5xx): again
//!                       -> any other error, or the code's time is over: end
//! ```

use super::authority::Endpoints;
use super::grant::Server;
use super::token::{self, Token, TokenFailure};
use super::user_grant;
use crate::error::{Class, Error, Result};
use crate::http::message::{Request, Response, Retry};
use crate::prompt::Prompt;
use crate::secret::Secret;
use crate::time::UnixTime;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// RFC 8628 section 3.2: the interval where the service names none.
const DEFAULT_INTERVAL: u64 = 5;
/// RFC 8628 section 3.5: what `slow_down` adds.
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// No service asks for longer pauses; more would look like a hang.
const MAX_INTERVAL: u64 = 60;
/// Entra's is 15 minutes; a day bounds any other's.
const MAX_LIFE: u64 = 86_400;

/// A device code that waits for its user.
#[derive(Debug)]
pub struct DeviceCode {
    /// For the polls.
    pub code: Secret,
    /// The page with the code filled in, if the service names one.
    pub complete_address: Option<String>,
    /// The page.
    pub address: String,
    /// What to show: the service's own words where it has some.
    pub message: String,
    /// The same for other processes that wait for it.
    pub prompt: Prompt,
    /// How long the user has.
    pub lifetime: Duration,
    interval: Duration,
}

/// Asks for a code.
pub fn request(endpoints: &Endpoints, client_id: &str, server: &Server) -> Request {
    let form = vec![("client_id", Secret::from(client_id)), server.user_field(endpoints)];
    Request::post(endpoints.device_code.clone(), form)
}

#[derive(Deserialize)]
struct DeviceCodeResponse {
    device_code: String,
    user_code: String,
    verification_uri: Option<String>,
    /// The other name: of v1 endpoints, and of Google. Both may stand side by side.
    verification_url: Option<String>,
    expires_in: Value,
    verification_uri_complete: Option<String>,
    interval: Option<Value>,
    message: Option<String>,
}

/// Reads the answer.
///
/// # Errors
/// An OAuth error; an answer without the fields of RFC 8628 section 3.2.
pub fn read(response: &Response) -> std::result::Result<DeviceCode, TokenFailure> {
    if !response.is_success() {
        return Err(token::read_error(response));
    }
    let other =
        |why: &str| TokenFailure::Other(Error::new(format!("the service's device code answer {why}")));
    let answer: DeviceCodeResponse =
        serde_json::from_slice(&response.body).map_err(|_| other("cannot be read"))?;
    if answer.device_code.is_empty() || answer.user_code.is_empty() {
        return Err(other("has no code"));
    }
    let lifetime = token::seconds_of(&answer.expires_in).ok_or_else(|| other("has no valid lifetime"))?;
    let interval = answer.interval.as_ref().and_then(token::seconds_of).unwrap_or(DEFAULT_INTERVAL);
    let address = answer
        .verification_uri
        .or(answer.verification_url)
        .ok_or_else(|| other("names no page to enter the code"))?;
    let composed = || {
        format!(
            "To sign in, use a web browser to open the page {} and enter the code {} to authenticate.",
            address, answer.user_code
        )
    };
    let message = answer.message.filter(|text| !text.trim().is_empty()).unwrap_or_else(composed);
    Ok(DeviceCode {
        code: Secret::new(answer.device_code),
        complete_address: answer.verification_uri_complete,
        address: address.clone(),
        message: printable(&message),
        prompt: Prompt::DeviceCode { address, user_code: answer.user_code },
        lifetime: Duration::from_secs(lifetime.min(MAX_LIFE)),
        interval: Duration::from_secs(interval.clamp(1, MAX_INTERVAL)),
    })
}

/// The message goes to a terminal as it came, but for what no message has: control sequences.
fn printable(message: &str) -> String {
    message.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Asks whether the user has entered the code; `v1` for the endpoints that have their own names for it.
pub fn poll_request(
    endpoints: &Endpoints,
    client_id: &str,
    server: &Server,
    device: &DeviceCode,
    v1: bool,
) -> Request {
    let request = if v1 {
        let own = vec![("code", device.code.clone()), server.user_field(endpoints)];
        user_grant::token_request(endpoints, "device_code", client_id, own)
    } else {
        let own = vec![("device_code", device.code.clone())];
        user_grant::token_request(endpoints, "urn:ietf:params:oauth:grant-type:device_code", client_id, own)
    };
    Request { retry: Retry::Never, ..request }
}

/// Polling, a step at a time.
#[derive(Debug)]
pub struct Poll {
    interval: Duration,
    deadline: Duration,
    first_wait: Duration,
}

/// What to do next.
#[derive(Debug)]
pub enum PollStep<T = Token> {
    /// Wait this long, then ask.
    Wait(Duration),
    /// Signed in.
    Done(T),
    /// There will be no token: the service said so.
    Refused(TokenFailure, Response),
    /// There will be no token.
    End(Error),
}

impl Poll {
    /// Starts at `now` of a clock that never goes back.
    pub fn new(device: &DeviceCode, now: Duration) -> Self {
        Self {
            interval: device.interval,
            deadline: now.saturating_add(device.lifetime),
            first_wait: device.interval.min(device.lifetime),
        }
    }

    /// The first wait, no longer than the code lives.
    pub fn start(&self) -> Duration {
        self.first_wait
    }

    /// What follows from an answer that came at `elapsed` of the same clock; `unix_now` is for the token's expiry.
    pub fn step(&mut self, answer: Result<Response>, elapsed: Duration, unix_now: UnixTime) -> PollStep {
        self.step_with(answer, elapsed, |response| token::read(response, unix_now))
    }

    /// The same for an answer that `read` reads.
    pub fn step_with<T>(
        &mut self,
        answer: Result<Response>,
        now: Duration,
        read: impl FnOnce(&Response) -> std::result::Result<T, TokenFailure>,
    ) -> PollStep<T> {
        let response = match answer {
            Ok(response) => response,
            Err(error) if error.class() == Class::Transient => return self.again(now),
            Err(error) => return PollStep::End(error),
        };
        let failure = match read(&response) {
            Ok(token) => return PollStep::Done(token),
            Err(failure) => failure,
        };
        let (code, passing) = match &failure {
            TokenFailure::Oauth(error) => (error.error.as_str(), error.is_transient(&response)),
            TokenFailure::Other(error) => ("", error.class() == Class::Transient),
        };
        match code {
            "authorization_pending" => self.again(now),
            "slow_down" => {
                self.interval = self.interval.saturating_add(SLOW_DOWN);
                self.again(now)
            }
            "expired_token" | "code_expired" => PollStep::End(expired()),
            _ if passing => self.again(now),
            _ => PollStep::Refused(failure, response),
        }
    }

    /// Waits for the next poll, or ends when the code will be worth nothing by then.
    fn again<T>(&self, now: Duration) -> PollStep<T> {
        if now.saturating_add(self.interval) > self.deadline {
            return PollStep::End(expired());
        }
        PollStep::Wait(self.interval)
    }
}

fn expired() -> Error {
    Error::unanswered("the device code has expired before the sign-in was completed")
        .hint("run the command again and enter the new code")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), request_id: String::new() }
    }

    fn device(fields: &str) -> std::result::Result<DeviceCode, TokenFailure> {
        read(&response(200, &format!("{{\"device_code\":\"d\",\"user_code\":\"U\",{fields}}}")))
    }

    fn poll() -> Poll {
        let device = device("\"verification_uri\":\"https://a\",\"expires_in\":900,\"interval\":5").unwrap();
        Poll::new(&device, Duration::from_secs(100))
    }

    fn error(code: &str) -> Result<Response> {
        Ok(response(400, &format!("{{\"error\":\"{code}\"}}")))
    }

    fn run(poll: &mut Poll, answer: Result<Response>, now: u64) -> std::result::Result<u64, String> {
        match poll.step(answer, Duration::from_secs(now), 1000) {
            PollStep::Wait(wait) => Ok(wait.as_secs()),
            PollStep::Done(token) => Err(token.access_token.expose().clone()),
            PollStep::End(error) => Err(error.message().to_owned()),
            PollStep::Refused(TokenFailure::Oauth(error), _) => Err(error.error),
            PollStep::Refused(TokenFailure::Other(error), _) => Err(error.message().to_owned()),
        }
    }

    #[test]
    fn pending_goes_on_and_slow_down_stays_slow() {
        let mut poll = poll();
        assert_eq!(poll.start(), Duration::from_secs(5));
        assert_eq!(run(&mut poll, error("authorization_pending"), 105), Ok(5));
        assert_eq!(run(&mut poll, error("slow_down"), 110), Ok(10));
        assert_eq!(run(&mut poll, error("authorization_pending"), 120), Ok(10));
        assert_eq!(run(&mut poll, error("slow_down"), 130), Ok(15));
        let token = response(200, "{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":1}");
        assert_eq!(run(&mut poll, Ok(token), 145), Err("t".to_owned()));
    }

    /// Answers that come twice or late change nothing but what they say.
    #[test]
    fn repeated_and_reordered_answers_only_slow_it_down() {
        let mut poll = poll();
        for (code, now, wait) in [
            ("slow_down", 105, 10),
            ("slow_down", 105, 15),
            ("authorization_pending", 104, 15),
            ("authorization_pending", 120, 15),
            ("slow_down", 135, 20),
        ] {
            assert_eq!(run(&mut poll, error(code), now), Ok(wait), "{code} at {now}");
        }
        let token = response(200, "{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":1}");
        assert_eq!(run(&mut poll, Ok(token), 155), Err("t".to_owned()));
    }

    #[test]
    fn a_broken_network_or_service_goes_on() {
        let mut poll = poll();
        assert_eq!(run(&mut poll, Err(Error::transient("reset")), 105), Ok(5));
        assert_eq!(run(&mut poll, Ok(response(503, "busy")), 105), Ok(5));
        assert_eq!(run(&mut poll, error("temporarily_unavailable"), 105), Ok(5));
        assert!(run(&mut poll, Err(Error::new("unknown issuer")), 105).is_err());
        assert!(run(&mut poll, Ok(response(400, "what?")), 105).is_err());
    }

    #[test]
    fn every_final_answer_ends_it() {
        for code in ["authorization_declined", "access_denied", "bad_verification_code", "invalid_grant"] {
            assert!(run(&mut poll(), error(code), 105).unwrap_err().contains(code), "{code}");
        }
        for code in ["expired_token", "code_expired"] {
            assert!(run(&mut poll(), error(code), 105).unwrap_err().contains("has expired"), "{code}");
        }
    }

    #[test]
    fn the_wait_lasts_as_long_as_the_code() {
        assert_eq!(run(&mut poll(), error("authorization_pending"), 995), Ok(5));
        assert!(run(&mut poll(), error("authorization_pending"), 996).unwrap_err().contains("has expired"));
    }

    #[test]
    fn the_first_wait_is_no_longer_than_the_code_lives() {
        for (life, interval, wait) in [(3, 5, 3), (30, 60, 30), (0, 5, 0), (900, 5, 5), (5, 5, 5)] {
            let fields =
                format!("\"verification_uri\":\"https://a\",\"expires_in\":{life},\"interval\":{interval}");
            let mut poll = Poll::new(&device(&fields).unwrap(), Duration::from_secs(100));
            assert_eq!(poll.start().as_secs(), wait, "{life} {interval}");
            if wait == life {
                let last = run(&mut poll, error("authorization_pending"), 100 + wait);
                assert!(last.unwrap_err().contains("has expired"));
            }
        }
    }

    #[test]
    fn the_services_message_is_kept_and_else_composed() {
        let own = device("\"verification_url\":\"https://a\",\"expires_in\":\"900\",\"interval\":\"0\",\"message\":\"Go to\\nhttps://a \\u001b[2J\"")
            .unwrap();
        assert_eq!(own.message, "Go to\nhttps://a [2J");
        assert_eq!((own.lifetime.as_secs(), own.interval.as_secs()), (900, 1));
        let composed = device("\"verification_uri\":\"https://a\",\"expires_in\":900").unwrap();
        assert!(composed.message.contains("https://a") && composed.message.contains("code U "));
        assert_eq!(composed.interval.as_secs(), 5);
    }

    #[test]
    fn answers_that_make_no_sense_are_refused() {
        for fields in [
            "\"expires_in\":900",
            "\"verification_uri\":\"a\"",
            "\"verification_uri\":\"a\",\"expires_in\":-1",
        ] {
            assert!(matches!(device(fields), Err(TokenFailure::Other(_))), "{fields}");
        }
        assert!(matches!(
            read(&response(400, "{\"error\":\"invalid_client\"}")),
            Err(TokenFailure::Oauth(_))
        ));
    }
}
