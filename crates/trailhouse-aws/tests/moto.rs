//! S3, SQS and SNS for real, as far as moto is real. Needs the Python that `TRAILHOUSE_TEST_PYTHON`
//! names; skipped, visibly, without it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails here"
)]

mod support;
mod topics;

use std::time::Duration;

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{Event, NotificationConfiguration, QueueConfiguration, StorageClass},
};
use aws_sdk_sqs::types::QueueAttributeName;
use support::{clients, config, object};
use trailhouse_aws::{S3Listing, S3Reader, SqsQueue};
use trailhouse_model::{EventTime, ObjectRef};
use trailhouse_runtime::{
    MessageBody, NotificationQueue, ObjectReader, PortErrorKind, QueueMessage, ReceiptHandle,
};
use trailhouse_source::{KeyFilter, Notification, parse_notification};
use trailhouse_testkit::{MotoServer, moto::PYTHON_VARIABLE};

const VISIBILITY: Duration = Duration::from_secs(60);
const BYTES_MAX: u64 = 1 << 20;
const KEY: &str = "AWSLogs/123456789012/CloudTrail/eu-west-1/2024/05/01/a + b & c%2B.json.gz";
/// The start of a gzip stream: must arrive as it is, though the headers say gzip.
const BODY: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

fn start_moto() -> Option<MotoServer> {
    let Some(started) = MotoServer::from_environment() else {
        println!("skipped: {PYTHON_VARIABLE} does not name a Python with moto[server]");
        return None;
    };
    Some(started.unwrap())
}

fn s3(endpoint_url: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&config(Some("us-east-1")));
    let config = config.endpoint_url(endpoint_url).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

fn sqs(endpoint_url: &str) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::config::Builder::from(&config(Some("us-east-1")));
    aws_sdk_sqs::Client::from_conf(config.endpoint_url(endpoint_url).build())
}

async fn put(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) {
    let body = ByteStream::from_static(BODY);
    let request = s3.put_object().bucket(bucket).key(key).content_encoding("gzip");
    request.body(body).send().await.unwrap();
}

/// Makes a queue, one that keeps order where its name says so; returns its URL and ARN.
async fn create_queue(
    client: &aws_sdk_sqs::Client,
    name: &str,
    attributes: &[(QueueAttributeName, &str)],
) -> (String, String) {
    let mut request = client.create_queue().queue_name(name);
    if name.ends_with(".fifo") {
        request = request.attributes(QueueAttributeName::FifoQueue, "true");
    }
    for (attribute, value) in attributes {
        request = request.attributes(attribute.clone(), *value);
    }
    let url = request.send().await.unwrap().queue_url.unwrap();
    let request = client.get_queue_attributes().queue_url(&url);
    let answer = request.attribute_names(QueueAttributeName::QueueArn).send().await.unwrap();
    let arn = answer.attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
    (url, arn)
}

/// Makes a bucket whose created objects are announced in a queue; returns its URL and ARN.
async fn bucket_with_queue(moto: &MotoServer, bucket: &str) -> (String, String) {
    let (s3, sqs) = (s3(&moto.url()), sqs(&moto.url()));
    s3.create_bucket().bucket(bucket).send().await.unwrap();
    let (url, arn) = create_queue(&sqs, "trail", &[]).await;
    let to_queue = QueueConfiguration::builder()
        .queue_arn(&arn)
        .events(Event::S3ObjectCreated)
        .build()
        .unwrap();
    let notifications = NotificationConfiguration::builder().queue_configurations(to_queue).build();
    let request = s3.put_bucket_notification_configuration().bucket(bucket);
    request.notification_configuration(notifications).send().await.unwrap();
    (url, arn)
}

async fn open(moto: &MotoServer, address: &str) -> SqsQueue {
    let address = address.parse().unwrap();
    SqsQueue::open(&clients(&moto.url()), &address, Duration::from_secs(1)).await.unwrap()
}

fn objects(message: &QueueMessage) -> Vec<ObjectRef> {
    match &message.body {
        MessageBody::Objects(objects) => objects.clone(),
        MessageBody::Notification(body) => match parse_notification(body).unwrap() {
            Notification::Objects(objects) => objects,
            Notification::Ignored { .. } => Vec::new(),
        },
    }
}

/// Receives until a message names objects; what only tests the connection is deleted on the way.
async fn receive_objects(queue: &SqsQueue) -> (QueueMessage, Vec<ObjectRef>) {
    loop {
        let messages = queue.receive(1, VISIBILITY).await.unwrap();
        let message = messages.into_iter().next().expect("the queue announces the object");
        let named = objects(&message);
        if !named.is_empty() {
            return (message, named);
        }
        let _report = queue.acknowledge(&[message.receipt]).await;
    }
}

#[tokio::test]
async fn an_announced_object_is_received_read_and_deleted() {
    let Some(moto) = start_moto() else { return };
    let (url, arn) = bucket_with_queue(&moto, "trail-logs").await;
    put(&s3(&moto.url()), "trail-logs", KEY).await;

    let queue = open(&moto, &url).await;
    let (message, named) = receive_objects(&queue).await;
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].key.as_str(), KEY);
    assert_eq!(message.receive_count, 1);
    assert!(message.sent_at.is_some());

    let reader = S3Reader::new(&clients(&moto.url()));
    assert_eq!(reader.read(&named[0], BYTES_MAX).await.unwrap(), BODY);
    let too_large = reader.read(&named[0], 9).await.unwrap_err();
    assert_eq!(too_large.kind, PortErrorKind::TooLarge);

    queue.extend_visibility(&message.receipt, VISIBILITY).await.unwrap();
    queue.release(&message.receipt).await.unwrap();
    let (again, _) = receive_objects(&queue).await;
    assert_eq!(again.id, message.id);
    assert_eq!(again.receive_count, 2);

    let report = queue.acknowledge(std::slice::from_ref(&again.receipt)).await;
    assert_eq!((report.done, report.failed), (vec![again.receipt], vec![]));
    let by_arn = open(&moto, &arn).await;
    assert_eq!(by_arn.name(), "trail");
    assert_eq!(by_arn.receive(10, VISIBILITY).await.unwrap(), vec![]);
}

#[tokio::test]
async fn partial_delete_keeps_failed_receipts() {
    let Some(moto) = start_moto() else { return };
    let (url, _) = bucket_with_queue(&moto, "trail-logs").await;
    let s3 = s3(&moto.url());
    for index in 0..12 {
        put(&s3, "trail-logs", &format!("{index}.json.gz")).await;
    }
    let queue = open(&moto, &url).await;
    let bogus = ReceiptHandle::new("bogus");
    let mut receipts = vec![bogus.clone()];
    loop {
        let messages = queue.receive(10, VISIBILITY).await.unwrap();
        if messages.is_empty() {
            break;
        }
        receipts.extend(messages.into_iter().map(|message| message.receipt));
    }
    assert!(receipts.len() > 12, "more than one batch");
    let report = queue.acknowledge(&receipts).await;
    assert_eq!(report.failed, vec![(bogus.clone(), PortErrorKind::NotFound)]);
    assert_eq!(report.done.as_slice(), &receipts[1..]);
    let refused = queue.release(&bogus).await.unwrap_err();
    assert_eq!(refused.kind, PortErrorKind::NotFound, "{}", refused.chain());
}

#[tokio::test]
async fn a_queue_says_how_it_is_set_up() {
    let Some(moto) = start_moto() else { return };
    let client = sqs(&moto.url());
    let (_, dead_letters) = create_queue(&client, "dead.fifo", &[]).await;
    let redrive = format!(r#"{{"deadLetterTargetArn":"{dead_letters}","maxReceiveCount":5}}"#);
    let attributes = [
        (QueueAttributeName::RedrivePolicy, redrive.as_str()),
        (QueueAttributeName::VisibilityTimeout, "120"),
    ];
    let (url, _) = create_queue(&client, "ordered.fifo", &attributes).await;
    let queue = open(&moto, &url).await;
    let facts = queue.facts().await.unwrap().unwrap();
    assert_eq!(facts.visibility, Some(Duration::from_secs(120)));
    assert_eq!((facts.receive_count_max, facts.isolate_receive_count()), (Some(5), Some(4)));
    assert_eq!(facts.dead_letters, Some(dead_letters));
    assert!(facts.retention.is_some() && queue.is_fifo());
}

#[tokio::test]
async fn a_queue_that_keeps_order_names_the_groups() {
    let Some(moto) = start_moto() else { return };
    let client = sqs(&moto.url());
    let (url, _) = create_queue(&client, "ordered.fifo", &[]).await;
    for (group, body) in [("g", "1"), ("g", "2"), ("h", "3")] {
        let request = client.send_message().queue_url(&url).message_body(body);
        let request = request.message_group_id(group).message_deduplication_id(body);
        request.send().await.unwrap();
    }
    let queue = open(&moto, &url).await;
    let messages = queue.receive(10, VISIBILITY).await.unwrap();
    let groups: Vec<_> = messages.iter().filter_map(|message| message.group.as_deref()).collect();
    assert_eq!(groups, ["g", "g", "h"]);
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let Some(moto) = start_moto() else { return };
    bucket_with_queue(&moto, "trail-logs").await;
    let request = s3(&moto.url()).put_object().bucket("trail-logs").key("cold");
    request.storage_class(StorageClass::Glacier).send().await.unwrap();
    let reader = S3Reader::new(&clients(&moto.url()));
    for (bucket, key, kind) in [
        ("trail-logs", "no such key", PortErrorKind::NotFound),
        ("no-such-bucket", "k", PortErrorKind::Misconfigured),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/x", "k", PortErrorKind::NotFound),
        ("trail-logs", "cold", PortErrorKind::Archived),
    ] {
        let error = reader.read(&object(bucket, key), BYTES_MAX).await.unwrap_err();
        assert_eq!(error.kind, kind, "{}", error.chain());
    }
    let url = format!("{}/123456789012/no-such-queue", moto.url());
    let error = open(&moto, &url).await.receive(1, VISIBILITY).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Misconfigured, "{}", error.chain());
}

#[tokio::test]
async fn a_prefix_is_listed_to_its_end() {
    let Some(moto) = start_moto() else { return };
    let s3 = s3(&moto.url());
    s3.create_bucket().bucket("trail-logs").send().await.unwrap();
    put(&s3, "trail-logs", "other/x.json.gz").await;
    put(&s3, "trail-logs", "AWSLogs/").await;
    for index in 0..230 {
        put(&s3, "trail-logs", &format!("AWSLogs/{index:04}.json.gz")).await;
    }
    let prefixes = ["s3://trail-logs/AWSLogs/", "s3://trail-logs/other"];
    let prefixes = prefixes.map(|text| text.parse().unwrap()).to_vec();
    let listing = S3Listing::new(&clients(&moto.url()), prefixes);

    let first = listing.receive(2, VISIBILITY).await.unwrap();
    assert_eq!(first.iter().map(|message| objects(message).len()).collect::<Vec<_>>(), [100, 100]);
    let rest = listing.receive(10, VISIBILITY).await.unwrap();
    assert_eq!(rest.len(), 1);
    let last = objects(&rest[0]);
    assert_eq!(last.len(), 31);
    assert_eq!(last[0].to_string(), "s3://trail-logs/AWSLogs/0200.json.gz");
    assert_eq!(last[0].size_bytes, Some(10));
    assert_eq!(last[30].to_string(), "s3://trail-logs/other/x.json.gz");
    assert_eq!(listing.receive(10, VISIBILITY).await.unwrap(), vec![]);
}

const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

fn log_key(root: &str, account: &str, kind: &str, region: &str, minute: &str) -> String {
    let (year, month, day) = (&minute[..4], &minute[4..6], &minute[6..8]);
    format!(
        "{root}{account}/{kind}/{region}/{year}/{month}/{day}/\
         {account}_{kind}_{region}_{minute}Z_a.json.gz"
    )
}

/// Two accounts with two regions with five days of two logs each, and what is no log.
async fn organization(moto: &MotoServer) {
    let s3 = s3(&moto.url());
    s3.create_bucket().bucket("trail-logs").send().await.unwrap();
    for account in ACCOUNTS {
        for region in REGIONS {
            for day in 1..=5 {
                for hour in ["0900", "2100"] {
                    let minute = format!("2026060{day}T{hour}");
                    let key = log_key("p/AWSLogs/o-1/", account, "CloudTrail", region, &minute);
                    put(&s3, "trail-logs", &key).await;
                }
            }
            let digest =
                log_key("p/AWSLogs/o-1/", account, "CloudTrail-Digest", region, "20260602T1000");
            put(&s3, "trail-logs", &digest).await;
        }
        let other = format!("p/AWSLogs/o-1/{account}/elasticloadbalancing/eu-west-1/x.log.gz");
        put(&s3, "trail-logs", &other).await;
    }
}

fn filter(from: Option<&str>, to: Option<&str>, accounts: &[&str], regions: &[&str]) -> KeyFilter {
    let time = |text: &str| EventTime::parse_rfc3339(text).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    KeyFilter {
        from: from.map(time),
        to: to.map(time),
        accounts: names(accounts),
        regions: names(regions),
    }
}

/// Lists to the end; returns the keys in order and the number of requests that it took.
async fn list_all(moto: &MotoServer, prefix: &str, filter: KeyFilter) -> (Vec<String>, u64) {
    let prefixes = vec![format!("s3://trail-logs/{prefix}").parse().unwrap()];
    let listing = S3Listing::filtered(&clients(&moto.url()), prefixes, filter);
    let mut keys = Vec::new();
    loop {
        let messages = listing.receive(10, VISIBILITY).await.unwrap();
        if messages.is_empty() {
            return (keys, listing.counts().requests());
        }
        keys.extend(messages.iter().flat_map(objects).map(|object| object.key.to_string()));
    }
}

#[tokio::test]
async fn only_the_folders_and_days_that_are_asked_for_are_listed() {
    let Some(moto) = start_moto() else { return };
    organization(&moto).await;
    let days = (Some("2026-06-02T00:00:00Z"), Some("2026-06-03T21:00:00Z"));
    let one = filter(days.0, days.1, &ACCOUNTS[..1], &REGIONS[1..]);
    let minutes = ["20260602T0900", "20260602T2100", "20260603T0900"];
    let expected = minutes
        .map(|minute| log_key("p/AWSLogs/o-1/", ACCOUNTS[0], "CloudTrail", REGIONS[1], minute));
    // The bucket, p, AWSLogs, the organisation, one account, one kind; then one region.
    for (prefix, requests) in [
        ("", 7),
        ("p/AWSLogs/", 5),
        ("p/AWSLogs/o-", 5),
        ("p/AWSLogs/o-1/111122223333/CloudTrail/us-east-1/", 1),
        ("p/AWSLogs/o-1/111122223333/CloudTrail/us-east-1/2026/06/0", 1),
    ] {
        let found = list_all(&moto, prefix, one.clone()).await;
        assert_eq!(found, (expected.to_vec(), requests), "{prefix}");
    }
    let whole_days = filter(days.0, Some("2026-06-04T00:00:00Z"), &[], &[]);
    let (keys, requests) = list_all(&moto, "p/AWSLogs/", whole_days).await;
    assert_eq!((keys.len(), requests), (2 * 2 * 4, 2 + 2 * (1 + 1 + 2)));
    let (keys, requests) = list_all(&moto, "", KeyFilter::default()).await;
    assert_eq!((keys.len(), requests), (2 * (2 * 11 + 1), 1));
}

#[tokio::test]
async fn logs_outside_of_the_layout_are_found_by_their_names() {
    let Some(moto) = start_moto() else { return };
    let s3 = s3(&moto.url());
    s3.create_bucket().bucket("trail-logs").send().await.unwrap();
    let name = "111122223333_CloudTrail_eu-west-1_20260602T0900Z_a.json.gz";
    let keys = ["a/b/c/d/e/", "flat/", ""].map(|folder| format!("{folder}{name}"));
    for key in &keys {
        put(&s3, "trail-logs", key).await;
    }
    put(&s3, "trail-logs", "flat/notes.json").await;
    let day = filter(Some("2026-06-02T00:00:00Z"), None, &[], &[]);
    let (mut found, _) = list_all(&moto, "", day).await;
    found.sort();
    let mut expected = keys.to_vec();
    expected.sort();
    assert_eq!(found, expected);
    let later = filter(Some("2026-06-03T00:00:00Z"), None, &[], &[]);
    assert_eq!(list_all(&moto, "", later).await.0, [""; 0]);
}
