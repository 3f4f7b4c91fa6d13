//! What is tried again, and after which pause.
//!
//! ```text
//! answer -> final, or another cloud's: end
//!        -> transient, names a pause that fits: wait that long -> again
//!                      names one that is too long: end, and say how long
//!                      names none: Usual 1, 3, 5 s, then end; Metadata 2, 4, 8, 16, 16 … s until the time is over
//! ```

use super::FailedAttempt;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::message::{Response, Retry};
use crate::time::{parse_http_date, short_duration};
use std::time::Duration;

/// The pauses after which Entra ID and the like are asked again, give or take a fifth, so that a fleet does not come
/// back in step. A blip of the service lasts seconds.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(5)];
/// The first pause of the metadata service; the next ones double.
const FIRST_METADATA_PAUSE: Duration = Duration::from_secs(2);
/// Its longest one: an identity may be there any moment.
const MAX_METADATA_PAUSE: Duration = Duration::from_secs(16);
/// What a last try needs of the time that is left.
const LAST_TRY: Duration = Duration::from_secs(2);
/// The longest `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
/// The shortest: a service that asks for none must not be asked in a loop.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What follows from an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The outcome is what it is.
    End,
    /// Another try, after this pause.
    Wait(Duration),
    /// The service wants a longer pause than there is time for.
    AsksFor(Duration),
}

/// What follows from the outcome of this attempt, the first being 0, with so much time left.
///
/// # Errors
/// The system has no random numbers.
pub fn next(
    ctx: &Context,
    retry: Retry,
    attempt: usize,
    left: Duration,
    outcome: &std::result::Result<Response, FailedAttempt>,
) -> Result<Next> {
    if !is_transient(ctx, retry, outcome) {
        return Ok(Next::End);
    }
    let pause = match retry {
        Retry::Metadata => metadata_pause(attempt, left),
        Retry::Never | Retry::Spending | Retry::Usual => {
            usual_pause(attempt, u16::from_be_bytes(ctx.random()?))
        }
    };
    let Some(pause) = pause else { return Ok(Next::End) };
    if let Some(asked) = outcome.as_ref().ok().and_then(|response| retry_after(ctx, response)) {
        let asked = asked.max(MIN_RETRY_AFTER);
        return Ok(if asked > MAX_RETRY_AFTER || asked >= left {
            Next::AsksFor(asked)
        } else {
            Next::Wait(asked)
        });
    }
    Ok(if pause >= left { Next::End } else { Next::Wait(pause) })
}

fn is_transient(ctx: &Context, retry: Retry, outcome: &std::result::Result<Response, FailedAttempt>) -> bool {
    match (retry, outcome) {
        (Retry::Never, _) => false,
        // The service said itself that it did not take the request, or nothing took it.
        (Retry::Spending, Err(failed)) => failed.connection_refused,
        (Retry::Spending, Ok(response)) => {
            matches!(response.status, 429 | 503) && retry_after(ctx, response).is_some()
        }
        // Nothing is at the metadata service's address: the machine is not in Azure, and will not be in a second.
        (Retry::Metadata, Err(failed)) => failed.retryable && !failed.connection_refused,
        (Retry::Usual, Err(failed)) => failed.retryable,
        (Retry::Metadata, Ok(response)) if response.other_cloud().is_some() => false,
        (Retry::Metadata, Ok(response)) if matches!(response.status, 404 | 410) => true,
        (_, Ok(response)) => matches!(response.status, 408 | 429 | 500 | 502 | 503 | 504),
    }
}

fn usual_pause(attempt: usize, random: u16) -> Option<Duration> {
    let pause = u64::try_from(PAUSES.get(attempt)?.as_millis()).ok()?;
    let jitter = pause * 2 / 5 * u64::from(random) / u64::from(u16::MAX);
    Some(Duration::from_millis(pause * 4 / 5 + jitter))
}

/// The last pause is as long as leaves time for a last try.
fn metadata_pause(attempt: usize, left: Duration) -> Option<Duration> {
    let doublings = u32::try_from(attempt).unwrap_or(u32::MAX);
    let pause = FIRST_METADATA_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(MAX_METADATA_PAUSE);
    let pause = pause.min(left.saturating_sub(LAST_TRY));
    (!pause.is_zero()).then_some(pause)
}

/// The pause that the service asks for, in seconds or up to a date of its own clock (RFC 9110 section 10.2.3).
fn retry_after(ctx: &Context, response: &Response) -> Option<Duration> {
    let asked = response.header("retry-after")?.trim();
    let seconds = asked.parse().ok().or_else(|| {
        let now = response.header("date").and_then(parse_http_date).unwrap_or_else(|| ctx.now());
        Some(parse_http_date(asked)?.saturating_sub(now))
    })?;
    Some(Duration::from_secs(seconds))
}

/// The service wants a pause that is too long.
pub fn wait_error(host: &str, response: &Response, asked: Duration) -> Error {
    let (status, pause) = (response.status, short_duration(asked));
    let hint = match asked > MAX_RETRY_AFTER {
        true => "try again after that".to_owned(),
        false => format!("try again after that, or with a --timeout that is longer than {pause}"),
    };
    Error::transient(format!("{host} asks us to wait {pause} before the next try (HTTP {status})")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> std::result::Result<Response, FailedAttempt> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Response { status, headers, body: Vec::new(), request_id: String::new() })
    }

    fn run(
        retry: Retry,
        attempt: usize,
        left: u64,
        outcome: &std::result::Result<Response, FailedAttempt>,
    ) -> Next {
        next(&Context::real(), retry, attempt, Duration::from_secs(left), outcome).unwrap()
    }

    #[test]
    fn the_usual_pauses_are_jittered_by_a_fifth() {
        for (attempt, least, most) in [(0, 800, 1200), (1, 2400, 3600), (2, 4000, 6000)] {
            let pause = |random| usual_pause(attempt, random).unwrap().as_millis();
            assert_eq!((pause(0), pause(u16::MAX)), (least, most));
        }
        assert_eq!(usual_pause(3, 0), None);
    }

    #[test]
    fn the_metadata_service_is_asked_until_the_time_is_over() {
        for (total, pauses) in
            [(75, &[2, 4, 8, 16, 16, 16, 11][..]), (20, &[2, 4, 8, 4]), (5, &[2, 1]), (2, &[]), (0, &[])]
        {
            let mut left = Duration::from_secs(total);
            let waited = (0..).map_while(|attempt| {
                let pause = metadata_pause(attempt, left)?;
                left -= pause;
                Some(pause.as_secs())
            });
            assert_eq!(waited.collect::<Vec<_>>(), pauses, "{total}");
        }
        assert_eq!(metadata_pause(usize::MAX, Duration::MAX), Some(MAX_METADATA_PAUSE));
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(matches!(run(Retry::Usual, 0, 60, &answer(status, &[])), Next::Wait(_)), "{status}");
            assert_eq!(run(Retry::Metadata, 0, 60, &answer(status, &[])), Next::Wait(FIRST_METADATA_PAUSE));
            assert_eq!(run(Retry::Never, 0, 60, &answer(status, &[])), Next::End);
        }
        for status in [404, 410] {
            assert_eq!(run(Retry::Metadata, 0, 60, &answer(status, &[])), Next::Wait(FIRST_METADATA_PAUSE));
            assert_eq!(run(Retry::Usual, 0, 60, &answer(status, &[])), Next::End);
        }
        for status in [200, 302, 400, 401, 403, 501] {
            assert_eq!(run(Retry::Usual, 0, 60, &answer(status, &[])), Next::End, "{status}");
            assert_eq!(run(Retry::Metadata, 0, 60, &answer(status, &[])), Next::End, "{status}");
        }
        assert_eq!(run(Retry::Usual, 3, 60, &answer(503, &[])), Next::End);
        assert_eq!(run(Retry::Usual, 1, 2, &answer(503, &[])), Next::End);
    }

    #[test]
    fn what_spends_a_code_is_repeated_only_where_the_service_asks_for_it() {
        for (status, headers, again) in [
            (503, &[("retry-after", "1")][..], true),
            (429, &[("retry-after", "1")], true),
            (503, &[], false),
            (503, &[("retry-after", "soon")], false),
            (500, &[("retry-after", "1")], false),
        ] {
            let next = run(Retry::Spending, 0, 60, &answer(status, headers));
            assert_eq!(matches!(next, Next::Wait(_)), again, "{status} {headers:?}");
        }
    }

    #[test]
    fn another_cloud_s_answer_is_final() {
        for header in [("metadata-flavor", "Google"), ("server", "EC2ws")] {
            for status in [404, 410, 503] {
                assert_eq!(run(Retry::Metadata, 0, 60, &answer(status, &[header])), Next::End);
            }
        }
    }

    #[test]
    fn the_services_own_pause_is_kept_where_it_fits() {
        let date = ("date", "Fri, 02 Jan 2026 03:04:05 GMT");
        for (asked, left, next) in [
            ("7", 60, Next::Wait(Duration::from_secs(7))),
            ("0", 60, Next::Wait(MIN_RETRY_AFTER)),
            ("Fri, 02 Jan 2026 03:04:12 GMT", 60, Next::Wait(Duration::from_secs(7))),
            ("60", 75, Next::Wait(Duration::from_secs(60))),
            ("61", 75, Next::AsksFor(Duration::from_secs(61))),
            ("7", 7, Next::AsksFor(Duration::from_secs(7))),
            ("3600", 60, Next::AsksFor(Duration::from_secs(3600))),
            ("Fri, 02 Jan 2026 04:04:05 GMT", 60, Next::AsksFor(Duration::from_secs(3600))),
            ("99999999999999", 60, Next::AsksFor(Duration::from_secs(99_999_999_999_999))),
        ] {
            for retry in [Retry::Usual, Retry::Metadata] {
                let answer = answer(429, &[date, ("retry-after", asked)]);
                assert_eq!(run(retry, 0, left, &answer), next, "{asked} {left}");
            }
        }
        for odd in ["", "-1", "soon", "1.5"] {
            let answer = answer(429, &[("retry-after", odd)]);
            assert_eq!(run(Retry::Metadata, 0, 60, &answer), Next::Wait(FIRST_METADATA_PAUSE), "{odd}");
        }
    }
}
