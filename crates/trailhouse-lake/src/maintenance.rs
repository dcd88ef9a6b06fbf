//! Upkeep that is done between commits, never with one.

use deltalake_core::checkpoints::create_checkpoint;
use trailhouse_model::TableVersion;

use crate::{error::LakeError, lake::Lake, tables::TableName};

/// Commits after which a checkpoint is due.
pub const CHECKPOINT_COMMITS: u64 = 100;

impl Lake {
    /// Writes a checkpoint of every table that has had [`CHECKPOINT_COMMITS`] commits since its
    /// last one, and returns those tables. Costs a read of the whole state: call it when the queue
    /// is drained.
    pub async fn checkpoint_if_due(&self) -> Result<Vec<TableName>, LakeError> {
        let mut written = Vec::new();
        for table in TableName::ALL {
            let log = self.log(table);
            let latest = self.latest_version(table).await?;
            let last = log.last_checkpoint().await?.unwrap_or(TableVersion(0));
            if latest.0.saturating_sub(last.0) < CHECKPOINT_COMMITS {
                continue;
            }
            let delta = self.table(table).await?;
            create_checkpoint(&delta, None)
                .await
                .map_err(LakeError::delta(table, "write checkpoint"))?;
            written.push(table);
        }
        Ok(written)
    }
}
