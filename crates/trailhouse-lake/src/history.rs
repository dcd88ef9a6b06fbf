//! What was done to a table, version by version.

use deltalake_core::kernel::Add;
use trailhouse_model::{EventTime, TableVersion};

use crate::{error::LakeError, lake::Lake, tables::TableName};

/// One version of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSummary {
    /// Which.
    pub version: TableVersion,
    /// When it was committed, where its entry says so.
    pub committed_at: Option<EventTime>,
    /// What its entry says was done, such as `WRITE` or `OPTIMIZE`.
    pub operation: Option<String>,
    /// Who did it, as it says itself.
    pub engine: Option<String>,
    /// Files that came.
    pub files_added: u64,
    /// Files that went.
    pub files_removed: u64,
    /// Bytes of the files that came.
    pub bytes_added: u64,
    /// Rows in the files that came, where all of them say so.
    pub rows_added: Option<u64>,
    /// Events that the commit left out, because they repeat another that is in it.
    pub repeats: u64,
}

impl Lake {
    /// Returns the newest versions of a table, the newest first. Versions whose log entries have been
    /// cleaned up are left out.
    pub async fn history(
        &self,
        table: TableName,
        versions_max: usize,
    ) -> Result<Vec<VersionSummary>, LakeError> {
        let log = self.log(table);
        let mut version = self.latest_version(table).await?;
        let mut history = Vec::new();
        while history.len() < versions_max {
            let Some(entry) = log.entry(version).await? else { break };
            let added = entry.added_files().map_err(LakeError::rows(table, "read log entry"))?;
            history.push(VersionSummary {
                version,
                committed_at: entry.committed_at(),
                operation: entry.operation.clone(),
                engine: entry.engine.clone(),
                files_added: count(added.len()),
                files_removed: count(entry.removed_files().len()),
                bytes_added: added.iter().map(|add| u64::try_from(add.size).unwrap_or(0)).sum(),
                rows_added: added.iter().map(rows).sum(),
                repeats: entry.payload.as_ref().map_or(0, |payload| payload.repeats),
            });
            if version == TableVersion(0) {
                break;
            }
            version = version.previous();
        }
        Ok(history)
    }
}

fn rows(add: &Add) -> Option<u64> {
    let stats: serde_json::Value = serde_json::from_str(add.stats.as_deref()?).ok()?;
    stats["numRecords"].as_u64()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
