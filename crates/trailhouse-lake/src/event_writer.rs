//! Commits events: exactly once, by compare-and-swap on the table version.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use deltalake_core::kernel::Add;
use tokio::sync::Mutex;
use trailhouse_failpoint::{Failpoint, reach};
use trailhouse_ingest::commit::{CommitEnd, CommitMachine, CommitStep, LedgerAnswer};
use trailhouse_model::{
    BatchId, Classify, CommitOutcome, ObjectRef, QuarantineEntry, TableVersion,
};
use trailhouse_runtime::{CommitObject, CommitRequest, LakeWriter, PortError};
use trailhouse_source::ledger_partition;

use crate::{
    clock,
    data_file::discard_files,
    entry::{NewEntry, Payload},
    error::LakeError,
    event_files::{EventFiles, write_event_files},
    lake::Lake,
    log::{CONFLICTS_MAX, Claim, TableLog},
    object_line::ObjectLine,
    tables::TableName,
    tally::{Added, Tally},
    writer_state::WriterState,
};

/// The application whose `txn` every commit of events carries.
pub(crate) const INGEST_APP: &str = "trailhouse/ingest";

/// Writes events into a lake. One per process is enough: its commits follow one another anyway.
pub struct EventWriter {
    lake: Lake,
    log: TableLog,
    state: Mutex<WriterState>,
    tally: Tally,
}

/// The objects of a request, each once.
struct Batch {
    payload: Payload,
    objects: Arc<[CommitObject]>,
}

impl Batch {
    fn new(request: CommitRequest) -> Self {
        let mut seen = HashSet::new();
        let distinct = |object: &CommitObject| seen.insert(object.committed.id);
        let objects: Arc<[CommitObject]> = request.objects.into_iter().filter(distinct).collect();
        let payload = Payload {
            batch_id: request.batch.to_string(),
            objects: objects.iter().map(|object| ObjectLine::from(&object.committed)).collect(),
            ..Payload::default()
        };
        Self { payload, objects }
    }

    fn partitions(&self) -> BTreeSet<String> {
        self.payload.objects.iter().map(|line| line.partition.clone()).collect()
    }
}

impl EventWriter {
    pub(crate) async fn open(lake: Lake) -> Result<Self, LakeError> {
        let log = lake.log(TableName::Events).clone();
        let state = WriterState::open(log.clone(), lake.log(TableName::Objects).clone()).await?;
        Ok(Self { lake, log, state: Mutex::new(state), tally: Tally::default() })
    }

    /// Returns what the commits of this writer added together.
    pub fn added(&self) -> Added {
        self.tally.total()
    }

    async fn known(&self, objects: &[ObjectRef]) -> Result<Vec<bool>, LakeError> {
        let mut state = self.state.lock().await;
        state.renew().await?;
        let partitions: Vec<String> = objects.iter().map(ledger_partition).collect();
        state.load(&partitions.iter().cloned().collect()).await?;
        let asked = partitions.iter().zip(objects);
        Ok(asked.map(|(partition, object)| state.ledger.contains(partition, object.id())).collect())
    }

    async fn commit_batch(&self, batch: &mut Batch) -> Result<CommitEnd, LakeError> {
        {
            let mut state = self.state.lock().await;
            state.renew().await?;
            let mut machine = CommitMachine::new(CONFLICTS_MAX);
            machine.answered(ask(&mut state, batch).await?);
            if let CommitStep::Ended(end) = machine.step() {
                if let CommitEnd::Committed { .. } = end {
                    self.tally.found(&batch.payload.batch_id);
                }
                return Ok(end);
            }
        }
        let rejects: Vec<QuarantineEntry> =
            batch.objects.iter().flat_map(|object| object.rejects.iter().cloned()).collect();
        self.lake.put_quarantine(&rejects).await?;
        let EventFiles { adds, repeats } = write_event_files(&self.log, &batch.objects).await?;
        batch.payload.repeats = repeats;
        reach(Failpoint::AfterUpload);
        let end = self.commit_files(batch, &adds).await;
        let bytes = adds.iter().filter_map(|add| u64::try_from(add.size).ok()).sum();
        let (name, added) = (&batch.payload.batch_id, Added { bytes, repeats });
        match &end {
            Ok(CommitEnd::Committed { .. }) => self.tally.committed(name, added),
            Ok(CommitEnd::Unknown) => self.tally.unknown(name, added),
            Ok(CommitEnd::Superseded { .. } | CommitEnd::Contended | CommitEnd::Refused)
            | Err(_) => {}
        }
        if !end.as_ref().is_ok_and(CommitEnd::may_name_files) {
            discard_files(&self.log, &adds).await;
        }
        end
    }

    async fn commit_files(&self, batch: &Batch, adds: &[Add]) -> Result<CommitEnd, LakeError> {
        let mut machine = CommitMachine::new(CONFLICTS_MAX);
        let mut lost = None;
        // Held from the question to the ledger until the version is taken or lost: what was asked
        // and what is written are then of one version.
        let mut state = self.state.lock().await;
        loop {
            match machine.step() {
                CommitStep::Ask => machine.answered(ask(&mut state, batch).await?),
                CommitStep::Claim { version } => {
                    let claim = self.claim(version, batch, adds).await?;
                    machine.claimed(claim.end());
                    match claim {
                        Claim::Won => note_commit(&mut state, version, batch).await,
                        Claim::Lost(entry) => lost = Some(*entry),
                        Claim::Unknown => {}
                        Claim::Refused(error) => return Err(error),
                    }
                }
                CommitStep::CatchUp => {
                    if let Some(entry) = lost.take() {
                        state.apply(entry).await?;
                    }
                    state.roll_forward().await?;
                    machine.caught_up();
                }
                CommitStep::Wait { attempt } => {
                    drop(state);
                    self.log.backoff.wait(&batch.payload.batch_id, attempt).await;
                    state = self.state.lock().await;
                    machine.waited();
                }
                CommitStep::Ended(end) => return Ok(end),
            }
        }
    }

    async fn claim(
        &self,
        version: TableVersion,
        batch: &Batch,
        adds: &[Add],
    ) -> Result<Claim, LakeError> {
        let entry = NewEntry {
            payload: &batch.payload,
            transaction: Some((INGEST_APP, version)),
            adds,
            now: clock::now(),
        };
        let bytes =
            entry.to_bytes().map_err(LakeError::rows(TableName::Events, "write log entry"))?;
        reach(Failpoint::BeforeCommitPut);
        let claim = self.log.claim(version, &batch.payload, &bytes.into()).await;
        reach(Failpoint::AfterCommitPut);
        Ok(claim)
    }

    async fn find_batch(&self, batch: &BatchId) -> Result<Option<TableVersion>, LakeError> {
        let mut state = self.state.lock().await;
        state.roll_forward().await?;
        list_objects(&mut state).await;
        let version = state.ledger.batch_version(batch.as_str());
        if version.is_some() {
            self.tally.found(batch.as_str());
        }
        Ok(version)
    }
}

/// Asks the ledger, at the version that the state has come to, what of the batch is stored.
async fn ask(state: &mut WriterState, batch: &Batch) -> Result<LedgerAnswer, LakeError> {
    state.load(&batch.partitions()).await?;
    let version = state.version;
    let ledger = &mut state.ledger;
    let lines = batch.payload.objects.iter().zip(batch.objects.iter());
    let stored = lines
        .filter(|(line, object)| ledger.contains(&line.partition, object.committed.id))
        .map(|(_, object)| object.committed.id)
        .collect();
    let batch_version = ledger.batch_version(&batch.payload.batch_id);
    Ok(LedgerAnswer { version, stored, objects: batch.objects.len(), batch_version })
}

async fn note_commit(state: &mut WriterState, version: TableVersion, batch: &Batch) {
    let Payload { batch_id, objects, .. } = batch.payload.clone();
    state.advance(version, batch_id, objects);
    reach(Failpoint::AfterCommit);
    list_objects(state).await;
}

/// Brings the objects table up to the commits. Left out, it is done at the next commit or opening.
async fn list_objects(state: &mut WriterState) {
    if let Err(error) = state.project().await {
        tracing::warn!(%error, version = %state.version, "objects table lags behind");
    }
}

impl LakeWriter for EventWriter {
    async fn look_up(&self, objects: &[ObjectRef]) -> Result<Vec<bool>, PortError> {
        self.known(objects).await.map_err(|error| error.into_port("look up objects"))
    }

    async fn commit(&self, request: CommitRequest) -> CommitOutcome {
        let mut batch = Batch::new(request);
        let error = match self.commit_batch(&mut batch).await {
            Ok(CommitEnd::Committed { version }) => return CommitOutcome::Committed { version },
            Ok(CommitEnd::Superseded { objects, version }) => {
                return CommitOutcome::Superseded { objects, version };
            }
            Ok(CommitEnd::Unknown) => return CommitOutcome::Unknown,
            Ok(CommitEnd::Contended | CommitEnd::Refused) => {
                LakeError::Contended { table: TableName::Events }
            }
            Err(error) => error,
        };
        let disposition = error.disposition();
        let detail = error.into_port("commit batch").chain();
        tracing::warn!(batch = batch.payload.batch_id, error = detail, "nothing was committed");
        CommitOutcome::Failed { disposition, detail }
    }

    async fn probe(&self, batch: &BatchId) -> Result<Option<TableVersion>, PortError> {
        self.find_batch(batch).await.map_err(|error| error.into_port("look for batch"))
    }

    async fn quarantine(&self, entries: Vec<QuarantineEntry>) -> Result<(), PortError> {
        self.lake
            .put_quarantine(&entries)
            .await
            .map_err(|error| error.into_port("write quarantine rows"))
    }
}
