//! The same for detections: a daemon that is killed at any moment while logs come in.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use trailhouse_testkit::Random;

use crate::{
    service::wait_until,
    support::{command, small_log, trailhouse},
};

const KILLS: usize = 12;
const EVENTS_PER_LOG: usize = 2;
/// So many of a day are worth becoming one.
const SMALL_FILES: usize = 16;

const MANIFEST: &str = r#"
id = "acme"
title = "Acme"
description = "One detection."
version = "1.0.0"
licence = "Apache-2.0"
attack_version = "19"
"#;

const DETECTION: &str = r#"-- +++
-- schema = 1
-- id = "acme.s3.buckets-listed"
-- title = "Buckets listed"
-- description = "Somebody listed buckets."
-- severity = "high"
-- confidence = "low"
-- status = "stable"
-- mode = "active"
-- owner = "acme"
-- created = 2026-06-01
-- modified = 2026-06-01
-- tags = ["aws"]
-- mitre = ["T1619"]
-- references = ["https://attack.mitre.org/techniques/T1619/"]
-- false_positives = []
-- needs = ["management"]
-- [alert]
-- key = ["event_id"]
-- max_alerts = 1000
-- +++
SELECT event_id, event_time, user_identity_arn FROM events WHERE event_name = 'ListBuckets'
"#;

const ALERTS: &str = r#"
schema = 1

[[sink]]
name = "records"
type = "file"
path = "alerts.ndjson"
"#;

struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(site.path("pack/s3")).unwrap();
        fs::create_dir_all(site.path("context")).unwrap();
        fs::create_dir_all(site.path("logs")).unwrap();
        fs::write(site.path("pack/pack.toml"), MANIFEST).unwrap();
        fs::write(site.path("pack/s3/buckets-listed.sql"), DETECTION).unwrap();
        fs::write(site.path("context/alerts.toml"), ALERTS).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ingest(&self, name: &str) {
        small_log(&self.path("logs"), &format!("{name}.json"), EVENTS_PER_LOG);
        let (lake, logs) = (self.path("lake"), self.path("logs"));
        trailhouse(&["--lake", text(&lake), "ingest", text(&logs)]).expect_code(0);
    }

    fn daemon(&self, more: &[&str]) -> Child {
        let mut daemon = command(&["detect", "daemon", "--every", "1s"]);
        daemon.args(more);
        daemon.arg("--lake").arg(self.path("lake")).arg("--context").arg(self.path("context"));
        daemon.arg("--pack").arg(self.path("pack"));
        daemon.arg("--spool").arg(self.path("spool")).arg("--cache").arg(self.path("cache"));
        daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The events that the stored findings are about, each as often as it is there.
    fn found(&self) -> Vec<String> {
        let lake = self.path("lake");
        let query = "SELECT unnest(event_ids) AS id FROM findings ORDER BY 1";
        let run = trailhouse(&["--lake", text(&lake), "query", "--format", "ndjson", query]);
        let id = |row: Value| row["id"].as_str().unwrap().to_owned();
        run.expect_code(0).rows().into_iter().map(id).collect()
    }

    /// The fingerprints of the findings that were alerted; one may be alerted twice.
    fn alerted(&self) -> BTreeSet<String> {
        let alerts = fs::read_to_string(self.path("context/alerts.ndjson")).unwrap();
        let fingerprint = |line: &str| {
            let alert: Value = serde_json::from_str(line).unwrap();
            alert["fingerprint"].as_str().unwrap().to_owned()
        };
        alerts.lines().map(fingerprint).collect()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_daemon_killed_at_any_moment_skips_doubles_and_forgets_nothing() {
    let site = Site::new();
    let mut random = Random::new(4);
    site.ingest("before");
    assert!(site.daemon(&["--once"]).wait().unwrap().success());
    assert_eq!(site.found().len(), EVENTS_PER_LOG);
    for kill in 0..KILLS {
        site.ingest(&format!("log-{kill}"));
        let mut daemon = site.daemon(&[]);
        thread::sleep(Duration::from_millis(random.between(200, 2_500)));
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }
    site.ingest("after");
    assert!(site.daemon(&["--once"]).wait().unwrap().success());
    let found = site.found();
    let names = (0..KILLS).map(|kill| format!("log-{kill}"));
    let names = names.chain(["before".to_owned(), "after".to_owned()]);
    let mut expected: Vec<String> = names
        .flat_map(|name| (0..EVENTS_PER_LOG).map(move |index| format!("{name}.json-{index}")))
        .collect();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(site.alerted().len(), found.len());
}

#[test]
fn a_daemon_puts_small_files_together_between_its_rounds() {
    let site = Site::new();
    for log in 0..SMALL_FILES {
        site.ingest(&format!("log-{log}"));
    }
    let lake = site.path("lake");
    let history = ["--lake", text(&lake), "--format", "ndjson", "table", "history", "events"];
    let mut daemon = site.daemon(&[]);
    wait_until("its upkeep", || {
        let versions = trailhouse(&history).expect_code(0).rows();
        versions.iter().any(|version| version["operation"] == "OPTIMIZE")
    });
    site.ingest("after");
    wait_until("its findings", || site.found().len() == (SMALL_FILES + 1) * EVENTS_PER_LOG);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}
