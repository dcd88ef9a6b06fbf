//! What the table of runs says: when rules ran, and how far they have come.

use std::collections::BTreeMap;

use trailhouse_detect::{Exception, ExceptionId};
use trailhouse_lake::Lake;
use trailhouse_model::EventTime;
use trailhouse_query::{QuerySession, SessionOptions, rows_as_json};
use trailhouse_runtime::{Clock, SystemClock, error_chain};

use crate::{
    error::{FailureKind, ServiceError},
    lake::LakeAddress,
    query::query_error,
    site::SiteFolder,
};

/// One line for each detection: how far it has come, and what stays open.
///
/// `covered` is the last version of the events table that is judged, `open_to` the one up to which a
/// failed run has left rows open; the next run judges them.
pub const LEDGER_SQL: &str = "\
WITH good AS (
  SELECT detection_id, max(to_version) AS covered, max(to_time) AS closed_to,
         max(finished_at) AS covered_at
  FROM runs WHERE status = 'ok' AND kind <> 'backfill' GROUP BY detection_id
), latest AS (
  SELECT detection_id, last_value(status ORDER BY finished_at, run_id) AS last_status,
         last_value(error ORDER BY finished_at, run_id) AS last_error,
         max(finished_at) AS last_run, count(*) AS runs,
         count(*) FILTER (WHERE status IN ('failed', 'timeout')) AS failed,
         sum(late_rows) AS late_rows, max(to_version) AS seen
  FROM runs WHERE kind <> 'backfill' GROUP BY detection_id
)
SELECT l.detection_id, g.covered,
       CASE WHEN l.seen > coalesce(g.covered, -1) THEN l.seen END AS open_to,
       g.closed_to, l.late_rows, l.runs, l.failed, l.last_status, l.last_run, g.covered_at,
       CASE WHEN l.last_status <> 'ok' THEN l.last_error END AS last_error
FROM latest l LEFT JOIN good g ON g.detection_id = l.detection_id
ORDER BY l.detection_id";

/// Returns a query with one line for each detection: what its runs took and gave, of all time or
/// of the last seconds.
pub async fn stats_sql(
    lake: &LakeAddress,
    last_seconds: Option<u32>,
) -> Result<String, ServiceError> {
    let since = since(last_seconds);
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for ((detection, _), hits) in lake.open().await?.exception_hits_since(since).await? {
        let sum = sums.entry(detection).or_default();
        *sum = sum.saturating_add(hits);
    }
    let rows = sums.iter().map(|(id, hits)| format!(", ('{}', {hits})", id.replace('\'', "''")));
    let rows: String = rows.collect();
    let since = since.micros();
    Ok(format!(
        "WITH hits AS (SELECT * FROM (VALUES (NULL, 0){rows}) AS t(detection_id, hits)) \
         SELECT r.detection_id, count(*) AS runs, \
         count(*) FILTER (WHERE status <> 'ok') AS not_ok, \
         sum(rows_judged) AS rows, sum(bytes_read) AS bytes, sum(millis) AS millis, \
         max(millis) AS millis_max, sum(findings) AS findings, sum(suppressed) AS suppressed, \
         coalesce(max(h.hits), 0) AS exception_hits, \
         sum(alerts) AS alerts, sum(late_rows) AS late_rows, max(finished_at) AS last_run \
         FROM runs r LEFT JOIN hits h ON h.detection_id = r.detection_id \
         WHERE finished_at >= to_timestamp_micros({since}) \
         GROUP BY r.detection_id ORDER BY millis DESC, r.detection_id"
    ))
}

/// An exception of the site, and to how many findings it has applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionUse {
    /// The exception.
    pub exception: Exception,
    /// Its findings.
    pub hits: u64,
}

/// Returns the exceptions of the site in their order, those that have never applied included; of
/// all time or of the last seconds.
pub async fn exception_uses(
    lake: &LakeAddress,
    site: &SiteFolder,
    last_seconds: Option<u32>,
) -> Result<Vec<ExceptionUse>, ServiceError> {
    let exceptions = site.rules()?.exceptions;
    let counts = hits_by_exception(&lake.open().await?, since(last_seconds)).await?;
    let hits = |exception: &Exception| counts.get(&exception.id).copied().unwrap_or(0);
    let uses = exceptions.into_iter();
    Ok(uses.map(|exception| ExceptionUse { hits: hits(&exception), exception }).collect())
}

/// Returns how often each exception has applied in runs that ended at a time or later.
pub(super) async fn hits_by_exception(
    lake: &Lake,
    since: EventTime,
) -> Result<BTreeMap<ExceptionId, u64>, ServiceError> {
    let mut sums: BTreeMap<ExceptionId, u64> = BTreeMap::new();
    for ((_, exception), hits) in lake.exception_hits_since(since).await? {
        let sum = sums.entry(ExceptionId::new(exception)).or_default();
        *sum = sum.saturating_add(hits);
    }
    Ok(sums)
}

fn since(last_seconds: Option<u32>) -> EventTime {
    let ago = |seconds: u32| SystemClock.now().plus_seconds(-i64::from(seconds));
    last_seconds.map_or(EventTime::from_micros(0), ago)
}

/// Returns when the last good run of each detection began.
pub(crate) async fn last_runs(lake: &Lake) -> Result<BTreeMap<String, EventTime>, ServiceError> {
    let sql = "SELECT detection_id, max(started_at) AS at FROM runs \
               WHERE status = 'ok' AND kind <> 'backfill' GROUP BY detection_id";
    let failed = |error| query_error(&error, sql);
    let options = SessionOptions::default();
    let session = QuerySession::open(lake, &options).await.map_err(failed)?;
    let mut stream = session.run(sql).await.map_err(failed)?;
    let mut last = BTreeMap::new();
    while let Some(batch) = stream.next_batch().await.map_err(failed)? {
        let rows = rows_as_json(&[batch])
            .map_err(|error| ServiceError::new(FailureKind::Bug, error_chain(&error)))?;
        for row in rows {
            let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str);
            let time = text("at").and_then(|at| EventTime::parse_rfc3339(at).ok());
            if let (Some(id), Some(time)) = (text("detection_id"), time) {
                last.insert(id.to_owned(), time);
            }
        }
    }
    Ok(last)
}
