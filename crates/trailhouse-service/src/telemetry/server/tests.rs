use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use trailhouse_model::EventTime;
use trailhouse_runtime::FixedClock;

use super::*;
use crate::telemetry::health::{InFlight, Part, Phase};

struct Scene {
    address: LoopbackAddress,
    telemetry: Arc<Telemetry>,
    _serving: Background,
}

impl Scene {
    async fn new() -> Self {
        let clock = FixedClock(EventTime::from_micros(1_000_000_000));
        let names = ("queue".to_owned(), "lake".to_owned());
        let telemetry = Arc::new(Telemetry::new(Arc::new(clock), names.0, names.1));
        let server = StatusServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.address();
        let serving = server.serve(Arc::clone(&telemetry));
        Self { address, telemetry, _serving: serving }
    }

    async fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address.0).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)).await
    }
}

#[test]
fn only_loopback_is_an_address_for_metrics() {
    for good in ["127.0.0.1:9464", "127.9.9.9:1", "[::1]:0", "localhost:80"] {
        assert!(good.parse::<LoopbackAddress>().is_ok(), "{good}");
    }
    for bad in ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:80", "[2001:db8::1]:80"] {
        let error = bad.parse::<LoopbackAddress>().unwrap_err();
        assert!(matches!(error, LoopbackAddressError::NotLoopback(_)), "{bad}");
    }
    for bad in ["", "9464", ":9464", "127.0.0.1", "localhost", "example.com:80", "localhost:x"] {
        let error = bad.parse::<LoopbackAddress>().unwrap_err();
        assert_eq!(error, LoopbackAddressError::Malformed, "{bad}");
    }
}

#[test]
fn a_host_that_a_name_server_points_here_is_not_ours() {
    for ours in ["localhost", "LOCALHOST:9464", "127.0.0.1", "127.0.0.1:1", "[::1]:9464", "[::1]"] {
        assert!(is_loopback_host(ours), "{ours}");
    }
    let others =
        ["evil.example", "evil.example:9464", "localhost.evil.example", "192.0.2.1:80", ""];
    for other in others {
        assert!(!is_loopback_host(other), "{other}");
    }
}

#[tokio::test]
async fn every_page_answers_and_a_wrong_one_does_not() {
    let scene = Scene::new().await;
    let live = scene.get("/livez").await;
    assert!(live.starts_with("HTTP/1.1 200") && live.ends_with("\r\n\r\nok\n"), "{live}");
    let ready = scene.get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("starting\n"), "{ready}");
    let metrics = scene.get("/metrics").await;
    assert!(metrics.contains(&format!("content-type: {CONTENT_TYPE}")), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(metrics.contains("trailhouse_start_timestamp_seconds 1000.0"), "{metrics}");
    let status = scene.get("/statusz").await;
    let (head, body) = status.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(document["state"], "starting");
    assert!(scene.get("/").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn readiness_is_what_the_parts_last_answered() {
    let scene = Scene::new().await;
    {
        let mut health = scene.telemetry.health();
        health.turned(now(), Phase::Running, InFlight::default());
        health.answered(Part::Queue);
        health.answered(Part::Lake);
    }
    assert!(scene.get("/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(scene.get("/metrics").await.contains("\ntrailhouse_ready 1\n"));
    scene.telemetry.health().refused(now(), Part::Lake, "failed to look up objects");
    let ready = scene.get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.ends_with("lake for 0 s: failed to look up objects\n"), "{ready}");
    assert!(scene.get("/livez").await.starts_with("HTTP/1.1 200"), "a restart would not help");
}

#[tokio::test]
async fn what_no_scraper_sends_is_refused() {
    let scene = Scene::new().await;
    let refused = [
        ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"),
        ("GET /metrics HTTP/1.1\r\n\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "400"),
        ("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"),
        ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", "413"),
        (
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "413",
        ),
    ];
    for (request, status) in refused {
        let answer = scene.send(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
    let head = scene.send("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() {
    let scene = Scene::new().await;
    // The slots are taken; the server must free them by itself.
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(scene.address.0).await.unwrap());
    }
    let started = tokio::time::Instant::now();
    assert!(scene.get("/livez").await.starts_with("HTTP/1.1 200"));
    assert!(started.elapsed() >= Duration::from_secs(10), "the slots were bounded");
    let mut rest = Vec::new();
    silent[0].read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_at_once() {
    let scene = Scene::new().await;
    let error = StatusServer::bind(scene.address).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Configuration);
    let start = format!("failed to listen on {} for metrics", scene.address);
    assert!(error.message.starts_with(&start), "{error}");
}
