//! Calendar and duration text: RFC 3339 out, Go durations in.
//!
//! Times are seconds since 1970-01-01 00:00:00 UTC; negative ones do not occur.

use std::time::Duration;
use tz::UtcDateTime;

/// Seconds since the Unix epoch.
pub type UnixTime = u64;

/// Year, month (1–12), day (1–31), hour, minute, second in UTC.
pub type Civil = (u64, u64, u64, u64, u64, u64);

/// The UTC calendar time of `time`; of one that no calendar has, the epoch.
pub fn civil(time: UnixTime) -> Civil {
    let calendar = i64::try_from(time).ok().and_then(|time| UtcDateTime::from_timespec(time, 0).ok());
    let Some(at) = calendar else { return (1970, 1, 1, 0, 0, 0) };
    let year = u64::try_from(at.year()).unwrap_or(1970);
    let [month, day, hour, minute, second] =
        [at.month(), at.month_day(), at.hour(), at.minute(), at.second()].map(u64::from);
    (year, month, day, hour, minute, second)
}

/// RFC 3339 in UTC with whole seconds: `2026-01-02T03:04:05Z`.
pub fn rfc3339(time: UnixTime) -> String {
    let (year, month, day, hour, minute, second) = civil(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads an HTTP `Date` header: `Tue, 24 Nov 2026 11:20:16 GMT` (RFC 9110 section 5.6.7).
///
/// `None` for anything else; the two obsolete forms are not read.
pub fn parse_http_date(text: &str) -> Option<UnixTime> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = text.trim().split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let month = words.next().filter(|word| word.len() == 3)?;
    let month = u64::try_from(MONTHS.find(month).filter(|at| at % 3 == 0)?).ok()? / 3 + 1;
    let year: u64 = words.next()?.parse().ok()?;
    let clock = seconds_of_day(words.next()?)?;
    if words.next()? != "GMT" {
        return None;
    }
    at(year, month, day)?.checked_add(clock)
}

/// Reads RFC 3339: `2026-01-02T03:04:05Z`, with a fraction or an offset if need be.
///
/// `None` for anything else, and before 1970.
pub fn parse_rfc3339(text: &str) -> Option<UnixTime> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let (year, month, day) = three(date, '-')?;
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at_checked(zone)?;
    let clock = seconds_of_day(time.split('.').next()?)?;
    at(year, month, day)?.checked_add(clock)?.checked_add_signed(-offset(zone)?)
}

/// Reads the date that App Service's older token endpoint sends as `expires_on`:
/// `01/02/2026 15:04:05 +00:00`, also with `3:04:05 PM`.
///
/// `None` for anything else.
pub fn parse_us_date(text: &str) -> Option<UnixTime> {
    let mut words = text.split_whitespace();
    let (month, day, year) = three(words.next()?, '/')?;
    let mut clock = seconds_of_day(words.next()?)?;
    let mut zone = words.next()?;
    if matches!(zone, "AM" | "PM") {
        let hours = clock / 3600;
        clock = clock % 3600 + (hours % 12 + if zone == "PM" { 12 } else { 0 }) * 3600;
        zone = words.next()?;
    }
    at(year, month, day)?.checked_add(clock)?.checked_add_signed(-offset(zone)?)
}

/// Reads a local time as old versions of the Azure CLI print it, `2026-01-02 15:04:05.999999`, in the zone
/// of `TZ` if that is set, else in the machine's.
///
/// `None` for anything else. A time that the zone's clock shows twice is taken as the earlier one: a token
/// is better renewed too soon.
pub fn local_time(text: &str, tz: Option<&str>) -> Option<UnixTime> {
    let as_utc = parse_rfc3339(&format!("{}Z", text.trim()))?;
    let zone = match tz {
        Some(name) => tz::TimeZone::from_posix_tz(name),
        None => tz::TimeZone::local(),
    }
    .unwrap_or_else(|_| tz::TimeZone::utc());
    let (year, month, day, hour, minute, second) = civil(as_utc);
    let (year, small) = (i32::try_from(year).ok()?, |n: u64| u8::try_from(n).ok());
    let found = tz::DateTime::find(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
        zone.as_ref(),
    )
    .ok()?;
    u64::try_from(found.earliest()?.unix_time()).ok()
}

/// Midnight of a date that the calendar has.
fn at(year: u64, month: u64, day: u64) -> Option<UnixTime> {
    let year = i32::try_from(year).ok().filter(|year| (1970..=9999).contains(year))?;
    let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    u64::try_from(UtcDateTime::new(year, month, day, 0, 0, 0, 0).ok()?.unix_time()).ok()
}

/// Three numbers with a separator, and nothing else.
fn three(text: &str, separator: char) -> Option<(u64, u64, u64)> {
    let mut parts = text.split(separator).map(|part| part.parse::<u64>().ok());
    let three = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(three)
}

/// `15:04:05` as seconds.
fn seconds_of_day(text: &str) -> Option<u64> {
    let (hour, minute, second) = three(text, ':')?;
    let valid = hour < 24 && minute < 60 && second <= 60;
    valid.then(|| hour * 3600 + minute * 60 + second)
}

/// `Z` or `+01:00` as seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next()? {
        'Z' | 'z' => return (zone.len() == 1).then_some(0),
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.trim_start_matches(['+', '-']).split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes)).then(|| sign * (hours * 3600 + minutes * 60))
}

/// Reads a duration as Go's `time.ParseDuration` does: `30s`, `1m30s`, `500ms`, `1.5h`, `-1s`.
///
/// `None` for anything else; a bare number has no unit and is refused, `0` alone is Go's one
/// exception. A negative duration reads as zero, which every flag here refuses.
pub fn parse_go_duration(text: &str) -> Option<Duration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at_checked(number_end)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        nanoseconds = nanoseconds.checked_add(scaled(number, unit)?)?;
        rest = tail;
    }
    // Go's durations are signed 64-bit nanoseconds.
    let nanoseconds = u64::try_from(nanoseconds).ok().filter(|n| i64::try_from(*n).is_ok())?;
    Some(if negative { Duration::ZERO } else { Duration::from_nanos(nanoseconds) })
}

/// `number` (digits with at most one point) times `unit`, in nanoseconds.
fn scaled(number: &str, unit: &str) -> Option<u128> {
    let unit: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut total = match whole {
        "" => 0,
        digits => digits.parse::<u128>().ok()?.checked_mul(unit)?,
    };
    let mut weight = unit;
    for digit in fraction.chars() {
        weight /= 10;
        total = total.checked_add(u128::from(digit.to_digit(10)?).checked_mul(weight)?)?;
    }
    Some(total)
}

/// A duration as people write it: `5m`, `1m30s`, `500ms`.
pub fn short_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { format!("{}ms", duration.as_millis()) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by fuzzing.
    #[test]
    fn numbers_of_any_size_are_no_time() {
        assert_eq!(parse_rfc3339("2026-01-02T9999999999999999999:00:00Z"), None);
        assert_eq!(parse_rfc3339("2026-01-02T00:00:00+999999999999999999:00"), None);
    }

    #[test]
    fn rfc3339_knows_the_calendar() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_323_045, "2026-01-02T03:04:05Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(time), text);
        }
    }

    #[test]
    fn http_dates() {
        assert_eq!(parse_http_date("Fri, 02 Jan 2026 03:04:05 GMT"), Some(1_767_323_045));
        assert_eq!(parse_http_date("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
        for bad in [
            "",
            "x",
            "Fri, 02 Jan 2026 03:04:05",
            "Fri, 02 anF 2026 03:04:05 GMT",
            "Fri, 99 Jan 2026 03:04:05 GMT",
            "Fri, 02 Jan 0000 03:04:05 GMT",
        ] {
            assert_eq!(parse_http_date(bad), None, "{bad}");
        }
        for time in [0, 68_169_600, 951_782_399, 1_767_323_045, 4_107_542_400] {
            let (year, month, day, ..) = civil(time);
            assert_eq!(at(year, month, day), Some(time / 86_400 * 86_400));
        }
    }

    #[test]
    fn dates_with_offsets() {
        for text in [
            "2026-01-02T03:04:05Z",
            "2026-01-02t03:04:05.999z",
            "2026-01-02T04:04:05+01:00",
            "2026-01-01T22:34:05-04:30",
            "2026-01-02 03:04:05Z",
        ] {
            assert_eq!(parse_rfc3339(text), Some(1_767_323_045), "{text}");
        }
        for text in ["01/02/2026 03:04:05 +00:00", "1/2/2026 3:04:05 AM +00:00", "01/02/2026 04:04:05 +01:00"]
        {
            assert_eq!(parse_us_date(text), Some(1_767_323_045), "{text}");
        }
        assert_eq!(parse_us_date("1/2/2026 12:00:00 AM +00:00"), parse_rfc3339("2026-01-02T00:00:00Z"));
        assert_eq!(parse_us_date("1/2/2026 12:00:00 PM +00:00"), parse_rfc3339("2026-01-02T12:00:00Z"));
        for bad in [
            "",
            "x",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-13-02T03:04:05Z",
            "2026-01-02T25:04:05Z",
            "1969-12-31T23:59:59Z",
            "2026-01-02T03:04:05+1",
            "2026-01-02T03:04:05Zx",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
            assert_eq!(parse_us_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn local_times_in_a_zone() {
        let text = "2026-01-02 03:04:05.123456";
        assert_eq!(local_time(text, Some("UTC0")), Some(1_767_323_045));
        assert_eq!(local_time(text, Some("EST5")), Some(1_767_323_045 + 5 * 3600));
        assert_eq!(
            local_time("2026-10-25 02:30:00", Some("CET-1CEST,M3.5.0,M10.5.0/3")),
            parse_rfc3339("2026-10-25T00:30:00Z")
        );
        assert_eq!(local_time(text, Some("no such zone")), Some(1_767_323_045));
        assert_eq!(local_time("soon", None), None);
    }

    #[test]
    fn go_durations() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("1h", 3_600_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1h2m3s4ms", 3_723_004),
            ("+5s", 5_000),
            ("0", 0),
            ("-5s", 0),
        ] {
            assert_eq!(parse_go_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in
            ["", "30", "s", ".", ".s", "1x", "1s ", " 1s", "1..5s", "1 s", "--1s", "9999999999h", "1e3s"]
        {
            assert_eq!(parse_go_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn durations_are_written_as_people_do() {
        for (milliseconds, text) in [
            (0, "0ms"),
            (10, "10ms"),
            (1500, "1s"),
            (300_000, "5m"),
            (90_000, "1m30s"),
            (3_661_000, "1h1m1s"),
        ] {
            assert_eq!(short_duration(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn days_that_no_calendar_has_are_no_dates() {
        for bad in [
            "2026-02-31T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-02-99T00:00:00Z",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
        assert!(parse_rfc3339("2028-02-29T00:00:00Z").is_some());
        assert_eq!(parse_us_date("1/2/2026/9 00:00:00 +00:00"), None);
    }
}
