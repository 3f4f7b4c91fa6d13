//! When a token is too near its end to be handed out: the one rule for the tokens of every mode.

use crate::time::UnixTime;

/// The largest margin, which is that of Entra ID's tokens: a request may take a while to arrive.
const MAX_MARGIN: UnixTime = 300;
/// The smallest: `kubectl` still has to send its request.
const MIN_MARGIN: UnixTime = 10;

/// How many seconds before its end a token counts as stale: a tenth of its lifetime. Tokens that live five minutes or
/// less are common with OpenID providers; a fixed margin would refresh them at every call.
pub fn margin(lifetime: UnixTime) -> UnixTime {
    (lifetime / 10).clamp(MIN_MARGIN, MAX_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_lifetime_between_ten_seconds_and_five_minutes() {
        for (lifetime, expected) in
            [(0, 10), (60, 10), (100, 10), (200, 20), (300, 30), (2999, 299), (3000, 300), (86_400, 300)]
        {
            assert_eq!(margin(lifetime), expected, "{lifetime}");
        }
        assert_eq!(margin(UnixTime::MAX), 300);
    }
}
