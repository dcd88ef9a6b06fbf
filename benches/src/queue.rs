//! `benches queue`: `watch` beside a bare loop that receives, gets and deletes, on the same queue and
//! bucket. The queue is in this process, the bucket too or in a SeaweedFS.

use std::{
    env,
    fmt::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use benches::Corpus;
use clap::Args;
use object_store::{
    ObjectStoreExt,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use serde_json::{Value, json};
use trailhouse_aws::{AwsClients, AwsOptions, S3Reader, SqsQueue};
use trailhouse_model::{BucketName, ObjectKey, ObjectRef};
use trailhouse_runtime::{MessageBody, NotificationQueue, ObjectReader, QueueMessage};
use trailhouse_service::{Drain, IngestSettings, WatchSettings, WatchSource, WatchUntil, watch};
use trailhouse_testkit::{CloudStandIn, SeaweedServer, seaweed::ACCESS_KEY};

use crate::measure::Failed;

const BUCKET: &str = "trail-logs";
/// How often the demo's objects are there, under different keys.
const COPIES: u32 = 4;
const POLL: Duration = Duration::from_millis(10);
const VISIBILITY: Duration = Duration::from_secs(300);
/// Loops of the bare reader side by side; each gets the objects of a receive at once.
const LOOPS: usize = 13;
/// A loop ends after so many empty answers in a row.
const EMPTY_MAX: u32 = 2;

#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// How often each has its turn
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long the bucket takes for each answer, however many it is asked for at once
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "seaweedfs")]
    latency_ms: u16,
    /// The program `weed`: has the bucket in a SeaweedFS
    #[arg(long, value_name = "PROGRAM")]
    seaweedfs: Option<PathBuf>,
}

/// Where the queue and the objects are.
struct Endpoints {
    cloud: CloudStandIn,
    objects: Option<SeaweedServer>,
}

/// Which of the two empties the queue.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Drainer {
    Bare,
    Watch,
}

/// Fills the queue for each in turn, and prints objects a second.
#[expect(clippy::print_stdout, reason = "the table is what it is for")]
pub(crate) async fn run(arguments: &QueueArgs) -> Result<(), Failed> {
    let corpus = benches::corpus();
    let endpoints = store(&corpus, arguments).await?;
    let mut text =
        String::from("| round | bare | watch | share |\n| ---: | ---: | ---: | ---: |\n");
    let mut objects = 0_u32;
    for round in 1..=arguments.rounds {
        let mut seconds = [0.0; 2];
        for (seconds, drainer) in seconds.iter_mut().zip(["bare", "watch"]) {
            objects = fill(&endpoints.cloud, &corpus);
            *seconds = emptied(&endpoints, drainer)?;
        }
        let [bare, watch] = seconds.map(|seconds| f64::from(objects) / seconds);
        writeln!(text, "| {round} | {bare:.0} | {watch:.0} | {:.2} |", watch / bare)?;
    }
    println!("{objects} objects; objects a second\n\n{text}");
    Ok(())
}

/// Starts what serves, with all objects.
async fn store(corpus: &Corpus, arguments: &QueueArgs) -> Result<Endpoints, Failed> {
    let cloud = CloudStandIn::start(1)?;
    cloud.set_latency(Duration::from_millis(arguments.latency_ms.into()));
    let objects = match &arguments.seaweedfs {
        Some(weed) => Some(SeaweedServer::start(weed.as_os_str())?),
        None => None,
    };
    let bucket = objects.as_ref().map(bucket_in).transpose()?;
    for copy in 0..COPIES {
        for object in &corpus.objects {
            let key = format!("{copy}/{}", object.key);
            match &bucket {
                Some(bucket) => {
                    let body = object.body.clone();
                    bucket.put(&Path::parse(key)?, body.into()).await.map(drop)?;
                }
                None => cloud.put_object(BUCKET, &key, &object.body),
            }
        }
    }
    Ok(Endpoints { cloud, objects })
}

fn bucket_in(server: &SeaweedServer) -> Result<AmazonS3, Failed> {
    server.create_bucket(BUCKET)?;
    let (id, secret) = ACCESS_KEY;
    let builder = AmazonS3Builder::new().with_endpoint(server.url()).with_allow_http(true);
    let builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    Ok(builder.with_bucket_name(BUCKET).build()?)
}

/// Sends a message for each object, under keys that no lake has stored; returns how many.
fn fill(cloud: &CloudStandIn, corpus: &Corpus) -> u32 {
    let mut sent = 0;
    for copy in 0..COPIES {
        for object in &corpus.objects {
            let key = format!("{copy}/{}", object.key);
            cloud.send(&notification(&key, object.body.len()));
            sent += 1;
        }
    }
    sent
}

/// Lets a process of its own empty the queue; returns the seconds until nothing was left in it.
fn emptied(endpoints: &Endpoints, drainer: &str) -> Result<f64, Failed> {
    let Endpoints { cloud, objects } = endpoints;
    let lake = tempfile::tempdir()?;
    let mut command = Command::new(env::current_exe()?);
    command.args(["part", "drain", drainer, &cloud.queue_url()]);
    command.arg(lake.path().join("lake")).stdout(Stdio::null());
    let (id, secret) = ACCESS_KEY;
    command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
    let objects_url = objects.as_ref().map_or_else(|| cloud.url(), SeaweedServer::url);
    command.env("AWS_ENDPOINT_URL", cloud.url()).env("AWS_ENDPOINT_URL_S3", objects_url);
    let started = Instant::now();
    let mut process = command.env("AWS_EC2_METADATA_DISABLED", "true").spawn()?;
    let mut seconds = None;
    loop {
        let depth = cloud.depth();
        if seconds.is_none() && depth.waiting + depth.leased == 0 {
            seconds = Some(started.elapsed().as_secs_f64());
        }
        if let Some(status) = process.try_wait()? {
            let seconds = seconds.filter(|_| status.success());
            return seconds.ok_or_else(|| format!("{drainer} ended with {status}").into());
        }
        thread::sleep(POLL);
    }
}

fn notification(key: &str, size: usize) -> String {
    let record = json!({
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "awsRegion": "us-east-1",
        "s3": { "bucket": { "name": BUCKET }, "object": { "key": key, "size": size } },
    });
    json!({ "Records": [record] }).to_string()
}

/// Empties the queue once; returns how many objects were read.
pub(crate) async fn drain(drainer: Drainer, queue_url: &str, lake: String) -> Result<u64, Failed> {
    let aws = AwsOptions::default();
    match drainer {
        Drainer::Bare => bare(queue_url, &aws).await,
        Drainer::Watch => {
            let settings = IngestSettings { lake, aws, ..IngestSettings::default() };
            let how = WatchSettings {
                source: WatchSource::Queue(queue_url.to_owned()),
                until: WatchUntil::Empty,
                visibility: VISIBILITY,
                commit_interval: Duration::from_secs(10),
                drain_timeout: Duration::from_secs(30),
            };
            let summary = Box::pin(watch(&settings, &how, None, &Drain::new(), |_| {})).await?;
            Ok(summary.report.objects_stored)
        }
    }
}

/// Receives, gets and deletes, and does nothing with what it gets.
async fn bare(queue_url: &str, aws: &AwsOptions) -> Result<u64, Failed> {
    let clients = AwsClients::load(aws).await;
    let address = queue_url.parse()?;
    let queue = SqsQueue::open(&clients, &address, Duration::from_secs(1)).await?;
    let reader = S3Reader::new(&clients);
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..LOOPS {
        let (queue, reader) = (queue.clone(), reader.clone());
        loops.spawn(async move { bare_loop(&queue, &reader).await });
    }
    let mut objects = 0;
    while let Some(read) = loops.join_next().await {
        objects += read?.map_err(|error| -> Failed { error.into() })?;
    }
    Ok(objects)
}

async fn bare_loop(queue: &SqsQueue, reader: &S3Reader) -> Result<u64, String> {
    let (mut objects, mut empty) = (0, 0);
    while empty < EMPTY_MAX {
        let received = queue.receive(10, VISIBILITY).await;
        let messages = received.map_err(|error| error.to_string())?;
        empty = if messages.is_empty() { empty + 1 } else { 0 };
        let reads = messages.iter().map(|message| read(reader, message));
        for bytes in futures::future::join_all(reads).await {
            objects += u64::from(bytes? > 0);
        }
        let receipts: Vec<_> = messages.iter().map(|message| message.receipt.clone()).collect();
        if !receipts.is_empty() {
            let report = queue.acknowledge(&receipts).await;
            if let Some((_, error)) = report.failed.first() {
                return Err(error.to_string());
            }
        }
    }
    Ok(objects)
}

async fn read(reader: &S3Reader, message: &QueueMessage) -> Result<usize, String> {
    let MessageBody::Notification(body) = &message.body else { return Err("no text".to_owned()) };
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let key = body.pointer("/Records/0/s3/object/key").and_then(Value::as_str);
    let key = ObjectKey::new(key.unwrap_or_default());
    let object = ObjectRef::new(BucketName::new(BUCKET), key);
    let bytes = reader.read(&object, u64::MAX).await.map_err(|error| error.to_string())?;
    Ok(bytes.len())
}
