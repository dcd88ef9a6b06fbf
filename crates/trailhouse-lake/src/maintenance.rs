//! Upkeep that is done between commits, never with one.

use deltalake_core::checkpoints::create_checkpoint;
use futures::TryStreamExt;
use object_store::{ObjectStore, path::Path};
use trailhouse_model::TableVersion;

use crate::{
    error::LakeError,
    lake::Lake,
    log::{TableLog, entry_path},
    tables::TableName,
};

/// Commits after which a checkpoint is due.
pub const CHECKPOINT_COMMITS: u64 = 100;
/// Bytes of log entries after which one is due too: whoever opens the table reads all of them, and
/// a commit of a thousand objects names each.
const CHECKPOINT_BYTES: u64 = 4 * 1024 * 1024;

impl Lake {
    /// Writes a checkpoint of every table that has had [`CHECKPOINT_COMMITS`] commits since its
    /// last one, or large ones, and returns those tables. Costs a read of the whole state.
    pub async fn checkpoint_if_due(&self) -> Result<Vec<TableName>, LakeError> {
        let mut written = Vec::new();
        for table in TableName::ALL {
            let log = self.log(table);
            let latest = self.latest_version(table).await?;
            let last = log.last_checkpoint().await?.unwrap_or(TableVersion(0));
            let commits = latest.0.saturating_sub(last.0);
            let is_due = commits >= CHECKPOINT_COMMITS
                || commits > 0 && bytes_after(log, last).await? >= CHECKPOINT_BYTES;
            if !is_due {
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

/// Returns the bytes of the log after a version.
async fn bytes_after(log: &TableLog, version: TableVersion) -> Result<u64, LakeError> {
    let store = log.object_store();
    let entries = store.list_with_offset(Some(&Path::from("_delta_log")), &entry_path(version));
    entries
        .try_fold(0, async |bytes, entry| Ok(bytes + entry.size))
        .await
        .map_err(LakeError::store(log.table, "list log entries"))
}
