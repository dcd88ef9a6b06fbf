//! What the tests share: small events, a store that counts and fails on demand.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arrow_array::{
    Array, ArrayRef, Date32Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    cast::AsArray, new_null_array,
};
use async_trait::async_trait;
use bytes::Bytes;
use deltalake_core::datafusion::prelude::SessionContext;
use futures::{future::BoxFuture, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};
use trailhouse_decode::event_schema;
use trailhouse_lake::{Lake, LakeOptions, TableName};
use trailhouse_model::{
    BatchId, BucketName, CommittedObject, ContentHash, EventTime, ObjectKey, ObjectOutcome,
    ObjectRef,
};
use trailhouse_runtime::{CommitObject, CommitRequest};

const DAY_MICROS: i64 = 86_400_000_000;

/// 2023-07-10T00:00:00Z.
pub(crate) fn day_zero() -> EventTime {
    EventTime::parse_rfc3339("2023-07-10T00:00:00Z").unwrap()
}

pub(crate) fn object_ref(name: &str) -> ObjectRef {
    let key = format!(
        "AWSLogs/111122223333/CloudTrail/eu-west-1/2023/07/10/\
         111122223333_CloudTrail_eu-west-1_20230710T0005Z_{name}.json.gz"
    );
    ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key))
}

/// An object with one event a given number of days after day zero for each entry.
pub(crate) fn object_on(name: &str, days: &[i64]) -> CommitObject {
    let object = object_ref(name);
    let committed = CommittedObject {
        id: object.id(),
        inflated_sha256: ContentHash::of(name.as_bytes()),
        compressed_bytes: 10,
        inflated_bytes: 100,
        events: u64::try_from(days.len()).unwrap(),
        rejects: 0,
        first_event_time: None,
        last_event_time: None,
        delivered_at: Some(day_zero()),
        ingested_at: day_zero(),
        outcome: if days.is_empty() { ObjectOutcome::Empty } else { ObjectOutcome::Stored },
        object,
    };
    let events = events(&committed.id.to_string(), days).into();
    CommitObject { committed, events, rejects: Vec::new() }
}

/// An object with two events on day zero.
pub(crate) fn object(name: &str) -> CommitObject {
    object_on(name, &[0, 0])
}

fn events(object_id: &str, days: &[i64]) -> RecordBatch {
    let rows = days.len();
    // Later rows are earlier, so that order is seen to be made.
    let micros = |(row, day): (usize, &i64)| {
        day_zero().micros() + day * DAY_MICROS + 1_000_000 * i64::try_from(rows - row).unwrap()
    };
    let times: Vec<i64> = days.iter().enumerate().map(micros).collect();
    let dates: Date32Array =
        times.iter().map(|time| Some(EventTime::from_micros(*time).days())).collect();
    let indices: Int32Array = (0..i32::try_from(rows).unwrap()).map(Some).collect();
    let columns = event_schema()
        .fields()
        .iter()
        .map(|field| -> ArrayRef {
            match field.name().as_str() {
                "event_date" => Arc::new(dates.clone()),
                "event_time" => {
                    Arc::new(TimestampMicrosecondArray::from(times.clone()).with_timezone("UTC"))
                }
                "event_name" => Arc::new(StringArray::from(vec!["GetObject"; rows])),
                "event_id" => {
                    let ids = (0..rows).map(|row| Some(format!("{object_id}-{row}")));
                    Arc::new(ids.collect::<StringArray>())
                }
                "source_object_id" => Arc::new(StringArray::from(vec![object_id; rows])),
                "source_row" => Arc::new(indices.clone()),
                _ => new_null_array(field.data_type(), rows),
            }
        })
        .collect();
    RecordBatch::try_new(event_schema(), columns).unwrap()
}

pub(crate) fn request(batch: &str, objects: Vec<CommitObject>) -> CommitRequest {
    CommitRequest { batch: BatchId::new(batch), objects }
}

/// A lake in a folder of its own.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) store: Arc<Probe>,
}

impl Place {
    pub(crate) fn new() -> Self {
        // A blank shows where a path is encoded once too often.
        let folder = tempfile::Builder::new().prefix("a lake").tempdir().unwrap();
        Self { folder, store: Arc::default() }
    }

    pub(crate) fn uri(&self) -> String {
        self.folder.path().join("lake").to_str().unwrap().to_owned()
    }

    pub(crate) fn options(&self) -> LakeOptions {
        let probe = Arc::clone(&self.store);
        LakeOptions {
            wrap_store: Some(Arc::new(move |inner| {
                Arc::new(ProbedStore { inner, probe: Arc::clone(&probe) })
            })),
            backoff: Duration::ZERO,
            backoff_max: Duration::ZERO,
            ..LakeOptions::default()
        }
    }

    pub(crate) async fn lake(&self) -> Lake {
        Lake::create_or_open_with(&self.uri(), &self.options()).await.unwrap()
    }

    /// The same lake without anything between it and the disk.
    pub(crate) async fn plain(&self) -> Lake {
        Lake::open(&self.uri()).await.unwrap()
    }
}

/// Reads the table through the Delta library and answers the query over it.
pub(crate) async fn sql(lake: &Lake, query: &str) -> Vec<RecordBatch> {
    let session = SessionContext::new();
    for table in TableName::ALL {
        let provider = lake.table(table).await.unwrap().table_provider().await.unwrap();
        session.register_table(table.as_str(), provider).unwrap();
    }
    session.sql(query).await.unwrap().collect().await.unwrap()
}

/// Answers a query whose result is one number.
pub(crate) async fn number(lake: &Lake, query: &str) -> i64 {
    let batches = sql(lake, query).await;
    let column = arrow_cast::cast(batches[0].column(0), &arrow_schema::DataType::Int64).unwrap();
    column.as_primitive::<arrow_array::types::Int64Type>().value(0)
}

/// Answers a query whose result is one column of text.
pub(crate) async fn texts(lake: &Lake, query: &str) -> Vec<String> {
    let mut found = Vec::new();
    for batch in sql(lake, query).await {
        let column = arrow_cast::cast(batch.column(0), &arrow_schema::DataType::Utf8).unwrap();
        let column = column.as_string::<i32>();
        found.extend((0..column.len()).map(|row| column.value(row).to_owned()));
    }
    found
}

/// Checks that every object is stored once with all its events, and listed once.
pub(crate) async fn check_stored(lake: &Lake, objects: usize) {
    let expected = i64::try_from(objects).unwrap();
    let rows = number(lake, "SELECT count(*) FROM events").await;
    let distinct =
        "SELECT count(*) FROM (SELECT DISTINCT source_object_id, source_row FROM events)";
    assert_eq!(rows, expected * 2, "rows");
    assert_eq!(number(lake, distinct).await, expected * 2, "distinct rows");
    assert_eq!(number(lake, "SELECT count(*) FROM objects").await, expected, "objects");
    let listed = "SELECT count(DISTINCT object_id) FROM objects";
    assert_eq!(number(lake, listed).await, expected, "distinct objects");
}

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// What the store below is to do, and what it did.
#[derive(Default)]
pub(crate) struct Probe {
    requests: Mutex<BTreeMap<&'static str, usize>>,
    log_bytes_read: AtomicUsize,
    /// Puts whose path contains the text are carried out but answered with an error.
    pub(crate) lose_answers: Mutex<Option<(&'static str, usize)>>,
    /// Puts whose path contains the text are carried out, but no answer of the store is heard.
    pub(crate) deaf_to: Mutex<Option<&'static str>>,
    /// Requests whose path contains the text fail before anything happens.
    pub(crate) refuse: Mutex<Option<(&'static str, usize)>>,
    /// Runs before the next put whose path contains the text.
    pub(crate) before_put: Mutex<Option<(&'static str, Hook)>>,
}

impl Probe {
    pub(crate) fn reset(&self) {
        self.requests.lock().unwrap().clear();
        self.log_bytes_read.store(0, Ordering::SeqCst);
    }

    pub(crate) fn requests(&self) -> BTreeMap<&'static str, usize> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn log_bytes_read(&self) -> usize {
        self.log_bytes_read.load(Ordering::SeqCst)
    }

    fn count(&self, what: &'static str) {
        *self.requests.lock().unwrap().entry(what).or_default() += 1;
    }

    fn strikes(slot: &Mutex<Option<(&'static str, usize)>>, path: &Path) -> bool {
        let mut slot = slot.lock().unwrap();
        match slot.as_mut() {
            Some((text, left)) if *left > 0 && path.as_ref().contains(*text) => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    fn is_deaf(&self, path: &Path) -> bool {
        self.deaf_to.lock().unwrap().is_some_and(|text| path.as_ref().contains(text))
    }

    fn hook(&self, path: &Path) -> Option<Hook> {
        let mut slot = self.before_put.lock().unwrap();
        match slot.take() {
            Some((text, hook)) if path.as_ref().contains(text) => Some(hook),
            other => {
                *slot = other;
                None
            }
        }
    }
}

#[derive(Clone)]
struct ProbedStore {
    inner: Arc<dyn ObjectStore>,
    probe: Arc<Probe>,
}

impl fmt::Debug for ProbedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProbedStore")
    }
}

impl fmt::Display for ProbedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProbedStore")
    }
}

fn timed_out() -> object_store::Error {
    object_store::Error::Generic { store: "probe", source: "timed out".into() }
}

#[async_trait]
impl ObjectStore for ProbedStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.probe.count("put");
        let hook = self.probe.hook(location);
        if let Some(hook) = hook {
            hook().await;
        }
        if Probe::strikes(&self.probe.refuse, location) {
            return Err(timed_out());
        }
        let answer = self.inner.put_opts(location, payload, options).await;
        if Probe::strikes(&self.probe.lose_answers, location) || self.probe.is_deaf(location) {
            return Err(timed_out());
        }
        answer
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.probe.count("put");
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.probe.count("get");
        if Probe::strikes(&self.probe.refuse, location) || self.probe.is_deaf(location) {
            return Err(timed_out());
        }
        let found = self.inner.get_opts(location, options).await?;
        if location.as_ref().contains("_delta_log") {
            let bytes = usize::try_from(found.range.end - found.range.start).unwrap();
            self.probe.log_bytes_read.fetch_add(bytes, Ordering::SeqCst);
        }
        Ok(found)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.probe.count("get");
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.probe.count("delete");
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.probe.count("list");
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.probe.count("list");
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.probe.count("list");
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
