//! SQL over a lake.

use trailhouse_query::{QueryError, QuerySession, QueryStream, SessionOptions, SiteContext};

use crate::{
    error::{FailureKind, ServiceError, lake_failure},
    lake::LakeAddress,
};

/// Runs one statement that only reads, over a lake and what a site knows besides.
pub async fn query(
    lake: &LakeAddress,
    sql: &str,
    options: SessionOptions,
    context: &SiteContext,
) -> Result<QueryStream, ServiceError> {
    let lake = lake.open().await?;
    let session =
        QuerySession::open(&lake, &options).await.map_err(|error| query_error(&error, sql))?;
    let session = session.with_context(context).await.map_err(|error| query_error(&error, sql))?;
    session.run(sql).await.map_err(|error| query_error(&error, sql))
}

/// Tells a query's error with its place in the text.
pub fn query_error(error: &QueryError, sql: &str) -> ServiceError {
    let message = error.render(sql);
    let kind = match error {
        QueryError::Lake(error) => return lake_failure(error, message),
        QueryError::Limit { .. } | QueryError::TimedOut { .. } | QueryError::TooManyRows { .. } => {
            FailureKind::Limit
        }
        QueryError::Table { .. } => FailureKind::Table,
        QueryError::Bug { .. } => FailureKind::Bug,
        QueryError::Parse { .. }
        | QueryError::UnknownColumn { .. }
        | QueryError::UnknownTable { .. }
        | QueryError::UnknownFunction { .. }
        | QueryError::UnknownParameter { .. }
        | QueryError::NotALiteral { .. }
        | QueryError::Plan { .. }
        | QueryError::Refused { .. }
        | QueryError::Execution { .. } => FailureKind::Query,
    };
    ServiceError::new(kind, message)
}
