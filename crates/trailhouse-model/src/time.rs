//! Event times: microseconds since the Unix epoch, UTC.

use std::fmt;

/// Microseconds since the Unix epoch, UTC. Parsed from text, never taken from a local clock here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

/// The text is not an RFC 3339 time in years 0001 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time")]
pub struct EventTimeError;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl EventTime {
    /// Takes microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns the day since the epoch in which this time lies.
    pub fn days(self) -> i32 {
        let days = self.0.div_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY);
        i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX })
    }

    /// Returns the time moved by whole seconds, held at the ends of the range.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(MICROS_PER_SECOND)))
    }

    /// Parses `2023-07-10T11:42:36Z`, with a fraction (kept to the microsecond) or an offset.
    pub fn parse_rfc3339(text: &str) -> Result<Self, EventTimeError> {
        let bytes = text.as_bytes();
        let (date, rest) = bytes.split_at_checked(10).ok_or(EventTimeError)?;
        let (separator, rest) = rest.split_first().ok_or(EventTimeError)?;
        if !matches!(separator, b'T' | b't' | b' ') {
            return Err(EventTimeError);
        }
        let (clock, rest) = rest.split_at_checked(8).ok_or(EventTimeError)?;
        let days = parse_date(date)?;
        let seconds = parse_clock(clock)?;
        let (micros, zone) = parse_fraction(rest)?;
        let offset = parse_offset(zone)?;
        let total = (days * SECONDS_PER_DAY + seconds - offset) * MICROS_PER_SECOND + micros;
        Ok(Self(total))
    }

    /// Makes a time from the fields of a UTC civil date and clock.
    pub fn from_civil(
        year: i64,
        month: i64,
        day: i64,
        hour: i64,
        minute: i64,
        second: i64,
    ) -> Result<Self, EventTimeError> {
        let days = checked_days(year, month, day)?;
        let seconds = checked_seconds(hour, minute, second)?;
        Ok(Self((days * SECONDS_PER_DAY + seconds) * MICROS_PER_SECOND))
    }

    /// Returns the calendar date as year, month and day.
    pub fn civil_date(self) -> (i64, i64, i64) {
        civil_from_days(self.0.div_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY))
    }
}

impl fmt::Display for EventTime {
    /// Writes the shortest RFC 3339 form: no fraction where it is zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil_date();
        let within = self.0.rem_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY);
        let (seconds, micros) = (within / MICROS_PER_SECOND, within % MICROS_PER_SECOND);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        f.write_str("Z")
    }
}

fn number(digits: &[u8]) -> Result<i64, EventTimeError> {
    let mut value = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(EventTimeError);
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Ok(value)
}

fn parse_date(text: &[u8]) -> Result<i64, EventTimeError> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return Err(EventTimeError);
    };
    let year = number(&[*y1, *y2, *y3, *y4])?;
    checked_days(year, number(&[*m1, *m2])?, number(&[*d1, *d2])?)
}

fn parse_clock(text: &[u8]) -> Result<i64, EventTimeError> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else {
        return Err(EventTimeError);
    };
    checked_seconds(number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?)
}

fn parse_fraction(rest: &[u8]) -> Result<(i64, &[u8]), EventTimeError> {
    let Some((b'.', rest)) = rest.split_first() else {
        return Ok((0, rest));
    };
    let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if length == 0 || length > 12 {
        return Err(EventTimeError);
    }
    let (digits, zone) = rest.split_at(length);
    let mut micros = number(digits.get(..6).unwrap_or(digits))?;
    for _ in length..6 {
        micros *= 10;
    }
    Ok((micros, zone))
}

fn parse_offset(zone: &[u8]) -> Result<i64, EventTimeError> {
    match zone {
        b"Z" | b"z" => Ok(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let seconds = checked_seconds(number(&[*h1, *h2])?, number(&[*m1, *m2])?, 0)?;
            Ok(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => Err(EventTimeError),
    }
}

fn checked_days(year: i64, month: i64, day: i64) -> Result<i64, EventTimeError> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return Err(EventTimeError),
    };
    if !(1..=9999).contains(&year) || !(1..=length).contains(&day) {
        return Err(EventTimeError);
    }
    Ok(days_from_civil(year, month, day))
}

fn checked_seconds(hour: i64, minute: i64, second: i64) -> Result<i64, EventTimeError> {
    let in_range =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    if in_range { Ok(hour * 3600 + minute * 60 + second) } else { Err(EventTimeError) }
}

/// Counts days from 1970-01-01 in the proleptic Gregorian calendar. Years start in March, so that
/// the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let printed = EventTime::parse_rfc3339(text).ok().map(|time| time.to_string());
        assert_eq!(printed.as_deref(), expected, "{text}");
    }

    #[test]
    fn times_are_read_and_written() {
        check("2023-07-10T11:42:36Z", Some("2023-07-10T11:42:36Z"));
        check("2023-07-10T11:42:36.5Z", Some("2023-07-10T11:42:36.500000Z"));
        check("2023-07-10T11:42:36.123456789Z", Some("2023-07-10T11:42:36.123456Z"));
        check("2023-07-10T11:42:36+02:00", Some("2023-07-10T09:42:36Z"));
        check("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00Z"));
        check("1969-12-31T23:59:59Z", Some("1969-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2023-07-10",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2023-07-10T24:00:00Z",
            "2023-07-10T11:42:36",
            "2023-07-10T11:42:36.Z",
            "２０２３-07-10T11:42:36Z",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(second in -62_135_596_800_i64..253_402_300_799, micros in 0_i64..1_000_000) {
            let time = EventTime::from_micros(second * 1_000_000 + micros);
            let theirs = jiff::Timestamp::from_microsecond(time.micros()).ok();
            prop_assume!(theirs.is_some());
            let parsed: Option<jiff::Timestamp> = time.to_string().parse().ok();
            prop_assert_eq!(parsed, theirs);
            prop_assert_eq!(EventTime::parse_rfc3339(&time.to_string()), Ok(time));
        }
    }
}
