//! What is in the lake and how fresh it is.

use trailhouse_lake::TableStatus;
use trailhouse_query::{QuerySession, SessionOptions};

use crate::{error::ServiceError, lake::LakeAddress, query::query_error};

/// How fresh each account and region is: one row each, the quietest first.
pub const FRESHNESS_SQL: &str = "\
SELECT recipient_account_id,
       aws_region,
       count(*) AS events,
       min(event_time) AS first_event_time,
       max(event_time) AS last_event_time
FROM events
GROUP BY recipient_account_id, aws_region
ORDER BY last_event_time, recipient_account_id, aws_region";

/// How many events there are that have an id, and how many of them another has too: one row.
///
/// Reads two narrow columns of all events and holds the ids in memory.
pub const REPEATS_SQL: &str = "\
SELECT coalesce(sum(copies), 0) AS events,
       coalesce(sum(copies - 1), 0) AS repeats
FROM (SELECT count(*) AS copies
      FROM events
      WHERE event_id <> ''
      GROUP BY recipient_account_id, event_id)";

/// The tables of a lake in numbers, and a session to ask it more.
pub struct LakeStatus {
    /// The tables.
    pub tables: Vec<TableStatus>,
    /// What still waits in quarantine.
    pub quarantine_open: u64,
    /// Answers [`FRESHNESS_SQL`] and [`REPEATS_SQL`].
    pub session: QuerySession,
}

/// Looks at a lake.
pub async fn status(
    lake: &LakeAddress,
    options: SessionOptions,
) -> Result<LakeStatus, ServiceError> {
    let lake = lake.open().await?;
    let tables = lake.status().await?;
    let open = lake.open_quarantine().await?;
    let session = QuerySession::open(&lake, &options)
        .await
        .map_err(|error| query_error(&error, FRESHNESS_SQL))?;
    Ok(LakeStatus {
        tables,
        quarantine_open: u64::try_from(open.len()).unwrap_or(u64::MAX),
        session,
    })
}
