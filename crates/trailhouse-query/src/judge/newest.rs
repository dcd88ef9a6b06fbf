//! How far the events of a session reach.

use arrow::{array::AsArray, datatypes::TimestampMicrosecondType};
use trailhouse_model::EventTime;

use crate::{error::QueryError, session::QuerySession};

impl QuerySession {
    /// Returns the time of the newest event of `events` before a time, so that an event with a time
    /// in the future does not count; nothing where there is none.
    pub async fn newest_event_before(
        &self,
        end: EventTime,
    ) -> Result<Option<EventTime>, QueryError> {
        let sql = format!(
            "SELECT max(event_time) AS newest FROM stored.events \
             WHERE event_time < to_timestamp_micros({})",
            end.micros()
        );
        let mut newest = None;
        let mut stream = self.run(&sql).await?;
        while let Some(batch) = stream.next_batch().await? {
            let times = batch.column(0).as_primitive_opt::<TimestampMicrosecondType>();
            let found = times.and_then(arrow::compute::max).map(EventTime::from_micros);
            newest = newest.max(found);
        }
        Ok(newest)
    }
}
