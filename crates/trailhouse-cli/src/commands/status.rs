//! `trailhouse status`.

use trailhouse_query::{TableLimits, write_result};
use trailhouse_service::{FRESHNESS_SQL, ServiceError, query_error, status};

use super::{
    lake_address,
    rows::output_result,
    session_options,
    summary::{bytes, grouped, plural},
};
use crate::{
    args::Global,
    exit::Exit,
    terminal::{OutputTarget, Terminal},
};

pub(super) async fn run(global: &Global, terminal: &Terminal) -> Result<Exit, ServiceError> {
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
    terminal.say("Freshness by account and region, quietest first:");
    let rows =
        status.session.run(FRESHNESS_SQL).await.map_err(|e| query_error(&e, FRESHNESS_SQL))?;
    let mut target = OutputTarget::open(global)?;
    let limits = TableLimits { width: target.width, rows_max: None };
    output_result(write_result(rows, target.format, limits, &mut target.writer).await)?;
    Ok(Exit::Done)
}
