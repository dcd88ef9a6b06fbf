//! The values of a key that are more than a text: words, periods, days, numbers.

use std::time::Duration;

use trailhouse_model::EventTime;

use super::Section;
use crate::{
    diagnostic::{DetectionErrorCode as Code, Report},
    period::parse_period,
    words::CalendarDay,
};

impl Section<'_> {
    /// Returns the choice whose word stands under the key.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[T],
        word: fn(T) -> &'static str,
        report: &mut Report<'_>,
    ) -> Option<T> {
        let found = self.text(key, report)?;
        let choice = choices.iter().copied().find(|choice| word(*choice) == found.value);
        if choice.is_none() {
            let words: Vec<&str> = choices.iter().map(|choice| word(*choice)).collect();
            let message = format!("`{}` is not a value of `{}`", found.value, self.key_path(key));
            let help = format!("use one of: {}", words.join(", "));
            report.push(Code::BadValue, found.span, message, Some(help));
        }
        choice
    }

    /// Returns a period like `30s`, `5m`, `24h`, `30d` or `2w`.
    pub(crate) fn period(&self, key: &str, report: &mut Report<'_>) -> Option<Duration> {
        self.parsed(key, report, parse_period)
    }

    /// Returns a day of the calendar.
    pub(crate) fn day(&self, key: &str, report: &mut Report<'_>) -> Option<CalendarDay> {
        let found = self.value(key)?;
        let moment = found.value.as_datetime().filter(|moment| moment.time.is_none());
        let Some(date) = moment.and_then(|moment| moment.date) else {
            self.wrong_type(key, &found, "a day without quotes, like 2026-11-21", report);
            return None;
        };
        Some(CalendarDay { year: date.year, month: date.month, day: date.day })
    }

    /// Returns a moment with its offset from UTC.
    pub(crate) fn moment(&self, key: &str, report: &mut Report<'_>) -> Option<EventTime> {
        let found = self.value(key)?;
        let text = found.value.as_datetime().map(ToString::to_string);
        let moment = text.and_then(|text| EventTime::parse_rfc3339(&text).ok());
        if moment.is_none() {
            let wanted = "a time without quotes, like 2026-11-21T18:00:00Z";
            self.wrong_type(key, &found, wanted, report);
        }
        moment
    }

    /// Returns a whole number from 1 up to `u32`.
    pub(crate) fn count(&self, key: &str, report: &mut Report<'_>) -> Option<u32> {
        let found = self.value(key)?;
        let number = found.value.as_integer();
        let parsed =
            number.and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
        let count = parsed.filter(|count| *count > 0);
        if count.is_none() {
            self.wrong_type(key, &found, "a whole number above 0", report);
        }
        count
    }
}
