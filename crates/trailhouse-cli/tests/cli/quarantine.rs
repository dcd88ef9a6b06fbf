//! What could not be stored, from the first refusal to the end of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use trailhouse_lake::Lake;
use trailhouse_model::{BucketName, EventTime, ObjectKey, QuarantineEntry, QuarantineReason};

use crate::{
    support::{Run, count_events, finish, small_event, small_log, trailhouse},
    watch::{BUCKET, QUEUE, Scene},
};

/// A lake, and where S3 is.
struct Desk {
    lake: PathBuf,
    endpoint: String,
}

impl Desk {
    fn run(&self, arguments: &[&str]) -> Run {
        let lake = self.lake.to_str().unwrap();
        let common = ["--lake", lake, "--endpoint-url", &self.endpoint];
        trailhouse(&[&common, arguments].concat())
    }

    fn quarantine(&self, arguments: &[&str]) -> Run {
        self.run(&[&["quarantine"], arguments].concat())
    }

    /// What waits, as reason and number of attempts.
    fn open(&self) -> Vec<(String, i64)> {
        let rows = self.quarantine(&["ls"]).expect_code(0).rows();
        let attempts = |row: &Value| row["attempts"].as_i64().unwrap();
        rows.iter().map(|row| (text(row, "reason"), attempts(row))).collect()
    }

    /// The facts that `show` tells of the only entry in a state.
    fn show_only(&self) -> BTreeMap<String, String> {
        let rows = self.quarantine(&["ls"]).expect_code(0).rows();
        assert_eq!(rows.len(), 1, "{rows:?}");
        let shown = self.quarantine(&["show", &text(&rows[0], "id")]).expect_code(0);
        shown.rows().iter().map(|row| (text(row, "fact"), text(row, "value"))).collect()
    }
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap().to_owned()
}

/// A desk without S3, with a folder for logs.
fn local() -> (tempfile::TempDir, Desk, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let desk = Desk { lake: folder.path().join("lake"), endpoint: "http://127.0.0.1:9".into() };
    (folder, desk, logs)
}

fn at_scene(scene: &Scene) -> Desk {
    Desk { lake: scene.lake(), endpoint: scene.endpoint.clone() }
}

/// Puts a log under the key that CloudTrail would give it.
fn put(scene: &Scene, records: &[String]) {
    let body = format!("{{\"Records\":[{}]}}", records.join(","));
    put_bytes(scene, body.as_bytes());
}

fn put_bytes(scene: &Scene, body: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let name = "111122223333_CloudTrail_us-east-1_20260601T1000Z_one.json.gz";
    fs::write(folder.path().join(name), body).unwrap();
    scene.upload(folder.path(), 1);
}

fn watch_once(scene: &Scene, code: i32) {
    finish(scene.watch_command(300).spawn().unwrap()).expect_code(code);
}

#[test]
fn a_corrupt_object_that_was_put_right_is_stored_once() {
    let Some(scene) = Scene::new() else { return };
    let desk = at_scene(&scene);
    put_bytes(&scene, &[0x1f, 0x8b, 8, 0, 0]);
    watch_once(&scene, 4);
    assert_eq!(desk.open(), [("corrupt".to_owned(), 1)]);

    desk.quarantine(&["retry", "--all"]).expect_code(4);
    assert_eq!(desk.open(), [("corrupt".to_owned(), 2)]);
    let facts = desk.show_only();
    assert_eq!(facts["stage"], "decode");
    assert_eq!(facts["first_bytes"], "\u{1f}\\x8b\u{8}\0\0");
    assert!(facts["what_to_do"].contains("retry"), "{facts:?}");

    put(&scene, &[small_event("fixed", 0), small_event("fixed", 1)]);
    let stored = desk.quarantine(&["retry", "--reason", "corrupt"]).expect_code(0);
    assert!(stored.stderr.contains("2 events"), "{}", stored.stderr);
    assert_eq!(desk.open(), []);
    // Nothing waits; asked for by name it is known; and the second notice of the bucket stores nothing.
    desk.quarantine(&["retry", "--all"]).expect_code(0);
    desk.quarantine(&["retry", &facts["id"]]).expect_code(0);
    watch_once(&scene, 0);
    assert_eq!(count_events(&desk.lake), 2);
}

#[test]
fn a_record_that_was_put_right_is_stored_alone() {
    let Some(scene) = Scene::new() else { return };
    let desk = at_scene(&scene);
    put(&scene, &[small_event("log", 0), "42".to_owned(), small_event("log", 2)]);
    watch_once(&scene, 4);
    assert_eq!(count_events(&desk.lake), 2);
    assert_eq!(desk.show_only()["record"], "1");

    put(&scene, &[small_event("log", 0), small_event("log", 1), small_event("log", 2)]);
    for _ in 0..2 {
        desk.quarantine(&["retry", "--reason", "bad_record"]).expect_code(0);
        watch_once(&scene, 0);
        assert_eq!(count_events(&desk.lake), 3);
    }
    let rows = "SELECT count(DISTINCT (source_object_id, source_row)) FROM events";
    assert_eq!(desk.run(&["query", rows]).expect_code(0).number(), 3);
    assert_eq!(desk.open(), []);
}

#[test]
fn a_message_of_unknown_shape_is_kept_whole_until_it_is_dropped() {
    let Some(scene) = Scene::new() else { return };
    let desk = at_scene(&scene);
    scene.send(&[Value::from("\u{1b}[2Jnot a notice")]);
    watch_once(&scene, 4);
    assert_eq!(scene.depth(), "0 0");
    assert_eq!(desk.show_only()["first_bytes"], "\u{1b}[2Jnot a notice");
    let table = desk.run(&["quarantine", "show", &desk.show_only()["id"], "--format", "table"]);
    assert!(!table.stdout.contains('\u{1b}'), "{:?}", table.stdout);

    desk.quarantine(&["retry", "--all"]).expect_code(4);
    assert_eq!(desk.open(), [("unknown_message".to_owned(), 2)]);
    let preview = desk.quarantine(&["drop", "--reason", "unknown_message"]).expect_code(0);
    assert!(preview.stderr.contains("1 row to drop"), "{}", preview.stderr);
    assert_eq!(desk.open().len(), 1);
    desk.quarantine(&["drop", "--reason", "unknown_message", "--yes"]).expect_code(0);
    assert_eq!(desk.open(), []);
}

#[tokio::test]
async fn a_message_that_is_understood_now_stores_what_it_names_once() {
    let Some(scene) = Scene::new() else { return };
    let desk = at_scene(&scene);
    put(&scene, &[small_event("named", 0)]);
    let key = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/06/01/\
               111122223333_CloudTrail_us-east-1_20260601T1000Z_one.json.gz";
    let notice =
        |keys: &[&str]| serde_json::json!({ "s3Bucket": BUCKET, "s3ObjectKey": keys }).to_string();
    // As an older program would have left it that did not know this notice.
    let entry = QuarantineEntry {
        reason: QuarantineReason::UnknownMessage,
        detail: "message has no known shape".to_owned(),
        bucket: BucketName::new(QUEUE),
        key: ObjectKey::new("a-message-id"),
        object_id: None,
        record_index: None,
        raw: notice(&[key, "AWSLogs/gone.json.gz"]).into_bytes(),
        quarantined_at: EventTime::from_micros(0),
    };
    let lake = Lake::create_or_open(desk.lake.to_str().unwrap()).await.unwrap();
    lake.put_quarantine(&[entry]).await.unwrap();

    // One of the two is stored, the other has an entry of its own now.
    desk.quarantine(&["retry", "--reason", "unknown_message"]).expect_code(4);
    assert_eq!(desk.open(), [("missing".to_owned(), 1)]);
    desk.quarantine(&["retry", "--reason", "unknown_message"]).expect_code(0);
    watch_once(&scene, 0);
    assert_eq!(count_events(&desk.lake), 1);
}

#[test]
fn a_file_that_was_put_right_is_stored_once() {
    let (_folder, desk, logs) = local();
    let logs_text = logs.to_str().unwrap();
    fs::write(logs.join("a.json"), "{\"Records\":[").unwrap();
    desk.run(&["ingest", logs_text]).expect_code(4);
    assert_eq!(desk.open(), [("corrupt".to_owned(), 1)]);
    small_log(&logs, "a.json", 3);
    desk.quarantine(&["retry", "--all"]).expect_code(0);
    assert_eq!(desk.open(), []);
    desk.quarantine(&["retry", "--all"]).expect_code(0);
    desk.run(&["ingest", logs_text]).expect_code(0);
    assert_eq!(count_events(&desk.lake), 3);
}

#[test]
fn a_dropped_entry_appears_again_when_its_object_does() {
    let (_folder, desk, logs) = local();
    let logs_text = logs.to_str().unwrap();
    fs::write(logs.join("noise.json"), "this is no JSON").unwrap();
    fs::write(logs.join("cut.json"), "{\"Records\":[").unwrap();
    desk.run(&["ingest", logs_text]).expect_code(4);
    assert_eq!(desk.open().len(), 2);
    desk.quarantine(&["drop", "--reason", "not_cloudtrail", "--yes"]).expect_code(0);
    assert_eq!(desk.open(), [("corrupt".to_owned(), 1)]);
    desk.run(&["ingest", logs_text]).expect_code(4);
    assert_eq!(desk.open().len(), 2);

    small_log(&logs, "cut.json", 1);
    desk.quarantine(&["retry", "--reason", "corrupt"]).expect_code(0);
    desk.quarantine(&["drop", "--stored", "--yes"]).expect_code(0);
    let all = desk.quarantine(&["ls", "--all"]).expect_code(0).rows();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(count_events(&desk.lake), 1);
}

#[test]
fn an_export_names_files_by_identity_only() {
    let (folder, desk, logs) = local();
    fs::write(logs.join("a ..\n.json"), "this is no JSON").unwrap();
    desk.run(&["ingest", logs.to_str().unwrap()]).expect_code(4);
    let out = folder.path().join("out");
    let out_text = out.to_str().unwrap();
    desk.quarantine(&["export", out_text, "--all"]).expect_code(0);
    let manifest = fs::read_to_string(out.join("manifest.ndjson")).unwrap();
    let line: Value = serde_json::from_str(manifest.trim()).unwrap();
    let id = text(&line, "id");
    assert_eq!(text(&line, "file"), format!("{id}.bin"));
    assert_eq!(text(&line, "reason"), "not_cloudtrail");
    assert!(text(&line, "key").ends_with("a ..\n.json"), "{line}");
    assert_eq!(read(&out, &format!("{id}.bin")), "this is no JSON");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
    let again = desk.quarantine(&["export", out_text, "--all"]).expect_code(2);
    assert!(again.stderr.contains("help:"), "{}", again.stderr);
}

#[test]
fn what_names_no_entry_is_told() {
    let (_folder, desk, logs) = local();
    small_log(&logs, "a.json", 1);
    desk.run(&["ingest", logs.to_str().unwrap()]).expect_code(0);
    desk.quarantine(&["show", "00"]).expect_code(2);
    desk.quarantine(&["retry", "00"]).expect_code(2);
    desk.quarantine(&["drop"]).expect_code(2);
    let reason = desk.quarantine(&["retry", "--reason", "moon"]).expect_code(2);
    assert!(reason.stderr.contains("unknown_message"), "{}", reason.stderr);
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}
