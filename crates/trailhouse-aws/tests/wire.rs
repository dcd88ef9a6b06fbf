//! Answers that moto does not give, from a server of a few lines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod support;

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use support::{clients, object};
use trailhouse_aws::{S3Listing, S3Reader, SqsQueue};
use trailhouse_model::{BucketName, EventTime};
use trailhouse_runtime::{CircuitKey, MessageBody, NotificationQueue, ObjectReader, PortErrorKind};
use trailhouse_source::KeyFilter;

/// Answers every request with what `answer` makes of its head and body; returns the URL and the number of
/// requests so far. The thread ends with the test process.
fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read_request(&mut stream);
            counted.fetch_add(1, Ordering::SeqCst);
            stream.write_all(answer(&request).as_bytes()).unwrap();
        }
    });
    (url, requests)
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

fn refusal(status: &str, headers: &str, code: &str) -> String {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    response(status, headers, &body)
}

/// What a refusal concerns that no key is named in.
fn circuit_of_bucket() -> Option<Box<CircuitKey>> {
    Some(Box::new(CircuitKey::Bucket(BucketName::new("trail-logs"))))
}

fn is_signed_for(head: &str, region: &str) -> bool {
    head.contains(&format!("/{region}/s3/aws4_request"))
}

#[tokio::test]
async fn a_bucket_elsewhere_is_found_once_and_remembered() {
    let (url, requests) = serve(|head| {
        if is_signed_for(head, "eu-central-1") {
            response("200 OK", "", "body")
        } else {
            let headers = "x-amz-bucket-region: eu-central-1\r\n";
            refusal("400 Bad Request", headers, "AuthorizationHeaderMalformed")
        }
    });
    let reader = S3Reader::new(&clients(&url));
    assert_eq!(reader.read(&object("trail-logs", "k"), 10).await.unwrap(), "body");
    assert_eq!(requests.load(Ordering::SeqCst), 2);
    assert_eq!(reader.read(&object("trail-logs", "k"), 10).await.unwrap(), "body");
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_redirect_without_region_asks_for_the_head_of_the_bucket() {
    let (url, _) = serve(|head| {
        if is_signed_for(head, "eu-central-1") {
            response("200 OK", "", "body")
        } else if head.starts_with("HEAD ") {
            let headers = "x-amz-bucket-region: eu-central-1\r\n";
            response("301 Moved Permanently", headers, "")
        } else {
            refusal("301 Moved Permanently", "", "PermanentRedirect")
        }
    });
    let reader = S3Reader::new(&clients(&url));
    assert_eq!(reader.read(&object("trail-logs", "k"), 10).await.unwrap(), "body");
}

#[tokio::test]
async fn the_region_of_the_notification_is_tried_first() {
    let (url, requests) = serve(|head| {
        assert!(is_signed_for(head, "ap-south-1"), "{head}");
        response("200 OK", "", "body")
    });
    let mut announced = object("trail-logs", "k");
    announced.region = Some("ap-south-1".to_owned());
    let reader = S3Reader::new(&clients(&url));
    assert_eq!(reader.read(&announced, 10).await.unwrap(), "body");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_followed_once() {
    let (url, requests) = serve(|_| {
        let headers = "x-amz-bucket-region: eu-central-1\r\n";
        refusal("301 Moved Permanently", headers, "PermanentRedirect")
    });
    let reader = S3Reader::new(&clients(&url));
    let error = reader.read(&object("trail-logs", "k"), 10).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Misconfigured);
    assert_eq!(error.circuit, circuit_of_bucket(), "nothing else in the bucket can be read either");
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_worth_another_try() {
    let (url, _) = serve(|_| "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbody".to_owned());
    let reader = S3Reader::new(&clients(&url));
    let error = reader.read(&object("trail-logs", "k"), 10).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{}", error.chain());
}

#[tokio::test]
async fn a_body_of_unknown_length_is_stopped_at_the_limit() {
    let (url, _) = serve(|_| {
        let body = "8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n";
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}")
    });
    let reader = S3Reader::new(&clients(&url));
    let error = reader.read(&object("trail-logs", "k"), 15).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::TooLarge);
    assert_eq!(reader.read(&object("trail-logs", "k"), 16).await.unwrap().len(), 16);
}

#[tokio::test]
async fn refusals_have_their_kind() {
    for (status, code, kind) in [
        ("503 Slow Down", "SlowDown", PortErrorKind::Throttled),
        ("429 Too Many Requests", "TooManyRequests", PortErrorKind::Throttled),
        ("400 Bad Request", "KMS.ThrottlingException", PortErrorKind::Throttled),
        ("500 Internal Server Error", "InternalError", PortErrorKind::Unavailable),
        ("403 Forbidden", "AccessDenied", PortErrorKind::Denied),
        ("400 Bad Request", "KMS.DisabledException", PortErrorKind::Denied),
        ("404 Not Found", "NoSuchBucket", PortErrorKind::Misconfigured),
        ("403 Forbidden", "InvalidObjectState", PortErrorKind::Archived),
    ] {
        let (url, _) = serve(move |_| refusal(status, "", code));
        let reader = S3Reader::new(&clients(&url));
        let error = reader.read(&object("trail-logs", "k"), 10).await.unwrap_err();
        assert_eq!(error.kind, kind, "{}", error.chain());
        let is_denied = matches!(kind, PortErrorKind::Denied | PortErrorKind::Misconfigured);
        assert_eq!(error.circuit, circuit_of_bucket().filter(|_| is_denied), "{code}");
    }
}

async fn open_queue(url: &str, name: &str) -> SqsQueue {
    let address = format!("{url}/111122223333/{name}").parse().unwrap();
    SqsQueue::open(&clients(url), &address, Duration::ZERO).await.unwrap()
}

#[tokio::test]
async fn a_queue_that_keeps_order_is_asked_again_under_the_same_id() {
    for (name, distinct) in [("trail.fifo", Some(2)), ("trail", None)] {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let asked = Arc::clone(&seen);
        let (url, _) = serve(move |request| {
            let mut asked = asked.lock().unwrap();
            let attempt = request.split_once(r#""ReceiveRequestAttemptId":""#);
            asked.extend(attempt.and_then(|(_, id)| id.split('"').next()).map(str::to_owned));
            if asked.len() == 1 {
                response("500 Oops", "", "{}")
            } else {
                response("200 OK", "", "{}")
            }
        });
        let queue = open_queue(&url, name).await;
        let outcomes = [
            queue.receive(10, Duration::ZERO).await.is_ok(),
            queue.receive(10, Duration::ZERO).await.is_ok(),
            queue.receive(10, Duration::ZERO).await.is_ok(),
        ];
        let attempts = seen.lock().unwrap().clone();
        match distinct {
            Some(distinct) => {
                assert_eq!(outcomes, [false, true, true]);
                assert_eq!((&attempts[0], attempts.len()), (&attempts[1], 3));
                let ids: BTreeSet<&String> = attempts.iter().collect();
                assert_eq!(ids.len(), distinct, "a new receive has a new id");
            }
            None => assert_eq!(attempts, Vec::<String>::new()),
        }
    }
}

#[tokio::test]
async fn a_queue_that_does_not_let_us_ask_is_unknown() {
    let (url, _) = serve(|_| {
        let body = r#"{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"no"}"#;
        response("403 Forbidden", "content-type: application/x-amz-json-1.0\r\n", body)
    });
    assert_eq!(open_queue(&url, "trail").await.facts().await.unwrap(), None);
}

#[tokio::test]
async fn nobody_listening_is_unavailable() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let reader = S3Reader::new(&clients(&format!("http://{free}")));
    let error = reader.read(&object("trail-logs", "k"), 10).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{}", error.chain());
}

/// A page of a listing that is not the last.
fn page(keys: &[String]) -> String {
    let contents: String = keys
        .iter()
        .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>"))
        .collect();
    let body = format!(
        "<ListBucketResult><IsTruncated>true</IsTruncated>\
         <NextContinuationToken>next</NextContinuationToken>{contents}</ListBucketResult>"
    );
    response("200 OK", "", &body)
}

#[tokio::test]
async fn a_region_is_listed_from_the_first_minute_and_no_further_than_the_last() {
    let folder = "AWSLogs/111122223333/CloudTrail/eu-west-1/";
    let key = move |minute: &str| {
        format!("{folder}2026/06/01/111122223333_CloudTrail_eu-west-1_20260601T{minute}Z_a.json.gz")
    };
    let (url, requests) = serve(move |head| {
        if head.contains("continuation-token=next") {
            page(&[key("0902"), key("0903"), key("0904")])
        } else {
            assert!(head.contains("_eu-west-1_20260601T0900 HTTP"), "{head}");
            page(&[key("0900"), key("0901")])
        }
    });
    let filter = KeyFilter {
        from: Some(EventTime::parse_rfc3339("2026-06-01T09:00:59Z").unwrap()),
        to: Some(EventTime::parse_rfc3339("2026-06-01T09:03:00Z").unwrap()),
        ..KeyFilter::default()
    };
    let prefix = format!("s3://trail-logs/{folder}").parse().unwrap();
    let listing = S3Listing::filtered(&clients(&url), vec![prefix], filter);
    let messages = listing.receive(10, Duration::ZERO).await.unwrap();
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    let MessageBody::Objects(objects) = &message.body else { panic!("{message:?}") };
    let found: Vec<String> = objects.iter().map(|object| object.key.to_string()).collect();
    assert_eq!(found, ["0900", "0901", "0902"].map(key));
    assert_eq!(listing.receive(10, Duration::ZERO).await.unwrap(), []);
    assert_eq!(requests.load(Ordering::SeqCst), 2);
    assert_eq!((listing.counts().requests(), listing.counts().passed()), (2, 2));
}

#[tokio::test]
async fn a_listing_that_is_throttled_goes_on_where_it_was() {
    let (url, requests) = serve(|head| {
        if head.contains("continuation-token=next") {
            refusal("503 Slow Down", "", "SlowDown")
        } else {
            page(&["AWSLogs/a.json".to_owned()])
        }
    });
    let prefix = "s3://trail-logs/AWSLogs/".parse().unwrap();
    let listing = S3Listing::new(&clients(&url), vec![prefix]);
    assert_eq!(listing.receive(1, Duration::ZERO).await.unwrap().len(), 1);
    for asked in [3, 4] {
        let error = listing.receive(1, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Throttled);
        assert_eq!(requests.load(Ordering::SeqCst), asked);
    }
}
