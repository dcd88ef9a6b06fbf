//! Cron expressions: five fields, in UTC.

use std::{fmt, sync::Arc};

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use trailhouse_model::EventTime;

const HELP: &str = "use five fields: minute, hour, day of month, month, day of week";

/// A cron expression that comes round at least once.
#[derive(Clone, PartialEq, Eq)]
pub struct CronExpression {
    source: String,
    /// Tables of several kilobytes.
    cron: Arc<Cron>,
}

impl CronExpression {
    /// Reads five fields; the error says what is allowed.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if fields.len() != 5 {
            return Err(HELP);
        }
        let source = fields.join(" ");
        let parser =
            CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&source).map_err(|_| HELP)?;
        let expression = Self { source, cron: Arc::new(cron) };
        let comes_round = expression.next_after(EventTime::from_micros(0)).is_some();
        comes_round.then_some(expression).ok_or("use fields that some day fulfils")
    }

    /// Returns the fields, one space between them.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Returns the first time after this one; absent where the calendar ends before it.
    pub fn next_after(&self, time: EventTime) -> Option<EventTime> {
        let start = Timestamp::from_microsecond(time.micros()).ok()?;
        let start: DateTime = TimeZone::UTC.to_datetime(start);
        let next = self.cron.find_next_occurrence(&start, false).ok()?;
        let next = TimeZone::UTC.to_timestamp(next).ok()?;
        Some(EventTime::from_micros(next.as_microsecond()))
    }
}

impl fmt::Debug for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CronExpression").field(&self.source).finish()
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, after: &str, expected: Option<&str>) {
        let after = EventTime::parse_rfc3339(after).unwrap();
        let next = CronExpression::parse(text).ok().and_then(|cron| cron.next_after(after));
        assert_eq!(next.map(|time| time.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn the_next_time_lies_after_the_given_one() {
        check("*/5 * * * *", "2026-01-01T00:00:00Z", Some("2026-01-01T00:05:00Z"));
        check("*/5 * * * *", "2026-01-01T00:04:59.999999Z", Some("2026-01-01T00:05:00Z"));
        check("0 3 * * mon", "2026-01-01T00:00:00Z", Some("2026-01-05T03:00:00Z"));
        check("0  0 29 2 *", "2026-01-01T00:00:00Z", Some("2028-02-29T00:00:00Z"));
        check("0 0 * * *", "1969-12-31T12:00:00Z", Some("1970-01-01T00:00:00Z"));
    }

    #[test]
    fn what_has_no_five_fields_or_never_comes_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "@daily",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "0 0 30 2 *",
            "a b c d e",
            "*/0 * * * *",
        ] {
            assert!(CronExpression::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read_or_refused(text in "[0-9*/,\\-?#LWa-z ]{0,24}", micros in any::<i64>()) {
            if let Ok(cron) = CronExpression::parse(&text) {
                let time = EventTime::from_micros(micros);
                prop_assert!(cron.next_after(time).is_none_or(|next| next > time));
                prop_assert_eq!(CronExpression::parse(cron.as_str()), Ok(cron.clone()));
            }
        }
    }
}
