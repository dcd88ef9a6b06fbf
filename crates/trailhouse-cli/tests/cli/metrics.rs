//! What a running service shows of itself.

use std::fs;

use serde_json::Value;

use crate::{
    service::{Service, wait_until},
    support::{count_events, run_python, trailhouse},
    watch::{Scene, invictus},
};

/// Reads an exposition with the parser of Prometheus' own client, and prints name and value of
/// every sample without labels.
const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(open(sys.argv[1]).read()):
    assert family.name.startswith('trailhouse_'), family.name
    assert family.documentation, family.name
    for sample in family.samples:
        assert all(len(value) < 32 for value in sample.labels.values()), sample
        if not sample.labels:
            print(sample.name, int(sample.value))
";

#[test]
fn the_metrics_are_what_was_ingested() {
    let (Some(objects), Some(scene)) = (invictus(), Scene::new()) else { return };
    let service = Service::start(&scene, &scene.endpoint, &["--commit-interval", "1"]);
    scene.upload(&objects, 2);
    wait_until("everything is acknowledged", || {
        scene.depth() == "0 0" && service.metric("trailhouse_messages_in_flight") == 0.0
    });

    let (status, text) = service.get("/metrics");
    assert_eq!(status, 200);
    let file = scene.lake().with_file_name("metrics.txt");
    fs::write(&file, &text).unwrap();
    let parsed = run_python(&scene.python, &["-c", PARSE, file.to_str().unwrap()]);
    let value = |name: &str| {
        let line = parsed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in:\n{parsed}")).parse::<i64>().unwrap()
    };
    let total = |name: &str| value(&format!("trailhouse_{name}_total"));
    assert_eq!(total("events_stored"), count_events(&scene.lake()));
    assert_eq!(total("events_stored"), 2_900);
    assert_eq!(total("messages_received"), total("messages_acknowledged"));
    let settled = total("objects_stored") + total("objects_empty") + total("objects_duplicate");
    assert_eq!(settled, total("objects_named"));
    let committed = total("objects_stored") + total("objects_empty");
    assert_eq!(committed, 55);
    // The queue delivers at least once.
    assert!(total("objects_named") >= 2 * committed, "all were announced twice: {parsed}");
    assert_eq!(value("trailhouse_queue_age_seconds_count"), total("messages_received"));
    assert_eq!(value("trailhouse_delivery_lag_seconds_count"), committed);
    assert_eq!(value("trailhouse_decode_duration_seconds_count"), committed);
    assert_eq!(value("trailhouse_table_version"), total("commits"));
    assert_eq!(value("trailhouse_ready"), 1);
    assert!(text.contains("trailhouse_commit_attempts_total{outcome=\"committed\"}"), "{text}");

    assert_eq!(service.get("/livez").0, 200);
    assert_eq!(service.get("/readyz"), (200, "ok\n".to_owned()));
    let status: Value = serde_json::from_str(&service.get("/statusz").1).unwrap();
    assert_eq!(status["state"], "running");
    assert_eq!(status["in_flight"]["messages"], 0);
    assert_eq!(status["last_commit"]["version"], total("commits"));
    assert_eq!(status["last_errors"], Value::Array(Vec::new()));
    service.signal("TERM");
    service.wait().expect_code(0);
}

#[test]
fn a_queue_that_is_gone_ends_the_service_and_the_json_log_says_why() {
    let Some(mut scene) = Scene::new() else { return };
    scene.queue_url.push_str("-gone");
    let service = Service::start(&scene, &scene.endpoint, &["--log-format", "json"]);
    let run = service.wait().expect_code(3);
    let lines: Vec<Value> =
        run.stderr.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let error = lines.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert!(error["message"].as_str().unwrap().contains("failed to receive messages"), "{error}");
}

#[test]
fn metrics_beyond_loopback_are_a_usage_error() {
    for address in ["0.0.0.0:9464", "[::]:9464", "192.0.2.7:9464", "9464"] {
        let run = trailhouse(&["watch", ".", "--metrics", address]).expect_code(2);
        assert!(run.stderr.contains("--metrics"), "{}", run.stderr);
    }
}

#[test]
fn an_address_in_use_is_an_error_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (lake, logs) = (folder.path().join("lake"), folder.path().to_str().unwrap());
    let lake_text = lake.to_str().unwrap();
    let run = trailhouse(&["--lake", lake_text, "watch", logs, "--once", "--metrics", &address]);
    let run = run.expect_code(3);
    assert!(run.stderr.contains(&format!("failed to listen on {address}")), "{}", run.stderr);
    assert!(!lake.exists());
}

#[test]
fn a_filter_that_cannot_be_read_is_a_usage_error() {
    let mut command = crate::support::command(&["status"]);
    let run = command.env("TRAILHOUSE_LOG", "a=b=c").output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    let stderr = String::from_utf8(run.stderr).unwrap();
    assert!(stderr.contains("TRAILHOUSE_LOG is not a filter"), "{stderr}");
}
