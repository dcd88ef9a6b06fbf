//! A part of what lies in a bucket or a folder, chosen by account, region and time of delivery.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    support::{Run, command, count_events, finish, small_event, trailhouse},
    watch::{BUCKET, Scene},
};

const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
const DAYS: [&str; 3] = ["20260601", "20260602", "20260603"];

/// Logs of two events each, for every account, region and day.
fn logs() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for account in ACCOUNTS {
        for region in REGIONS {
            for day in DAYS {
                let name = format!("{account}_CloudTrail_{region}_{day}T1000Z_a.json.gz");
                write(folder.path(), &name, 2);
            }
        }
    }
    folder
}

fn write(folder: &Path, name: &str, events: usize) {
    let records: Vec<String> = (0..events).map(|index| small_event(name, index)).collect();
    let body = format!("{{\"Records\":[{}]}}", records.join(","));
    fs::write(folder.join(name), body).unwrap();
}

fn ingest_command(scene: &Scene, prefix: &str, flags: &[&str]) -> Command {
    let source = format!("s3://{BUCKET}/{prefix}");
    let mut command = command(&["ingest", &source, "--endpoint-url", &scene.endpoint]);
    command.arg("--lake").arg(scene.lake()).args(flags);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ingest(scene: &Scene, prefix: &str, flags: &[&str]) -> Run {
    finish(ingest_command(scene, prefix, flags).spawn().unwrap()).expect_code(0)
}

#[test]
fn a_range_is_stored_once_with_few_requests() {
    let Some(scene) = Scene::new() else { return };
    scene.upload(logs().path(), 1);
    let day = ["--from", "2026-06-02", "--to", "2026-06-03"];
    let one = [&day[..], &["--account", ACCOUNTS[0], "--region", REGIONS[1]]].concat();
    let first = ingest(&scene, "", &one);
    assert_eq!(count_events(&scene.lake()), 2, "{}", first.stderr);
    // The bucket, AWSLogs, the account, its logs; then the region.
    assert!(first.stderr.contains("5 list requests"), "{}", first.stderr);
    let again = ingest(&scene, "", &one);
    assert!(again.stderr.contains("Duplicate    1 object"), "{}", again.stderr);

    let both = ["--region", REGIONS[0], "--region", REGIONS[1]];
    ingest(&scene, "AWSLogs/", &[&day[..], &both].concat());
    assert_eq!(count_events(&scene.lake()), 8);
    ingest(&scene, "AWSLogs/", &["--from", "2026-06-02T10:00:30Z"]);
    assert_eq!(count_events(&scene.lake()), 16);
    ingest(&scene, "AWSLogs/", &["--to", "2026-06-01T10:01:00Z"]);
    assert_eq!(count_events(&scene.lake()), 24);
}

#[test]
fn a_backfill_beside_a_watch_stores_every_object_once() {
    let Some(scene) = Scene::new() else { return };
    let logs = logs();
    for index in 0..100 {
        let name = format!(
            "111122223333_CloudTrail_eu-west-1_20260602T11{:02}Z_{index}.json.gz",
            index % 60
        );
        write(logs.path(), &name, 1);
    }
    scene.upload(logs.path(), 2);
    let runs = [
        scene.watch_command(300).spawn().unwrap(),
        ingest_command(&scene, "", &["--from", "2026-06-01"]).spawn().unwrap(),
        ingest_command(&scene, "AWSLogs/", &["--account", ACCOUNTS[0]]).spawn().unwrap(),
    ];
    for run in runs {
        finish(run).expect_code(0);
    }
    assert_eq!(count_events(&scene.lake()), 24 + 100);
    assert_eq!(scene.depth(), "0 0");
}

#[test]
fn files_are_chosen_by_their_names() {
    let folder = logs();
    write(folder.path(), "events.json", 1);
    let lake = folder.path().join("lake");
    let (lake_text, logs_text) = (lake.to_str().unwrap(), folder.path().to_str().unwrap());
    let ingest =
        |flags: &[&str]| trailhouse(&[&["--lake", lake_text, "ingest", logs_text], flags].concat());
    let run = ingest(&["--account", ACCOUNTS[1], "--to", "2026-06-02"]).expect_code(0);
    assert_eq!(count_events(&lake), 4);
    assert!(run.stderr.contains("11 objects not asked for"), "{}", run.stderr);
    ingest(&["--last", "1m"]).expect_code(0);
    assert_eq!(count_events(&lake), 4);
    ingest(&["--from", "2026-06-02", "--to", "2026-06-02"]).expect_code(2);
    ingest(&["--last", "1d", "--from", "2026-06-02"]).expect_code(2);
    ingest(&["--account", "me"]).expect_code(2);
    trailhouse(&["--lake", lake_text, "ingest", "-", "--last", "1d"]).expect_code(2);
    ingest(&[]).expect_code(0);
    assert_eq!(count_events(&lake), 25);
}
