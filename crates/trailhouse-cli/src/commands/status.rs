//! `trailhouse status`.

use arrow::{
    array::cast::AsArray,
    compute::cast,
    datatypes::{DataType, Int64Type},
};
use trailhouse_query::{TableLimits, write_result};
use trailhouse_service::{
    FRESHNESS_SQL, FailureKind, LakeStatus, REPEATS_SQL, ServiceError, query_error, status,
};

use super::{
    lake_address,
    rows::output_result,
    session_options,
    summary::{bytes, grouped, plural},
};
use crate::{
    args::{Global, StatusArgs},
    exit::Exit,
    terminal::{OutputTarget, Terminal},
};

/// Up to so many rows repeats are counted without being asked: it takes a second or so.
const REPEATS_ROWS_MAX: u64 = 2_000_000;

pub(super) async fn run(
    global: &Global,
    arguments: &StatusArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let status = status(&lake_address(global), session_options(global)).await?;
    terminal.say(&format!("Lake {}", global.lake));
    for table in &status.tables {
        let rows = table.rows.map_or_else(|| "? rows".to_owned(), |rows| plural(rows, "row"));
        let committed =
            table.committed_at.map_or_else(|| "unknown".to_owned(), |at| at.to_string());
        terminal.say(&format!(
            "  {:<11} {rows} in {}, {}, version {} of {committed}",
            table.table.as_str(),
            plural(table.files, "file"),
            bytes(table.bytes),
            table.version,
        ));
    }
    if status.quarantine_open > 0 {
        let open = grouped(status.quarantine_open);
        terminal.warn(&format!("{open} in quarantine wait for a retry (trailhouse quarantine ls)"));
    }
    terminal.say(&repeats(&status, arguments).await?);
    terminal.say("Freshness by account and region, quietest first:");
    let rows =
        status.session.run(FRESHNESS_SQL).await.map_err(|e| query_error(&e, FRESHNESS_SQL))?;
    let mut target = OutputTarget::open(global)?;
    let limits = TableLimits { width: target.width, rows_max: None };
    output_result(write_result(rows, target.format, limits, &mut target.writer).await)?;
    Ok(Exit::Done)
}

/// Tells how many events another row has too, by their ids.
async fn repeats(status: &LakeStatus, arguments: &StatusArgs) -> Result<String, ServiceError> {
    let events = status.tables.iter().find(|table| table.table.as_str() == "events");
    let rows = events.and_then(|table| table.rows);
    if !arguments.repeats && rows.is_none_or(|rows| rows > REPEATS_ROWS_MAX) {
        return Ok("Repeats: not counted in a lake of this size; --repeats does".to_owned());
    }
    let failed = |error| query_error(&error, REPEATS_SQL);
    let rows = status.session.run(REPEATS_SQL).await.map_err(failed)?;
    let batches = rows.collect().await.map_err(failed)?;
    let number = |column: usize| -> Option<u64> {
        let batch = batches.iter().find(|batch| batch.num_rows() > 0)?;
        let column = cast(batch.columns().get(column)?, &DataType::Int64).ok()?;
        u64::try_from(column.as_primitive::<Int64Type>().iter().next()??).ok()
    };
    let (Some(events), Some(repeats)) = (number(0), number(1)) else {
        return Err(ServiceError::new(FailureKind::Bug, "repeats were counted in no row"));
    };
    let per_mille = repeats.saturating_mul(1_000).checked_div(events).unwrap_or(0);
    Ok(format!(
        "Repeats: {} of {} have an id that an earlier row has, {}.{} % (events_unique leaves them out)",
        grouped(repeats),
        plural(events, "event"),
        per_mille / 10,
        per_mille % 10,
    ))
}
