//! Upkeep of a lake's tables.

use trailhouse_lake::{Compacted, CompactionGroup, CompactionOptions, TableName};
use trailhouse_model::TableVersion;
use trailhouse_runtime::Drain;

use crate::{error::ServiceError, lake::LakeAddress};

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
    let tables = match settings.tables.as_slice() {
        [] => TableName::ALL.to_vec(),
        tables => tables.to_vec(),
    };
    let mut done = Vec::new();
    for table in tables {
        for group in lake.compaction_groups(table, &settings.files).await? {
            if drain.is_requested() {
                return Ok(done);
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

impl OptimizedGroup {
    /// Returns the version of the table that has the new file.
    pub fn version(&self) -> Option<TableVersion> {
        match self.outcome {
            Some(Compacted::Done { version, .. }) => Some(version),
            Some(Compacted::Overtaken) | None => None,
        }
    }
}
