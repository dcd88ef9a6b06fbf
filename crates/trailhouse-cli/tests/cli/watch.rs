//! The service against real S3 and SQS wire protocols: exactly once, whoever repeats.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::support::{command, corpora, count_events, finish, python, run_python, trailhouse};
use serde_json::{Value, json};
use tempfile::TempDir;
use trailhouse_testkit::moto::MotoServer;

/// A bucket that notifies a queue, and a folder for the lake.
pub(crate) struct Scene {
    _server: MotoServer,
    pub(crate) endpoint: String,
    pub(crate) python: PathBuf,
    pub(crate) queue_url: String,
    pub(crate) folder: TempDir,
}

pub(crate) const BUCKET: &str = "example-trail";
pub(crate) const QUEUE: &str = "trail";

impl Scene {
    pub(crate) fn new() -> Option<Self> {
        let python = python()?;
        let server = MotoServer::start(python.as_os_str()).unwrap();
        let script = script();
        let endpoint = server.url();
        let arguments = ["setup", "--endpoint", &endpoint, "--bucket", BUCKET, "--queue", QUEUE];
        let queue_url = run_python(&python, &[&[script.as_str()], &arguments[..]].concat());
        let folder = tempfile::tempdir().unwrap();
        Some(Self { _server: server, endpoint, python, queue_url, folder })
    }

    pub(crate) fn upload(&self, folder: &Path, times: u32) {
        let times = times.to_string();
        let script = script();
        let arguments = [
            script.as_str(),
            "upload",
            "--endpoint",
            &self.endpoint,
            "--bucket",
            BUCKET,
            "--times",
            &times,
            folder.to_str().unwrap(),
        ];
        run_python(&self.python, &arguments);
    }

    /// Puts objects, each a key and a body; each brings a notice of its own.
    pub(crate) fn put(&self, objects: &[(String, String)]) {
        self.run_with_list("put", ["--bucket", BUCKET], &json!(objects));
    }

    /// Sends messages with these bodies.
    pub(crate) fn send(&self, bodies: &[Value]) {
        self.run_with_list("send", ["--queue", QUEUE], &json!(bodies));
    }

    fn run_with_list(&self, command: &str, target: [&str; 2], list: &Value) {
        let path = self.folder.path().join("list.json");
        fs::write(&path, list.to_string()).unwrap();
        let script = script();
        let arguments = [script.as_str(), command, "--endpoint", &self.endpoint];
        run_python(&self.python, &[&arguments[..], &target, &[path.to_str().unwrap()]].concat());
    }

    /// The values of the one column of a query, sorted.
    pub(crate) fn column(&self, query: &str) -> Vec<String> {
        let lake = self.lake();
        let arguments = ["--lake", lake.to_str().unwrap(), "query", "--format", "ndjson", query];
        let first = |row: Value| {
            row.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
        };
        let mut values: Vec<String> =
            trailhouse(&arguments).expect_code(0).rows().into_iter().map(first).collect();
        values.sort();
        values
    }

    /// Messages that wait, and messages in flight.
    pub(crate) fn depth(&self) -> String {
        let script = script();
        let arguments = [script.as_str(), "depth", "--endpoint", &self.endpoint, "--queue", QUEUE];
        run_python(&self.python, &arguments)
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    pub(crate) fn watch_command(&self, visibility_secs: u32) -> std::process::Command {
        let mut command = command(&["watch", "--once", "--queue-url", &self.queue_url]);
        command.arg("--lake").arg(self.lake());
        command.args(["--endpoint-url", &self.endpoint]);
        command.args(["--visibility-timeout", &visibility_secs.to_string()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn watch_once(&self) {
        finish(self.watch_command(300).spawn().unwrap()).expect_code(0);
    }
}

pub(crate) fn script() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/s3_sqs.py");
    path.to_str().unwrap().to_owned()
}

pub(crate) fn invictus() -> Option<PathBuf> {
    corpora().map(|corpora| corpora.join("invictus/objects"))
}

#[test]
fn a_drained_queue_is_empty_and_a_second_delivery_stores_nothing() {
    let (Some(objects), Some(scene)) = (invictus(), Scene::new()) else { return };
    scene.upload(&objects, 1);
    scene.watch_once();
    assert_eq!(count_events(&scene.lake()), 2_900);
    assert_eq!(scene.depth(), "0 0");

    scene.upload(&objects, 1);
    scene.watch_once();
    assert_eq!(count_events(&scene.lake()), 2_900);
    assert_eq!(scene.depth(), "0 0");
}

#[test]
fn two_watchers_of_one_queue_store_every_object_once() {
    let (Some(objects), Some(scene)) = (invictus(), Scene::new()) else { return };
    scene.upload(&objects, 3);
    let watchers =
        [scene.watch_command(300).spawn().unwrap(), scene.watch_command(300).spawn().unwrap()];
    for watcher in watchers {
        finish(watcher).expect_code(0);
    }
    assert_eq!(count_events(&scene.lake()), 2_900);
    assert_eq!(scene.depth(), "0 0");
}

#[test]
fn a_prefix_of_a_bucket_is_ingested_without_a_queue() {
    let (Some(objects), Some(scene)) = (invictus(), Scene::new()) else { return };
    scene.upload(&objects, 1);
    let (lake, source) = (scene.lake(), format!("s3://{BUCKET}/AWSLogs/"));
    let lake_text = lake.to_str().unwrap();
    let arguments = ["--lake", lake_text, "--endpoint-url", &scene.endpoint, "ingest", &source];
    trailhouse(&arguments).expect_code(0);
    assert_eq!(count_events(&lake), 2_900);
    // The queue names the same objects: they are known by now.
    scene.watch_once();
    assert_eq!(count_events(&lake), 2_900);
}
