//! `trailhouse query`.

use std::{fs, io};

use trailhouse_query::{OutputError, SiteContext, TableLimits, write_result};
use trailhouse_service::{FailureKind, ServiceError, query, query_error};

use super::{intel::context_of, lake_address, rows::output_result, session_options};
use crate::{
    args::{Global, QueryArgs},
    exit::Exit,
    terminal::OutputTarget,
};

pub(super) async fn run(global: &Global, arguments: &QueryArgs) -> Result<Exit, ServiceError> {
    let sql = sql_text(arguments)?;
    let context = context_of(global).await?;
    print_query(global, &context, &sql, Some(arguments.max_rows).filter(|rows| *rows > 0)).await?;
    Ok(Exit::Done)
}

/// Runs a query and writes its rows where the flags say.
pub(super) async fn print_query(
    global: &Global,
    context: &SiteContext,
    sql: &str,
    rows_max: Option<usize>,
) -> Result<(), ServiceError> {
    let rows = query(&lake_address(global), sql, session_options(global), context).await?;
    let mut target = OutputTarget::open(global)?;
    let limits = TableLimits { width: target.width, rows_max };
    match write_result(rows, target.format, limits, &mut target.writer).await {
        Err(OutputError::Query(error)) => Err(query_error(&error, sql)),
        other => output_result(other),
    }
}

fn sql_text(arguments: &QueryArgs) -> Result<String, ServiceError> {
    let (text, source) = match (&arguments.file, arguments.sql.as_deref().unwrap_or("-")) {
        (Some(file), _) => (fs::read_to_string(file), file.display().to_string()),
        (None, "-") => (io::read_to_string(io::stdin()), "standard input".to_owned()),
        (None, sql) => return Ok(sql.to_owned()),
    };
    text.map_err(|error| {
        let message = format!("failed to read SQL from {source}: {error}");
        ServiceError::new(FailureKind::Usage, message)
    })
}
