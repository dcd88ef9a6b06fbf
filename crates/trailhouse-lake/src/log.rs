//! The log of one table: reading entries, claiming versions.

use std::time::Duration;

use bytes::Bytes;
use deltalake_core::{
    DeltaTable,
    kernel::{LogicalFileView, Snapshot, transaction::TransactionError},
    logstore::{CommitOrBytes, LogStoreRef},
};
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, path::Path};
use serde_json::Value;
use sha2::{Digest, Sha256};
use trailhouse_ingest::commit::{ClaimEnd, ClaimMachine, ClaimStep, PutAnswer, SlotContent};
use trailhouse_model::TableVersion;
use trailhouse_runtime::PortErrorKind;
use uuid::Uuid;

use crate::{
    entry::{LogEntry, Payload},
    error::{LakeError, store_kind},
    tables::TableName,
};

/// Looking at more entries one by one costs more than listing them.
const PROBES_MAX: u32 = 32;
/// How often another writer may come first before one gives up.
pub(crate) const CONFLICTS_MAX: u32 = 50;
/// How often one version is asked for before its fate is called unknown.
const CLAIM_ATTEMPTS_MAX: u32 = 5;

/// How long to wait before trying again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) max: Duration,
}

impl Backoff {
    /// Returns anything between nothing and the doubled wait of this attempt. The seed stands for
    /// chance: two writers never share one.
    pub(crate) fn delay(&self, seed: &str, attempt: u32) -> Duration {
        let longest = self.first.saturating_mul(1 << attempt.min(16)).min(self.max);
        let digest: [u8; 32] = Sha256::new()
            .chain_update(seed.as_bytes())
            .chain_update(attempt.to_be_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        longest.mul_f64(f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX))
    }

    pub(crate) async fn wait(&self, seed: &str, attempt: u32) {
        tokio::time::sleep(self.delay(seed, attempt)).await;
    }
}

/// How an attempt to fill one version ended.
pub(crate) enum Claim {
    /// The version holds our entry.
    Won,
    /// The version holds this entry, which is not ours; ours can never land there.
    Lost(Box<LogEntry>),
    /// The entry may or may not have landed, or may land yet.
    Unknown,
    /// The store refused; nothing was written.
    Refused(LakeError),
}

impl Claim {
    pub(crate) fn end(&self) -> ClaimEnd {
        match self {
            Self::Won => ClaimEnd::Won,
            Self::Lost(_) => ClaimEnd::Lost,
            Self::Unknown => ClaimEnd::Unknown,
            Self::Refused(_) => ClaimEnd::Refused,
        }
    }
}

/// Returns the path of a log entry below the table's folder.
pub(crate) fn entry_path(version: TableVersion) -> Path {
    Path::from(format!("_delta_log/{:020}.json", version.0))
}

/// The log of one table.
#[derive(Clone)]
pub(crate) struct TableLog {
    pub(crate) table: TableName,
    store: LogStoreRef,
    pub(crate) backoff: Backoff,
}

impl TableLog {
    pub(crate) fn new(table: TableName, store: LogStoreRef, backoff: Backoff) -> Self {
        Self { table, store, backoff }
    }

    /// Returns the store whose root is the table's folder.
    pub(crate) fn object_store(&self) -> std::sync::Arc<dyn object_store::ObjectStore> {
        self.store.object_store(None)
    }

    pub(crate) fn log_store(&self) -> &LogStoreRef {
        &self.store
    }

    /// Returns the table without any state.
    pub(crate) fn delta_table(&self) -> DeltaTable {
        DeltaTable::new(std::sync::Arc::clone(&self.store))
    }

    /// Reads the table's state without its files, the newest one or that of a version. `None`
    /// where there is no table.
    pub(crate) async fn snapshot(
        &self,
        version: Option<TableVersion>,
    ) -> Result<Option<Snapshot>, LakeError> {
        let version = version.map(|version| version.0);
        if let Ok(snapshot) = Snapshot::try_new(&self.store, version).await {
            return Ok(Some(snapshot));
        }
        // A place without a table has several errors, depending on the store.
        if let Ok(false) = self.store.is_delta_table_location().await {
            return Ok(None);
        }
        // Somebody may have made the table between the two looks.
        let second = Snapshot::try_new(&self.store, version).await;
        second.map(Some).map_err(LakeError::delta(self.table, "read state"))
    }

    /// Reads the newest state of a table that must be there.
    pub(crate) async fn latest(&self) -> Result<Snapshot, LakeError> {
        self.snapshot(None).await?.ok_or_else(|| LakeError::Damaged {
            table: self.table,
            version: TableVersion(0),
            reason: "there is no log".to_owned(),
        })
    }

    /// Returns the files of the table at a snapshot.
    pub(crate) async fn files(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Vec<LogicalFileView>, LakeError> {
        let views = snapshot.file_views(self.store.as_ref(), None);
        views.try_collect().await.map_err(LakeError::delta(self.table, "list files"))
    }

    /// Returns the day, or what else the table is partitioned by, that a file belongs to.
    pub(crate) fn partition_of(&self, file: &LogicalFileView) -> Option<String> {
        file.partition_values_map().get(self.table.partition_column()?)?.clone()
    }

    /// Reads one log entry; `None` where it is not there, or not there any more.
    pub(crate) async fn entry(&self, version: TableVersion) -> Result<Option<LogEntry>, LakeError> {
        let bytes = self
            .store
            .read_commit_entry(version.0)
            .await
            .map_err(LakeError::delta(self.table, "read log entry"))?;
        bytes.map(|bytes| LogEntry::parse(self.table, version, &bytes)).transpose()
    }

    /// Reads the log entries after one version up to another, all of which must be there.
    pub(crate) async fn entries(
        &self,
        after: TableVersion,
        up_to: TableVersion,
    ) -> Result<Vec<LogEntry>, LakeError> {
        let mut entries = Vec::new();
        let mut version = after;
        while version < up_to {
            version = version.next();
            let gone = LakeError::VersionGone { table: self.table, version };
            entries.push(self.entry(version).await?.ok_or(gone)?);
        }
        Ok(entries)
    }

    /// Returns the newest version, given one that was seen, without listing the log: entries follow
    /// each other without a gap. `None` where too many have come since, or where entries may have
    /// been cleaned up behind a checkpoint.
    pub(crate) async fn newest_after(
        &self,
        seen: TableVersion,
    ) -> Result<Option<TableVersion>, LakeError> {
        if self.last_checkpoint().await?.is_some_and(|checkpoint| checkpoint > seen) {
            return Ok(None);
        }
        let mut newest = seen;
        for _ in 0..PROBES_MAX {
            let path = entry_path(newest.next());
            match self.object_store().head(&path).await {
                Ok(_) => newest = newest.next(),
                Err(object_store::Error::NotFound { .. }) => return Ok(Some(newest)),
                Err(error) => {
                    return Err(LakeError::store(self.table, "look for a log entry")(error));
                }
            }
        }
        Ok(None)
    }

    /// Returns the version of the newest checkpoint that is pointed to.
    pub(crate) async fn last_checkpoint(&self) -> Result<Option<TableVersion>, LakeError> {
        let hint = Path::from("_delta_log/_last_checkpoint");
        let bytes = match self.object_store().get(&hint).await {
            Ok(found) => found.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => Err(error),
        };
        let bytes = bytes.map_err(LakeError::store(self.table, "read checkpoint pointer"))?;
        // The pointer is a hint: one that cannot be read only makes the next checkpoint come early.
        let hint: Option<Value> = serde_json::from_slice(&bytes).ok();
        Ok(hint.and_then(|hint| hint["version"].as_u64()).map(TableVersion))
    }

    /// Fills a version with the entry, unless it is filled. An entry of ours carries the payload
    /// and is recognised by it; asking twice for the same version with it is harmless.
    pub(crate) async fn claim(
        &self,
        version: TableVersion,
        payload: &Payload,
        entry: &Bytes,
    ) -> Claim {
        let mut machine = ClaimMachine::new(CLAIM_ATTEMPTS_MAX);
        let mut refusal = None;
        let mut others = None;
        loop {
            match machine.step() {
                ClaimStep::Put => match self.put(version, entry.clone()).await {
                    Ok(()) => machine.put_ended(PutAnswer::Stored),
                    Err(error) => {
                        tracing::debug!(table = %self.table, %version, %error, "log entry was not taken");
                        machine.put_ended(put_answer(&error));
                        refusal = Some(error);
                    }
                },
                ClaimStep::Read => {
                    let (content, entry) = self.slot(version, payload).await;
                    machine.slot_read(content);
                    others = entry;
                }
                ClaimStep::Wait { attempt } => {
                    self.backoff.wait(&payload.batch_id, attempt).await;
                    machine.waited();
                }
                ClaimStep::Ended(end) => return self.ended(end, others, refusal),
            }
        }
    }

    /// Looks at what a version holds; with the entry where it is not ours.
    async fn slot(
        &self,
        version: TableVersion,
        payload: &Payload,
    ) -> (SlotContent, Option<LogEntry>) {
        match self.entry(version).await {
            Ok(Some(entry)) if entry.payload.as_ref() == Some(payload) => (SlotContent::Ours, None),
            Ok(Some(entry)) => (SlotContent::Others, Some(entry)),
            Ok(None) => (SlotContent::Nothing, None),
            Err(error) => {
                tracing::debug!(table = %self.table, %version, %error, "log is unreadable");
                (SlotContent::Unreadable, None)
            }
        }
    }

    fn ended(
        &self,
        end: ClaimEnd,
        others: Option<LogEntry>,
        refusal: Option<TransactionError>,
    ) -> Claim {
        match (end, others, refusal) {
            (ClaimEnd::Won, _, _) => Claim::Won,
            (ClaimEnd::Lost, Some(entry), _) => Claim::Lost(Box::new(entry)),
            (ClaimEnd::Refused, _, Some(error)) => Claim::Refused(self.refused(error)),
            (ClaimEnd::Unknown | ClaimEnd::Lost | ClaimEnd::Refused, _, _) => Claim::Unknown,
        }
    }

    async fn put(&self, version: TableVersion, entry: Bytes) -> Result<(), TransactionError> {
        let bytes = CommitOrBytes::LogBytes(entry);
        self.store.write_commit_entry(version.0, bytes, Uuid::nil()).await
    }

    fn refused(&self, error: TransactionError) -> LakeError {
        LakeError::delta(self.table, "write log entry")(error.into())
    }
}

fn put_answer(error: &TransactionError) -> PutAnswer {
    let TransactionError::ObjectStore { source } = error else { return PutAnswer::Unclear };
    match store_kind(source) {
        PortErrorKind::Denied | PortErrorKind::Misconfigured => PutAnswer::Refused,
        PortErrorKind::NotFound
        | PortErrorKind::Archived
        | PortErrorKind::Throttled
        | PortErrorKind::Unavailable
        | PortErrorKind::TooLarge
        | PortErrorKind::Corrupt
        | PortErrorKind::Bug => PutAnswer::Unclear,
    }
}
