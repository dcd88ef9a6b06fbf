//! What all measurements share.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use trailhouse_lake::{Lake, TableName, TableStatus};
use trailhouse_query::{QuerySession, SessionOptions};

/// A benchmark has nobody to hand an error to but its user.
pub(crate) type Failed = Box<dyn std::error::Error>;

/// Runs a command and reads the last line that it prints.
pub(crate) fn told(command: &mut Command) -> Result<Value, Failed> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().ok_or("nothing was printed")?;
    Ok(serde_json::from_str(line)?)
}

/// Opens a session that has read nothing of the lake's files.
pub(crate) async fn open(lake: &Path) -> Result<QuerySession, Failed> {
    let lake = Lake::open(&lake.to_string_lossy()).await?;
    Ok(QuerySession::open(&lake, &SessionOptions::default()).await?)
}

/// Returns what the lake says of its events.
pub(crate) async fn events(lake: &Lake) -> Result<TableStatus, Failed> {
    let tables = lake.status().await?;
    let events = tables.into_iter().find(|status| status.table == TableName::Events);
    Ok(events.ok_or("a lake has events")?)
}

pub(crate) fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
