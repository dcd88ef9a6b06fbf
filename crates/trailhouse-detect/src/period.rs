//! Periods as authors write them: `30s`, `5m`, `24h`, `30d`, `2w`.

use std::time::Duration;

/// The longest period: ten years of 366 days.
const PERIOD_SECONDS_MAX: u64 = 10 * 366 * 86_400;

/// Reads a period: a whole number and one of `s`, `m`, `h`, `d`, `w`.
pub(crate) fn parse_period(text: &str) -> Result<Duration, &'static str> {
    const HELP: &str = "use a number and a unit: 30s, 5m, 24h, 30d or 2w";
    let (number, unit_seconds) = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "s")) => (number, 1),
        Some((number, "m")) => (number, 60),
        Some((number, "h")) => (number, 3600),
        Some((number, "d")) => (number, 86_400),
        Some((number, "w")) => (number, 7 * 86_400),
        _ => return Err(HELP),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HELP);
    }
    let number: u64 = number.parse().map_err(|_| HELP)?;
    let seconds = number.checked_mul(unit_seconds).ok_or(HELP)?;
    if seconds == 0 || seconds > PERIOD_SECONDS_MAX {
        return Err("use a period above 0 and up to ten years");
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, seconds: Option<u64>) {
        assert_eq!(parse_period(text).ok(), seconds.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn periods_are_a_number_and_a_unit() {
        check("30s", Some(30));
        check("5m", Some(300));
        check("24h", Some(86_400));
        check("2w", Some(1_209_600));
        for text in [
            "",
            "m",
            "5",
            "0s",
            "-5m",
            "+5m",
            "5 m",
            "5x",
            "1.5h",
            "99999999999999999999w",
            "5\u{e9}",
        ] {
            check(text, None);
        }
    }
}
