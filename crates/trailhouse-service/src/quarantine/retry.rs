//! Tries again what is in quarantine.
//!
//! What a retry stores is committed like any object, under an identity that can be committed only
//! once: the object's own, or that of the quarantine row where the object's is taken or unknown.

use std::collections::BTreeMap;

use arrow_array::{BooleanArray, RecordBatch, cast::AsArray, types::Int32Type};
use arrow_select::filter::filter_record_batch;
use trailhouse_aws::{AwsClients, S3Reader};
use trailhouse_decode::{DecodeLimits, Decoder, EventRows};
use trailhouse_ingest::IngestLimits;
use trailhouse_lake::{EventWriter, FailedAttempt, Lake, Refusal};
use trailhouse_local::FileReader;
use trailhouse_model::{
    BatchId, CommitOutcome, CommittedObject, ContentHash, EventTime, ObjectId, ObjectOutcome,
    ObjectRef, QuarantineEntry, QuarantineReason, QuarantineStage,
};
use trailhouse_runtime::{
    Clock, CommitObject, CommitRequest, LakeWriter, ObjectReader, PortError, PortErrorKind,
    SystemClock, committed_object, decode_context, error_chain, refused_prefix,
};
use trailhouse_source::{Notification, parse_notification};
use uuid::Uuid;

use super::{Selection, StoredQuarantine, select};
use crate::{
    error::{FailureKind, ServiceError},
    ingest::{IngestSettings, run_blocking},
};

/// How often a retry is committed again when others commit at the same time.
const COMMIT_ATTEMPTS_MAX: u32 = 5;

/// What became of one entry that was tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryOutcome {
    /// What it is about is stored now.
    Stored {
        /// New rows.
        events: u64,
        /// New entries: what it names or holds and cannot be used.
        refused: u64,
    },
    /// It was stored before.
    AlreadyStored,
    /// It still cannot be used.
    StillBad {
        /// Why.
        detail: String,
    },
}

/// One entry that was tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retried {
    /// The entry.
    pub entry: StoredQuarantine,
    /// What became of it.
    pub outcome: RetryOutcome,
}

/// Tries the entries of a selection again. What is good now is stored once, however often this is
/// done; for the rest the attempt is counted.
pub async fn retry(
    settings: &IngestSettings,
    selection: &Selection,
) -> Result<Vec<Retried>, ServiceError> {
    let lake = settings.lake_address().open().await?;
    let entries = select(&lake, selection).await?;
    let clients = AwsClients::load(&settings.aws).await;
    let bench = Bench {
        writer: lake.event_writer().await?,
        s3: S3Reader::new(&clients),
        files: FileReader::new(),
        clock: SystemClock,
        limits: settings.decode,
        lake: lake.clone(),
    };
    let mut retried = Vec::new();
    let mut failed = BTreeMap::new();
    for entry in entries {
        let outcome = match bench.retry(&entry).await {
            Ok(outcome) => outcome,
            Err(Trouble::StillBad(attempt)) => {
                let detail = attempt.detail.clone();
                failed.insert(entry.id, attempt);
                RetryOutcome::StillBad { detail }
            }
            Err(Trouble::Stop(error)) => {
                lake.note_attempts(&failed, bench.clock.now()).await?;
                return Err(error);
            }
        };
        retried.push(Retried { entry, outcome });
    }
    lake.note_attempts(&failed, bench.clock.now()).await?;
    Ok(retried)
}

/// Why an entry was not stored.
enum Trouble {
    /// It cannot be used, or not now.
    StillBad(FailedAttempt),
    /// The lake cannot be used, so nothing can be stored.
    Stop(ServiceError),
}

impl Trouble {
    fn still_bad(detail: impl Into<String>) -> Self {
        Self::StillBad(FailedAttempt { detail: detail.into(), refusal: None })
    }
}

impl<E: Into<ServiceError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Stop(error.into())
    }
}

/// What a retry needs.
struct Bench {
    lake: Lake,
    writer: EventWriter,
    s3: S3Reader,
    files: FileReader,
    clock: SystemClock,
    limits: DecodeLimits,
}

impl Bench {
    async fn retry(&self, stored: &StoredQuarantine) -> Result<RetryOutcome, Trouble> {
        if !stored.is_open {
            return Ok(RetryOutcome::AlreadyStored);
        }
        match stored.stage {
            QuarantineStage::Message => self.retry_message(stored).await,
            QuarantineStage::Read | QuarantineStage::Decode => self.retry_object(stored).await,
            QuarantineStage::Record => self.retry_record(stored).await,
        }
    }

    async fn retry_object(&self, stored: &StoredQuarantine) -> Result<RetryOutcome, Trouble> {
        let built = self.build(object_of(stored)).await.map_err(Trouble::StillBad)?;
        let mut objects = vec![built];
        if !objects.iter().any(|object| Some(object.committed.id) == stored.entry.object_id) {
            // A file was put right: it is another object now, and the row is about the one before.
            objects.push(self.marker(stored));
        }
        self.commit(objects, 0).await
    }

    async fn retry_record(&self, stored: &StoredQuarantine) -> Result<RetryOutcome, Trouble> {
        let built = self.build(object_of(stored)).await;
        // Whatever is wrong with the whole object now, the row stays one about a record.
        let built = built.map_err(|attempt| Trouble::still_bad(attempt.detail))?;
        if Some(built.committed.id) != stored.entry.object_id {
            return Err(Trouble::still_bad("the file is another one now; ingest it as such"));
        }
        let index = stored.entry.record_index.unwrap_or_default();
        match one_record(built, stored.id, index) {
            Some(record) => self.commit(vec![record], 0).await,
            None => Err(Trouble::still_bad(format!("record {index} is still refused"))),
        }
    }

    /// Stores the objects that the message names. Those that cannot be used get entries of their
    /// own; where one cannot be got at now, nothing happens, and the message is tried again whole.
    async fn retry_message(&self, stored: &StoredQuarantine) -> Result<RetryOutcome, Trouble> {
        let body = self.lake.quarantine_bytes(&[stored.id]).await?.remove(&stored.id);
        let named = match parse_notification(&body.unwrap_or_default()) {
            Ok(Notification::Objects(objects)) => objects,
            Ok(Notification::Ignored { .. }) => Vec::new(),
            Err(error) => return Err(Trouble::still_bad(error_chain(&error))),
        };
        let (mut objects, mut refused) = (vec![self.marker(stored)], Vec::new());
        for object in named {
            match self.build_either(&object).await {
                Ok(built) => objects.push(built),
                Err(FailedAttempt { detail, refusal: Some(refusal) }) => {
                    let (Refusal { reason, raw }, now) = (refusal, self.clock.now());
                    refused.push(QuarantineEntry::of_object(object, reason, detail, raw, now));
                }
                Err(attempt @ FailedAttempt { refusal: None, .. }) => {
                    return Err(Trouble::StillBad(attempt));
                }
            }
        }
        self.lake.put_quarantine(&refused).await?;
        self.commit(objects, refused.len()).await
    }

    /// Tries the other reading of the key where nothing is found under the first.
    async fn build_either(&self, object: &ObjectRef) -> Result<CommitObject, FailedAttempt> {
        let first = self.build(object.clone()).await;
        let is_missing = |attempt: &FailedAttempt| {
            attempt.refusal.as_ref().is_some_and(|it| it.reason == QuarantineReason::Missing)
        };
        match (&object.key_alternative, first) {
            (Some(key), Err(attempt)) if is_missing(&attempt) => {
                let other = ObjectRef { key: key.clone(), key_alternative: None, ..object.clone() };
                self.build(other).await.map_err(|_| attempt)
            }
            (_, first) => first,
        }
    }

    /// Reads and decodes the object.
    async fn build(&self, mut object: ObjectRef) -> Result<CommitObject, FailedAttempt> {
        let bytes_max = IngestLimits::default().compressed_bytes_max;
        let bytes = self.read(&object, bytes_max).await.map_err(|error| unread(&error))?;
        if object.bucket.is_local() {
            object.content = Some(ContentHash::of(&bytes));
        }
        let context = decode_context(&object, self.clock.now());
        let prefix = refused_prefix(&bytes);
        let limits = self.limits;
        let decoded = run_blocking(move || {
            let decoded = Decoder::new(limits).decode(&context, &bytes);
            decoded.map(|it| committed_object(object, it.map(EventRows::from), &context))
        })
        .await
        .map_err(|error| FailedAttempt { detail: error.message, refusal: None })?;
        decoded.map_err(|error| FailedAttempt {
            detail: error_chain(&error),
            refusal: Some(Refusal { reason: error.reason(), raw: prefix }),
        })
    }

    async fn read(&self, object: &ObjectRef, bytes_max: u64) -> Result<bytes::Bytes, PortError> {
        if object.bucket.is_local() {
            self.files.read(object, bytes_max).await
        } else {
            self.s3.read(object, bytes_max).await
        }
    }

    /// Makes the line under which the row counts as done with. It holds no event.
    fn marker(&self, stored: &StoredQuarantine) -> CommitObject {
        let committed = CommittedObject {
            id: stored.id,
            object: object_of(stored),
            inflated_sha256: ContentHash::of(b""),
            compressed_bytes: 0,
            inflated_bytes: 0,
            events: 0,
            rejects: 0,
            first_event_time: None,
            last_event_time: None,
            delivered_at: None,
            ingested_at: self.clock.now(),
            outcome: ObjectOutcome::Retried,
        };
        CommitObject { committed, events: EventRows::none(), rejects: Vec::new() }
    }

    /// Commits those of the objects that are not stored yet.
    async fn commit(
        &self,
        objects: Vec<CommitObject>,
        refused: usize,
    ) -> Result<RetryOutcome, Trouble> {
        let batch = BatchId::new(Uuid::now_v7().to_string());
        let mut request = CommitRequest { batch, objects };
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            match self.writer.commit(request.clone()).await {
                CommitOutcome::Committed { .. } => return Ok(stored(&request, refused)),
                CommitOutcome::Superseded { objects, .. } => {
                    request.objects.retain(|object| !objects.contains(&object.committed.id));
                    if request.objects.is_empty() {
                        return Ok(RetryOutcome::AlreadyStored);
                    }
                }
                CommitOutcome::Unknown => {
                    if self.writer.probe(&request.batch).await?.is_some() {
                        return Ok(stored(&request, refused));
                    }
                }
                CommitOutcome::Failed { .. } => break,
            }
        }
        let error = ServiceError::new(FailureKind::Temporary, "failed to commit what was retried");
        let hint = "run the same command again; nothing is stored twice";
        Err(Trouble::Stop(error.with_hint(hint)))
    }
}

fn stored(request: &CommitRequest, refused: usize) -> RetryOutcome {
    let lines = || request.objects.iter().map(|object| &object.committed);
    let rejects: u64 = lines().map(|line| line.rejects).sum();
    let refused = u64::try_from(refused).unwrap_or(u64::MAX).saturating_add(rejects);
    RetryOutcome::Stored { events: lines().map(|line| line.events).sum(), refused }
}

fn object_of(stored: &StoredQuarantine) -> ObjectRef {
    ObjectRef::new(stored.entry.bucket.clone(), stored.entry.key.clone())
}

/// Tells what is wrong with the object from what keeps us from it.
fn unread(error: &PortError) -> FailedAttempt {
    let reason = match error.kind {
        PortErrorKind::NotFound => Some(QuarantineReason::Missing),
        PortErrorKind::Archived => Some(QuarantineReason::Archived),
        PortErrorKind::TooLarge => Some(QuarantineReason::LimitExceeded),
        PortErrorKind::Corrupt => Some(QuarantineReason::Corrupt),
        PortErrorKind::Denied
        | PortErrorKind::Throttled
        | PortErrorKind::Unavailable
        | PortErrorKind::Misconfigured
        | PortErrorKind::Bug => None,
    };
    let refusal = reason.map(|reason| Refusal { reason, raw: Vec::new() });
    FailedAttempt { detail: error_chain(error), refusal }
}

/// Keeps the one record that was refused before; `None` where it still is. It is stored under the
/// identity of its quarantine row, because that of its object is taken.
fn one_record(built: CommitObject, id: ObjectId, index: u32) -> Option<CommitObject> {
    let events = rows_of_record(&built.events.to_batch(), index)?;
    let mut committed = built.committed;
    committed.id = id;
    committed.events = 1;
    committed.rejects = 0;
    committed.outcome = ObjectOutcome::Retried;
    let time = events.column_by_name("event_time").and_then(|column| {
        let column = column.as_primitive_opt::<arrow_array::types::TimestampMicrosecondType>()?;
        column.iter().next().flatten()
    });
    committed.first_event_time = time.map(EventTime::from_micros);
    committed.last_event_time = committed.first_event_time;
    Some(CommitObject { committed, events: events.into(), rejects: Vec::new() })
}

fn rows_of_record(events: &RecordBatch, index: u32) -> Option<RecordBatch> {
    let rows = events.column_by_name("source_row")?.as_primitive_opt::<Int32Type>()?;
    let wanted = i32::try_from(index).ok()?;
    let mask: BooleanArray = rows.iter().map(|row| Some(row == Some(wanted))).collect();
    let kept = filter_record_batch(events, &mask).ok()?;
    (kept.num_rows() == 1).then_some(kept)
}
