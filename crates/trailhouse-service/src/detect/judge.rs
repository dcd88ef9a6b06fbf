//! One detection over the rows of one session.

use trailhouse_detect::{Detection, Finding, Row, findings_from};
use trailhouse_query::{QuerySession, rows_as_json};
use trailhouse_runtime::error_chain;

use crate::{
    error::{FailureKind, ServiceError},
    query::query_error,
};

/// Rows that one detection may put out in one run. More is a detection that matches everything.
const ROWS_MAX: usize = 1_000_000;

/// Runs the SQL of the detection and makes findings of its rows.
pub(crate) async fn judge(
    session: &QuerySession,
    detection: &Detection,
) -> Result<Vec<Finding>, ServiceError> {
    let sql = detection.sql.as_str();
    let mut stream = session.run(sql).await.map_err(|error| query_error(&error, sql))?;
    let mut rows: Vec<Row> = Vec::new();
    while let Some(batch) = stream.next_batch().await.map_err(|error| query_error(&error, sql))? {
        let more = rows_as_json(&[batch])
            .map_err(|error| ServiceError::new(FailureKind::Query, error_chain(&error)))?;
        rows.extend(more);
        if rows.len() > ROWS_MAX {
            let message = format!("`{}` puts out more than {ROWS_MAX} rows", detection.id.as_str());
            return Err(ServiceError::new(FailureKind::Limit, message)
                .with_hint("narrow its WHERE clause, or group its rows"));
        }
    }
    findings_from(detection, &rows).map_err(|error| {
        let message = format!("`{}`: {}", detection.id.as_str(), error_chain(&error));
        ServiceError::new(FailureKind::Configuration, message)
    })
}
