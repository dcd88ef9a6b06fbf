//! What could not be stored: looking at it, and trying it again.

use arrow_array::{BooleanArray, RecordBatch, cast::AsArray, types::Int32Type};
use arrow_select::filter::filter_record_batch;
use trailhouse_aws::{AwsClients, S3Reader};
use trailhouse_decode::{DecodeLimits, Decoder};
use trailhouse_ingest::IngestLimits;
pub use trailhouse_lake::StoredQuarantine;
use trailhouse_lake::{EventWriter, Lake};
use trailhouse_local::FileReader;
use trailhouse_model::{
    BatchId, BucketName, CommitOutcome, ContentHash, EventTime, ObjectId, ObjectOutcome, ObjectRef,
    QuarantineEntry,
};
use trailhouse_runtime::{
    Clock, CommitObject, CommitRequest, LakeWriter, ObjectReader, PortError, SystemClock,
    committed_object, decode_context, error_chain,
};
use trailhouse_source::{Notification, parse_notification};
use uuid::Uuid;

use crate::{
    error::{FailureKind, ServiceError},
    ingest::{IngestSettings, run_blocking},
    lake::LakeAddress,
};

/// How often a retry is committed again when others commit at the same time.
const COMMIT_ATTEMPTS_MAX: u32 = 5;

/// What became of one entry that was tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryOutcome {
    /// Its events are rows now.
    Stored {
        /// How many.
        events: u64,
    },
    /// Somebody else stored it in the meantime.
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

/// Returns the entries that wait to be retried, oldest first.
pub async fn list_open(lake: &LakeAddress) -> Result<Vec<StoredQuarantine>, ServiceError> {
    Ok(lake.open().await?.open_quarantine().await?)
}

/// Returns the one entry whose identity begins with the digits.
pub async fn find(lake: &LakeAddress, prefix: &str) -> Result<StoredQuarantine, ServiceError> {
    find_in(&lake.open().await?, prefix).await
}

async fn find_in(lake: &Lake, prefix: &str) -> Result<StoredQuarantine, ServiceError> {
    let mut found = lake.find_quarantine(prefix).await?;
    match (found.pop(), found.is_empty()) {
        (Some(entry), true) => Ok(entry),
        (None, _) => Err(ServiceError::new(
            FailureKind::Usage,
            format!("nothing in quarantine begins with `{prefix}`"),
        )
        .with_hint("`trailhouse quarantine ls` lists what is there")),
        (Some(_), false) => {
            let message = format!("`{prefix}` begins {} entries", found.len() + 1);
            Err(ServiceError::new(FailureKind::Usage, message).with_hint("give more digits"))
        }
    }
}

/// Tries entries again: those whose identity begins with one of the prefixes, or all that are open.
pub async fn retry(
    settings: &IngestSettings,
    prefixes: &[String],
) -> Result<Vec<Retried>, ServiceError> {
    let lake = settings.lake_address().open().await?;
    let mut entries = Vec::new();
    if prefixes.is_empty() {
        for entry in lake.open_quarantine().await? {
            entries.push(find_in(&lake, &entry.id.to_string()).await?);
        }
    }
    for prefix in prefixes {
        entries.push(find_in(&lake, prefix).await?);
    }
    let clients = AwsClients::load(&settings.aws).await;
    let bench = Bench {
        writer: lake.event_writer().await?,
        s3: S3Reader::new(&clients),
        files: FileReader::new(),
        clock: SystemClock,
    };
    let mut retried = Vec::new();
    for entry in entries {
        let outcome = bench.retry(&entry).await?;
        retried.push(Retried { entry, outcome });
    }
    Ok(retried)
}

/// What a retry needs.
struct Bench {
    writer: EventWriter,
    s3: S3Reader,
    files: FileReader,
    clock: SystemClock,
}

impl Bench {
    async fn retry(&self, stored: &StoredQuarantine) -> Result<RetryOutcome, ServiceError> {
        match &stored.entry.object_id {
            Some(id) => self.retry_object(stored, *id).await,
            None => self.retry_message(stored).await,
        }
    }

    async fn retry_object(
        &self,
        stored: &StoredQuarantine,
        id: ObjectId,
    ) -> Result<RetryOutcome, ServiceError> {
        let entry = &stored.entry;
        let object = ObjectRef::new(entry.bucket.clone(), entry.key.clone());
        let mut built = match self.build(object, Some(id)).await {
            Ok(built) => built,
            Err(detail) => return Ok(RetryOutcome::StillBad { detail }),
        };
        if let Some(index) = entry.record_index {
            match one_record(built, stored.id, index) {
                Some(record) => built = record,
                None => {
                    let detail = format!("record {index} is still refused");
                    return Ok(RetryOutcome::StillBad { detail });
                }
            }
        }
        self.commit(vec![built]).await
    }

    async fn retry_message(&self, stored: &StoredQuarantine) -> Result<RetryOutcome, ServiceError> {
        let objects = match parse_notification(&stored.entry.raw) {
            Ok(Notification::Objects(objects)) => objects,
            Ok(Notification::Ignored { .. }) => return Ok(RetryOutcome::Stored { events: 0 }),
            Err(error) => return Ok(RetryOutcome::StillBad { detail: error_chain(&error) }),
        };
        let mut built = Vec::new();
        for object in objects {
            match self.build(object, None).await {
                Ok(object) => built.push(object),
                Err(detail) => return Ok(RetryOutcome::StillBad { detail }),
            }
        }
        self.commit(built).await
    }

    /// Reads and decodes the object; the text says why it cannot be used.
    async fn build(
        &self,
        mut object: ObjectRef,
        expected: Option<ObjectId>,
    ) -> Result<CommitObject, String> {
        let bytes_max = IngestLimits::default().compressed_bytes_max;
        let bytes = self.read(&object, bytes_max).await.map_err(|error| error_chain(&error))?;
        if object.bucket.is_local() {
            object.content = Some(ContentHash::of(&bytes));
        }
        if expected.is_some_and(|id| id != object.id()) {
            return Err("the file is another one now; ingest it as such".to_owned());
        }
        let context = decode_context(&object, self.clock.now());
        let decoded = run_blocking(move || {
            let decoded = Decoder::new(DecodeLimits::default()).decode(&context, &bytes);
            decoded.map(|decoded| committed_object(object, decoded, &context))
        })
        .await
        .map_err(|error| error.message)?;
        decoded.map_err(|error| error_chain(&error))
    }

    async fn read(&self, object: &ObjectRef, bytes_max: u64) -> Result<bytes::Bytes, PortError> {
        if object.bucket.as_str() == BucketName::STDIN || object.bucket.is_local() {
            self.files.read(object, bytes_max).await
        } else {
            self.s3.read(object, bytes_max).await
        }
    }

    async fn commit(&self, objects: Vec<CommitObject>) -> Result<RetryOutcome, ServiceError> {
        let events = objects.iter().map(|object| object.committed.events).sum();
        let batch = BatchId::new(Uuid::now_v7().to_string());
        let request = CommitRequest { batch, objects };
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            match self.writer.commit(request.clone()).await {
                CommitOutcome::Committed { .. } => return Ok(RetryOutcome::Stored { events }),
                CommitOutcome::Superseded { .. } => return Ok(RetryOutcome::AlreadyStored),
                CommitOutcome::Unknown => {
                    if self.writer.probe(&request.batch).await?.is_some() {
                        return Ok(RetryOutcome::Stored { events });
                    }
                }
                CommitOutcome::Failed { .. } => break,
            }
        }
        Err(ServiceError::new(FailureKind::Temporary, "failed to commit what was retried")
            .with_hint("run the same command again; nothing is stored twice"))
    }
}

/// Keeps the one record that was refused before; `None` where it still is. It is stored under the
/// identity of its quarantine row, because that of its object is taken.
fn one_record(built: CommitObject, id: ObjectId, index: u32) -> Option<CommitObject> {
    let events = rows_of_record(&built.events, index)?;
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
    Some(CommitObject { committed, events, rejects: Vec::new() })
}

fn rows_of_record(events: &RecordBatch, index: u32) -> Option<RecordBatch> {
    let rows = events.column_by_name("source_row")?.as_primitive_opt::<Int32Type>()?;
    let wanted = i32::try_from(index).ok()?;
    let mask: BooleanArray = rows.iter().map(|row| Some(row == Some(wanted))).collect();
    let kept = filter_record_batch(events, &mask).ok()?;
    (kept.num_rows() == 1).then_some(kept)
}

/// Names the place of what was refused, for a person.
pub fn place(entry: &QuarantineEntry) -> String {
    ObjectRef::new(entry.bucket.clone(), entry.key.clone()).to_string()
}
