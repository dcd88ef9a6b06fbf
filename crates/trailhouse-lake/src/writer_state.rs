//! What the writer of events keeps between commits: the version it knows, the ledger as of that
//! version, and how far the objects table has come. Never the list of active files.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::{Duration, Instant},
};

use deltalake_core::datafusion::prelude::{col, lit};
use deltalake_core::kernel::Transaction;
use deltalake_core::kernel::transaction::CommitProperties;
use trailhouse_model::{ObjectId, TableVersion};

use crate::{
    entry::LogEntry,
    error::LakeError,
    ledger::Ledger,
    log::TableLog,
    object_line::{EventCommit, ObjectLine, object_rows, saturated},
    projection::{PartitionRows, Projection},
    scan::{self, Columns},
    schema_check::{check_entry, check_snapshot},
    tables::{LEDGER_PARTITION, TableName},
};

/// The application whose `txn` says how far the objects table has come.
pub(crate) const OBJECTS_APP: &str = "trailhouse/objects";
/// Commits that may wait to be listed in the objects table.
const TAIL_COMMITS_MAX: usize = 200;
/// A state this old may miss entries that were cleaned up since, so it is read anew.
const STATE_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The state between commits.
pub(crate) struct WriterState {
    log: TableLog,
    objects: Projection,
    pub(crate) version: TableVersion,
    pub(crate) ledger: Ledger,
    read_at: Instant,
}

impl WriterState {
    /// Reads the newest state and brings the objects table up to it.
    pub(crate) async fn open(log: TableLog, objects_log: TableLog) -> Result<Self, LakeError> {
        // First the follower, then what it follows: it cannot be ahead of what is read after it.
        let objects = Projection::open(objects_log, OBJECTS_APP).await?;
        let snapshot = log.latest().await?;
        check_snapshot(TableName::Events, &snapshot)?;
        let version = objects.covered();
        if version.0 > snapshot.version() {
            let reason = "the objects table lists commits that are not there".to_owned();
            let version = TableVersion(snapshot.version());
            return Err(LakeError::Damaged { table: TableName::Events, version, reason });
        }
        let read_at = Instant::now();
        let mut state = Self { log, objects, version, ledger: Ledger::default(), read_at };
        state.read_up_to(TableVersion(snapshot.version())).await?;
        state.roll_forward().await?;
        state.project().await?;
        Ok(state)
    }

    async fn read_up_to(&mut self, latest: TableVersion) -> Result<(), LakeError> {
        while self.version < latest {
            let version = self.version.next();
            let gone = LakeError::VersionGone { table: TableName::Events, version };
            let entry = self.log.entry(version).await?.ok_or(gone)?;
            self.apply(entry).await?;
        }
        Ok(())
    }

    /// Reads the state anew where it is too old to be carried on entry by entry.
    pub(crate) async fn renew(&mut self) -> Result<(), LakeError> {
        if self.read_at.elapsed() < STATE_AGE_MAX {
            return Ok(());
        }
        *self = Box::pin(Self::open(self.log.clone(), self.objects.log().clone())).await?;
        Ok(())
    }

    /// Reads what others committed since.
    pub(crate) async fn roll_forward(&mut self) -> Result<(), LakeError> {
        while let Some(entry) = self.log.entry(self.version.next()).await? {
            self.apply(entry).await?;
        }
        Ok(())
    }

    /// Takes the next version as it stands in the log.
    pub(crate) async fn apply(&mut self, entry: LogEntry) -> Result<(), LakeError> {
        check_entry(TableName::Events, &entry)?;
        if let Some(target) = entry.restored() {
            Box::pin(self.roll_back(&entry, target)).await?;
        }
        let payload = entry.payload.unwrap_or_default();
        self.advance(entry.version, payload.batch_id, payload.objects);
        if self.ledger.tail().len() >= TAIL_COMMITS_MAX {
            self.project().await?;
        }
        Ok(())
    }

    /// Takes a version whose objects are known.
    pub(crate) fn advance(
        &mut self,
        version: TableVersion,
        batch_id: String,
        objects: Vec<ObjectLine>,
    ) {
        debug_assert!(self.version.next() == version, "versions are taken one by one");
        if !objects.is_empty() {
            self.ledger.observe(EventCommit { version, batch_id, objects });
        }
        self.version = version;
    }

    /// Lists the commits that the objects table does not list yet.
    pub(crate) async fn project(&mut self) -> Result<(), LakeError> {
        let Self { objects, ledger, version, .. } = self;
        if !ledger.tail().is_empty() {
            let tail = ledger.tail();
            objects.extend(*version, |covered| objects_after(tail.iter(), covered)).await?;
        }
        ledger.covered(objects.covered());
        Ok(())
    }

    /// Makes the ledger answer for these partitions.
    pub(crate) async fn load(&mut self, needed: &BTreeSet<String>) -> Result<(), LakeError> {
        let missing = self.ledger.unloaded(needed);
        if missing.is_empty() {
            return Ok(());
        }
        let log = self.objects.log();
        let snapshot = log.latest().await?;
        for name in missing {
            let ids = object_ids(log, snapshot.clone(), &name).await?;
            self.ledger.load(name, ids, needed);
        }
        Ok(())
    }

    /// Follows a RESTORE: rows of the later versions are gone, so their objects are not stored.
    async fn roll_back(
        &mut self,
        entry: &LogEntry,
        target: Result<TableVersion, i64>,
    ) -> Result<(), LakeError> {
        let target = match target {
            Ok(version) => version,
            Err(time_ms) => self.version_at(entry.version, time_ms).await?,
        };
        tracing::warn!(version = %entry.version, %target, "events table was restored");
        self.ledger.roll_back(target);
        self.project().await?;
        delete_objects(self.objects.log(), target, entry.version).await?;
        self.objects.roll_forward().await?;
        // Nothing was deleted where nothing was listed: then the version is covered without rows.
        self.objects.extend(entry.version, |_| Ok(Vec::new())).await
    }

    /// Returns the last version before another that was committed by a time.
    async fn version_at(
        &self,
        before: TableVersion,
        time_ms: i64,
    ) -> Result<TableVersion, LakeError> {
        let mut version = before;
        while let Some(earlier) = version.0.checked_sub(1) {
            version = TableVersion(earlier);
            let gone = LakeError::VersionGone { table: TableName::Events, version };
            let entry = self.log.entry(version).await?.ok_or(gone)?;
            if entry.timestamp_ms.is_some_and(|committed| committed <= time_ms) {
                break;
            }
        }
        Ok(version)
    }
}

fn objects_after<'a>(
    commits: impl Iterator<Item = &'a EventCommit>,
    covered: TableVersion,
) -> Result<Vec<PartitionRows>, LakeError> {
    let mut partitions: BTreeMap<&str, Vec<(&EventCommit, &ObjectLine)>> = BTreeMap::new();
    for commit in commits.filter(|commit| commit.version > covered) {
        for line in &commit.objects {
            partitions.entry(&line.partition).or_default().push((commit, line));
        }
    }
    partitions
        .into_iter()
        .map(|(partition, lines)| Ok((Some(partition.to_owned()), object_rows(&lines)?)))
        .collect()
}

async fn object_ids(
    log: &TableLog,
    snapshot: deltalake_core::kernel::Snapshot,
    partition: &str,
) -> Result<HashSet<ObjectId>, LakeError> {
    let failed = "read ledger";
    let rows = scan::rows(log, snapshot).await?;
    let batches = rows
        .filter(col(LEDGER_PARTITION).eq(lit(partition)))
        .and_then(|rows| rows.select_columns(&["object_id"]))
        .map_err(LakeError::rows(log.table, failed))?
        .collect()
        .await
        .map_err(LakeError::rows(log.table, failed))?;
    let mut ids = HashSet::new();
    for batch in &batches {
        let column = Columns { table: log.table, batch }.texts("object_id")?;
        ids.extend(column.iter().flatten().filter_map(ObjectId::parse_hex));
    }
    Ok(ids)
}

async fn delete_objects(
    log: &TableLog,
    after: TableVersion,
    before: TableVersion,
) -> Result<(), LakeError> {
    let failed = "forget objects";
    let mut table = log.delta_table();
    table.load().await.map_err(LakeError::delta(log.table, failed))?;
    let version = col("events_version");
    let gone =
        version.clone().gt(lit(saturated(after.0))).and(version.lt(lit(saturated(before.0))));
    let properties = CommitProperties::default()
        .with_max_retries(0)
        .with_application_transaction(Transaction::new(OBJECTS_APP, saturated(before.0)));
    table
        .delete()
        .with_predicate(gone)
        .with_commit_properties(properties)
        .await
        .map_err(LakeError::delta(log.table, failed))?;
    Ok(())
}
