//! The wall clock as a port, so that tests can say what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use trailhouse_model::EventTime;

/// Tells the time of day. Deadlines do not use it: they are kept by the runtime's own clock.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present time.
    fn now(&self) -> EventTime;
}

/// The clock of the machine this runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> EventTime {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)
            }
        };
        EventTime::from_micros(micros)
    }
}

/// A clock that stands still.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub EventTime);

impl Clock for FixedClock {
    fn now(&self) -> EventTime {
        self.0
    }
}
