//! The fourteen days, in seconds since the epoch, and the forms in which services write times.

use trailhouse_model::EventTime;

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 86_400;

/// Monday, 2026-06-01, midnight UTC.
pub(crate) const FIRST_DAY: i64 = 1_780_272_000;
/// The last is Sunday, 2026-06-14.
pub(crate) const DAYS: i64 = 14;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

pub(crate) fn event_time(second: i64) -> EventTime {
    EventTime::from_micros(second.saturating_mul(1_000_000))
}

/// Writes `2026-06-12T21:47:03Z`.
pub(crate) fn iso(second: i64) -> String {
    event_time(second).to_string()
}

/// Writes `Jun 12, 2026, 9:47:03 PM`, as responses of older services do.
pub(crate) fn spoken(second: i64) -> String {
    let (year, month, day) = event_time(second).civil_date();
    let of_day = second.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / HOUR, of_day / MINUTE % 60, of_day % 60);
    let month = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month));
    let month = month.copied().unwrap_or_default();
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{month} {day}, {year}, {hour}:{minute:02}:{second:02} {half}")
}

/// Writes `2026/06/12`, as the folders of keys.
pub(crate) fn folders(second: i64) -> String {
    let (year, month, day) = event_time(second).civil_date();
    format!("{year:04}/{month:02}/{day:02}")
}

/// Writes `20260612T2147Z`, as the names of log files.
pub(crate) fn file_minute(second: i64) -> String {
    let digits = file_second(second);
    format!("{}Z", digits.get(..13).unwrap_or(&digits))
}

/// Writes `20260612T214703Z`, as the names of digests.
pub(crate) fn file_second(second: i64) -> String {
    iso(second).replace(['-', ':'], "")
}

/// Says whether the day, counted from [`FIRST_DAY`], is a Saturday or Sunday.
pub(crate) fn is_weekend(day: i64) -> bool {
    day.rem_euclid(7) >= 5
}
