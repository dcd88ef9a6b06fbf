//! Lakes in S3: on two stores of different make, and on stores that cannot hold one.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use object_store::{
    Error, ObjectStore, PutMode,
    aws::{AmazonS3Builder, S3ConditionalPut},
    memory::InMemory,
};
use trailhouse_lake::{Lake, LakeError, LakeOptions, TableName};
use trailhouse_model::{Classify, CommitOutcome, Disposition, TableVersion};
use trailhouse_runtime::{LakeWriter, PortErrorKind};
use trailhouse_testkit::{MotoServer, SeaweedServer, moto::PYTHON_VARIABLE, seaweed::ACCESS_KEY};

use crate::{
    put_hook::HookedStore,
    races::ingest,
    support::{check_stored, number, object, object_ref, request},
};

const BUCKET: &str = "lake-bucket";
/// What a key may hold and an address may not.
const ODD_PREFIX: &str = "a b/\u{e9}+=&$@!'(x),;~*#?[y]/lake";

/// A bucket of a server that ends with the test.
struct Bucket {
    url: String,
    secret: &'static str,
    _server: Box<dyn std::any::Any>,
}

impl Bucket {
    fn moto() -> Option<Self> {
        let Some(server) = MotoServer::from_environment() else { return skipped() };
        let server = server.unwrap();
        server.create_bucket(BUCKET).unwrap();
        Some(Self { url: server.url(), secret: ACCESS_KEY.1, _server: Box::new(server) })
    }

    fn seaweed() -> Option<Self> {
        let Some(server) = SeaweedServer::from_environment() else { return skipped() };
        let server = server.unwrap();
        server.create_bucket(BUCKET).unwrap();
        Some(Self { url: server.url(), secret: ACCESS_KEY.1, _server: Box::new(server) })
    }

    fn store(&self) -> Arc<dyn ObjectStore> {
        let store = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_region("us-east-1")
            .with_endpoint(&self.url)
            .with_allow_http(true)
            .with_access_key_id(ACCESS_KEY.0)
            .with_secret_access_key(self.secret)
            .with_conditional_put(S3ConditionalPut::ETagMatch);
        Arc::new(store.build().unwrap())
    }

    fn options(&self) -> LakeOptions {
        options(self.store())
    }
}

fn skipped() -> Option<Bucket> {
    eprintln!("SKIPPED: {PYTHON_VARIABLE} is not set; scripts/test sets it");
    None
}

fn options(bucket: Arc<dyn ObjectStore>) -> LakeOptions {
    LakeOptions {
        bucket: Some(bucket),
        backoff: Duration::from_millis(1),
        backoff_max: Duration::from_millis(20),
        ..LakeOptions::default()
    }
}

fn uri(prefix: &str) -> String {
    format!("s3://{BUCKET}/{prefix}")
}

async fn keys(store: &dyn ObjectStore) -> Vec<String> {
    use futures::TryStreamExt;
    store.list(None).map_ok(|object| object.location.to_string()).try_collect().await.unwrap()
}

/// Stores, finds again, reads back, and leaves nothing else behind.
async fn check_lake(bucket: &Bucket, prefix: &str) {
    let (uri, options) = (uri(prefix), bucket.options());
    let missing = Lake::open_with(&uri, &options).await.unwrap_err();
    assert!(matches!(missing, LakeError::Missing { .. }), "{missing}");
    let lake = Lake::create_or_open_with(&uri, &options).await.unwrap();
    let writer = lake.event_writer().await.unwrap();
    let outcome = writer.commit(request("b1", vec![object("a"), object("b")])).await;
    assert_eq!(outcome, CommitOutcome::Committed { version: TableVersion(1) });
    let lake = Lake::open_with(&uri, &options).await.unwrap();
    check_stored(&lake, 2).await;
    let writer = lake.event_writer().await.unwrap();
    let known = writer.look_up(&[object_ref("a"), object_ref("c")]).await.unwrap();
    assert_eq!(known, [true, false]);
    let outcome = writer.commit(request("b2", vec![object("b"), object("c")])).await;
    assert!(matches!(outcome, CommitOutcome::Superseded { .. }), "{outcome:?}");
    assert_eq!(
        writer.commit(request("b2", vec![object("c")])).await,
        CommitOutcome::Committed { version: TableVersion(2) }
    );
    check_stored(&lake, 3).await;
    let start = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    for key in keys(options.bucket.as_deref().unwrap()).await {
        let in_lake = key.strip_prefix(&start).unwrap_or_else(|| panic!("{key}"));
        let table = in_lake.split('/').next().unwrap();
        assert!(TableName::ALL.iter().any(|name| name.as_str() == table), "{key}");
    }
}

/// Several processes store the same objects at the same time.
async fn check_races(bucket: &Bucket) {
    let mut workers = Vec::new();
    for worker in 0..3 {
        let (uri, options) = (uri("raced"), bucket.options());
        workers.push(tokio::spawn(async move {
            let lake = Lake::create_or_open_with(&uri, &options).await.unwrap();
            ingest(lake, worker, 4).await;
        }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
    check_stored(&Lake::open_with(&uri("raced"), &bucket.options()).await.unwrap(), 12).await;
}

/// Another Delta reader finds the same rows.
fn check_other_reader(bucket: &Bucket, prefix: &str, rows: usize) {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else { return };
    let program = concat!(
        "import os, sys, deltalake\n",
        "options = {'endpoint_url': sys.argv[2], 'region': 'us-east-1', 'allow_http': 'true',\n",
        "           'access_key_id': sys.argv[3], 'secret_access_key': sys.argv[4]}\n",
        "table = deltalake.DeltaTable(sys.argv[1], storage_options=options)\n",
        "print(table.to_pyarrow_table().num_rows, flush=True)\n",
        "os._exit(0)\n",
    );
    let table = format!("{}/events", uri(prefix).trim_end_matches('/'));
    let arguments = ["-c", program, &table, &bucket.url, ACCESS_KEY.0, ACCESS_KEY.1];
    let output = Command::new(python).args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), rows.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_on_seaweedfs() {
    let Some(bucket) = Bucket::seaweed() else { return };
    check_lake(&bucket, ODD_PREFIX).await;
    check_races(&bucket).await;
    check_other_reader(&bucket, "raced", 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_on_moto() {
    let Some(bucket) = Bucket::moto() else { return };
    check_lake(&bucket, "").await;
    check_other_reader(&bucket, "", 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_a_refusal() {
    let Some(mut bucket) = Bucket::seaweed() else { return };
    bucket.secret = "wrong";
    let error = Lake::create_or_open_with(&uri("lake"), &bucket.options()).await.unwrap_err();
    assert!(matches!(error, LakeError::Probe { .. }), "{error}");
    assert_eq!((error.kind(), error.disposition()), (PortErrorKind::Denied, Disposition::Stop));
}

/// Takes every put, whatever its condition.
fn careless(inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    Arc::new(HookedStore::new(inner, |mut put| {
        put.options.mode = PutMode::Overwrite;
        put.land()
    }))
}

/// Has no conditional puts and says so, in its own way.
fn unable(error: fn() -> Error) -> Arc<dyn ObjectStore> {
    Arc::new(HookedStore::new(Arc::new(InMemory::new()), move |_| async move { Err(error()) }))
}

async fn check_refused(store: Arc<dyn ObjectStore>) {
    let (uri, options) = (uri("lake"), options(Arc::clone(&store)));
    let error = Lake::create_or_open_with(&uri, &options).await.unwrap_err();
    assert!(matches!(error, LakeError::NoConditionalPut { .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Stop);
    assert_eq!(keys(store.as_ref()).await, [""; 0], "nothing is left behind");
}

#[tokio::test]
async fn a_store_without_conditional_put_is_refused() {
    check_refused(careless(Arc::new(InMemory::new()))).await;
    check_refused(unable(|| Error::NotSupported { source: "no".into() })).await;
    check_refused(unable(|| Error::Generic {
        store: "S3",
        source: "501: <Code>NotImplemented</Code>".into(),
    }))
    .await;
}

#[tokio::test]
async fn a_lake_in_a_careless_store_is_read_but_not_written() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let uri = uri("lake");
    let lake = Lake::create_or_open_with(&uri, &options(Arc::clone(&store))).await.unwrap();
    let writer = lake.event_writer().await.unwrap();
    let outcome = writer.commit(request("b1", vec![object("a")])).await;
    assert_eq!(outcome, CommitOutcome::Committed { version: TableVersion(1) });
    let lake = Lake::open_with(&uri, &options(careless(store))).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 2);
    let Err(error) = lake.event_writer().await else { panic!("a writer was opened") };
    assert!(matches!(error, LakeError::NoConditionalPut { .. }), "{error}");
    let error = lake.append_findings(TableVersion(0), Vec::new(), &[]).await.unwrap_err();
    assert!(matches!(error, LakeError::NoConditionalPut { .. }), "{error}");
}

#[tokio::test]
async fn the_store_is_asked_once() {
    let probes = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&probes);
    let store = HookedStore::new(Arc::new(InMemory::new()), move |put| {
        if put.path.as_ref().starts_with("lake/_trailhouse_probe/") {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        put.land()
    });
    let lake = Lake::create_or_open_with(&uri("lake"), &options(Arc::new(store))).await.unwrap();
    lake.event_writer().await.unwrap();
    lake.event_writer().await.unwrap();
    assert_eq!(probes.load(Ordering::SeqCst), 2, "one probe is two puts");
}
