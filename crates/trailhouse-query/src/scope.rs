//! Which rows a detection judges, and which it may compare with.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use trailhouse_model::TableVersion;

/// What the tables `events` and `events_before` of a session hold.
#[derive(Debug, Clone)]
pub enum EventsScope {
    /// All events; nothing before.
    Whole,
    /// The events that were added after one version of the table, up to and with another; before
    /// them, all events of the earlier version. Files that only move rows count as nothing.
    Arrived {
        /// The version that was judged last, or nothing where none was.
        after: Option<TableVersion>,
        /// The last version to judge.
        up_to: TableVersion,
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
