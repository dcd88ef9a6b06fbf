//! Tables that list what the commits of another table say, and that lag behind it at most by
//! what a crash left out.

use arrow_array::RecordBatch;
use deltalake_core::kernel::Add;
use trailhouse_failpoint::{Failpoint, reach};
use trailhouse_model::TableVersion;
use uuid::Uuid;

use crate::{
    clock,
    data_file::{discard_files, write_rows},
    entry::{LogEntry, NewEntry, Payload},
    error::LakeError,
    log::{CONFLICTS_MAX, Claim, TableLog},
    schema_check::{check_entry, check_snapshot},
};

/// Entries that are looked through for the covered version before the whole state is.
const ENTRIES_BACK_MAX: u32 = 16;

/// Rows for one partition of the projection.
pub(crate) type PartitionRows = (Option<String>, RecordBatch);

/// The writing end of a projection.
pub(crate) struct Projection {
    log: TableLog,
    app: &'static str,
    version: TableVersion,
    covered: TableVersion,
}

impl Projection {
    /// Reads how far the projection has come. The app names its `txn`, whose version is the last
    /// version of the source that is covered.
    pub(crate) async fn open(log: TableLog, app: &'static str) -> Result<Self, LakeError> {
        let snapshot = log.latest().await?;
        check_snapshot(log.table, &snapshot)?;
        let version = TableVersion(snapshot.version());
        let covered = covered_at(&log, app, version).await?;
        Ok(Self { log, app, version, covered })
    }

    /// Returns the last version of the source that is covered.
    pub(crate) fn covered(&self) -> TableVersion {
        self.covered
    }

    pub(crate) fn log(&self) -> &TableLog {
        &self.log
    }

    /// Covers the source up to a version. `rows` makes the rows of the versions after the given
    /// one; it is asked again where another writer covered some of them first.
    pub(crate) async fn extend(
        &mut self,
        up_to: TableVersion,
        rows: impl Fn(TableVersion) -> Result<Vec<PartitionRows>, LakeError>,
    ) -> Result<(), LakeError> {
        let payload = Payload { batch_id: Uuid::now_v7().to_string(), ..Payload::default() };
        for attempt in 0..CONFLICTS_MAX {
            if self.covered >= up_to {
                return Ok(());
            }
            let adds = self.write_rows(rows(self.covered)?).await?;
            reach(Failpoint::MidProjection);
            match self.claim(&payload, &adds, up_to).await? {
                Claim::Won => {
                    self.version = self.version.next();
                    self.covered = up_to;
                    return Ok(());
                }
                Claim::Lost(entry) => {
                    discard_files(&self.log, &adds).await;
                    self.apply(&entry)?;
                    self.roll_forward().await?;
                    self.log.backoff.wait(&payload.batch_id, attempt).await;
                }
                // If it lands after all, the next attempt finds its version taken and reads it.
                Claim::Unknown => return Err(LakeError::Unknown { table: self.log.table }),
                Claim::Refused(error) => {
                    discard_files(&self.log, &adds).await;
                    return Err(error);
                }
            }
        }
        Err(LakeError::Contended { table: self.log.table })
    }

    async fn claim(
        &self,
        payload: &Payload,
        adds: &[Add],
        up_to: TableVersion,
    ) -> Result<Claim, LakeError> {
        let transaction = Some((self.app, up_to));
        let entry = NewEntry { payload, transaction, adds, now: clock::now() };
        let bytes = entry.to_bytes().map_err(LakeError::rows(self.log.table, "write log entry"))?;
        Ok(self.log.claim(self.version.next(), payload, &bytes.into()).await)
    }

    async fn write_rows(&self, partitions: Vec<PartitionRows>) -> Result<Vec<Add>, LakeError> {
        let mut adds = Vec::new();
        for (partition, rows) in partitions {
            adds.push(write_rows(&self.log, partition, rows).await?);
        }
        Ok(adds)
    }

    /// Reads what others committed since.
    pub(crate) async fn roll_forward(&mut self) -> Result<(), LakeError> {
        while let Some(entry) = self.log.entry(self.version.next()).await? {
            self.apply(&entry)?;
        }
        Ok(())
    }

    fn apply(&mut self, entry: &LogEntry) -> Result<(), LakeError> {
        check_entry(self.log.table, entry)?;
        if let Some(covered) = covered_in(entry, self.app) {
            self.covered = self.covered.max(covered);
        }
        self.version = entry.version;
        Ok(())
    }
}

/// Returns the version of the source that the projection covers at one of its own versions.
pub(crate) async fn covered_at(
    log: &TableLog,
    app: &'static str,
    at: TableVersion,
) -> Result<TableVersion, LakeError> {
    let mut version = at;
    // Every commit of ours says it, so the newest entry nearly always does.
    for _ in 0..ENTRIES_BACK_MAX {
        let Some(entry) = log.entry(version).await? else { break };
        if let Some(covered) = covered_in(&entry, app) {
            return Ok(covered);
        }
        match version.0.checked_sub(1) {
            Some(earlier) => version = TableVersion(earlier),
            None => return Ok(TableVersion(0)),
        }
    }
    let mut table = log.delta_table();
    let failed = "read state";
    table.load_version(at.0).await.map_err(LakeError::delta(log.table, failed))?;
    let state = table.snapshot().map_err(LakeError::delta(log.table, failed))?;
    let covered = state
        .transaction_version(log.log_store().as_ref(), app)
        .await
        .map_err(LakeError::delta(log.table, failed))?;
    Ok(covered
        .and_then(|covered| u64::try_from(covered).ok())
        .map_or(TableVersion(0), TableVersion))
}

fn covered_in(entry: &LogEntry, app: &str) -> Option<TableVersion> {
    let version = entry.transactions.get(app)?;
    u64::try_from(*version).ok().map(TableVersion)
}
