//! Upkeep of a lake's tables.

use std::time::Duration;

use trailhouse_lake::{
    Compacted, CompactionGroup, CompactionOptions, Expired, TableName, Vacuumed, VersionSummary,
};
use trailhouse_model::TableVersion;
use trailhouse_runtime::{Clock, Drain, SystemClock};

use crate::{error::ServiceError, lake::LakeAddress};

/// It is looked whether a checkpoint is due once for so many groups.
const GROUPS_OF_CHECKPOINT: usize = 32;

/// Which tables are compacted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptimizeSettings {
    /// The tables; none for all.
    pub tables: Vec<TableName>,
    /// Which files become one.
    pub files: CompactionOptions,
    /// Only say what would be done.
    pub is_rehearsal: bool,
}

/// What became of a group of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptimizedGroup {
    /// The files.
    pub group: CompactionGroup,
    /// What became of them; nothing where that was only to be said.
    pub outcome: Option<Compacted>,
}

/// Puts large files in the place of many small ones, one commit after the other, until the drain.
pub async fn optimize(
    lake: &LakeAddress,
    settings: &OptimizeSettings,
    drain: &Drain,
    tell: &mut (dyn FnMut(&OptimizedGroup) + Send),
) -> Result<Vec<OptimizedGroup>, ServiceError> {
    let lake = lake.open().await?;
    let mut done = Vec::new();
    for table in chosen(&settings.tables) {
        for group in lake.compaction_groups(table, &settings.files).await? {
            if drain.is_requested() {
                return Ok(done);
            }
            // Each group reads the table's state, and adds to it.
            if !settings.is_rehearsal && done.len().is_multiple_of(GROUPS_OF_CHECKPOINT) {
                lake.checkpoint_if_due().await?;
            }
            let outcome = match settings.is_rehearsal {
                true => None,
                false => Some(lake.compact(&group).await?),
            };
            let group = OptimizedGroup { group, outcome };
            tell(&group);
            done.push(group);
        }
    }
    lake.checkpoint_if_due().await?;
    Ok(done)
}

/// Returns the newest versions of a table, the newest first.
pub async fn history(
    lake: &LakeAddress,
    table: TableName,
    versions_max: usize,
) -> Result<Vec<VersionSummary>, ServiceError> {
    Ok(lake.open().await?.history(table, versions_max).await?)
}

/// Finds the days of events that are over longer than `keep`, and takes them out unless that is
/// only to be said.
pub async fn expire(
    lake: &LakeAddress,
    keep: Duration,
    is_rehearsal: bool,
) -> Result<Expired, ServiceError> {
    let keep = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
    let before = SystemClock.now().plus_seconds(keep.saturating_neg()).to_string();
    let day = before.split_once('T').map_or(before.as_str(), |(day, _)| day);
    Ok(lake.open().await?.expire(day, is_rehearsal).await?)
}

/// Deletes files of tables (none for all) that no version of the last `keep` needs, unless that is
/// only to be said.
pub async fn vacuum(
    lake: &LakeAddress,
    tables: &[TableName],
    keep: Duration,
    is_rehearsal: bool,
) -> Result<Vec<Vacuumed>, ServiceError> {
    let lake = lake.open().await?;
    let mut vacuumed = Vec::new();
    for table in chosen(tables) {
        vacuumed.push(lake.vacuum(table, keep, is_rehearsal).await?);
    }
    Ok(vacuumed)
}

fn chosen(tables: &[TableName]) -> Vec<TableName> {
    if tables.is_empty() { TableName::ALL.to_vec() } else { tables.to_vec() }
}

impl OptimizedGroup {
    /// Returns the version of the table that has the new file.
    pub fn version(&self) -> Option<TableVersion> {
        match self.outcome {
            Some(Compacted::Done { version, .. }) => Some(version),
            Some(Compacted::Overtaken) | None => None,
        }
    }
}
