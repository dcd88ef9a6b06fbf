//! Which rows a detection judges, and which it may compare with.

use std::time::Duration;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use trailhouse_model::{EventTime, TableVersion};

/// What the tables `events` and `events_before` of a session hold.
#[derive(Debug, Clone)]
pub enum EventsScope {
    /// All events; nothing before.
    Whole,
    /// The events that were added after one version of the table, up to and with another; before
    /// them, all events of the earlier version. Files that only move rows count as nothing.
    Arrived {
        /// The version that was judged last. Without one all that is in the table counts as new.
        after: Option<TableVersion>,
        /// The last version to judge.
        up_to: TableVersion,
        /// How far back before the day of the oldest new event the earlier rows reach, in whole
        /// days. Without it all are there; with it those without a time are not.
        lookback: Option<Duration>,
    },
    /// The events of a period of event time in one version of the table, whenever they arrived;
    /// before them, those of the time before.
    Period {
        /// The version of the table.
        up_to: TableVersion,
        /// The first time to judge.
        from: EventTime,
        /// The first time after the period.
        to: EventTime,
        /// Where the time before begins.
        before_from: EventTime,
    },
    /// Rows in memory, as the cases of a detection bring them.
    Batches {
        /// The columns, so that both can be empty.
        schema: SchemaRef,
        /// The rows to judge.
        events: Vec<RecordBatch>,
        /// What was there before.
        history: Vec<RecordBatch>,
    },
}
