//! The wall clock, which the log's timestamps are taken from.

use std::time::{SystemTime, UNIX_EPOCH};

use trailhouse_model::EventTime;

pub(crate) fn now() -> EventTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EventTime::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
