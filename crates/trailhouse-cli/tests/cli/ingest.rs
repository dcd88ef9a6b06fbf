//! Good and bad input on the command line, and what becomes of it.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::support::{command, count_events, finish, small_event, small_log, trailhouse};

#[test]
fn a_bad_record_and_a_bad_object_do_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    small_log(&logs, "good.json", 3);
    let mixed = format!("{{\"Records\":[{},42]}}", small_event("mixed", 0));
    fs::write(logs.join("mixed.json"), mixed).unwrap();
    fs::write(logs.join("noise.json"), "this is no JSON").unwrap();
    fs::write(logs.join("cut.json.gz"), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    let lake = folder.path().join("lake");
    let lake_text = lake.to_str().unwrap();

    let run = trailhouse(&["--lake", lake_text, "ingest", logs.to_str().unwrap()]).expect_code(4);
    assert!(run.stderr.contains("Quarantined"), "{}", run.stderr);
    assert_eq!(count_events(&lake), 4);

    let listed = trailhouse(&["--lake", lake_text, "quarantine", "ls"]).expect_code(0);
    let mut reasons: Vec<String> =
        listed.rows().iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect();
    reasons.sort();
    assert_eq!(reasons, ["bad_record", "corrupt", "not_cloudtrail"]);

    let id = listed.rows()[0]["id"].as_str().unwrap().to_owned();
    let shown = trailhouse(&["--lake", lake_text, "quarantine", "show", &id]).expect_code(0);
    assert!(shown.stdout.contains("first_bytes"), "{}", shown.stdout);

    // Nothing has changed, so nothing is stored; a second ingest does not list the same twice.
    trailhouse(&["--lake", lake_text, "quarantine", "retry", "--all"]).expect_code(4);
    trailhouse(&["--lake", lake_text, "ingest", logs.to_str().unwrap()]).expect_code(4);
    let again = trailhouse(&["--lake", lake_text, "quarantine", "ls"]).expect_code(0);
    assert_eq!(again.rows().len(), 3, "{}", again.stdout);
    assert_eq!(count_events(&lake), 4);
}

#[test]
fn standard_input_is_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let mut child = command(&["--lake", lake.to_str().unwrap(), "ingest", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = format!("{}\n{}\n", small_event("stdin", 0), small_event("stdin", 1));
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    finish(child).expect_code(0);
    assert_eq!(count_events(&lake), 2);
}

#[test]
fn a_copied_file_is_stored_once_and_a_changed_one_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let lake_text = lake.to_str().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let log = small_log(&logs, "a.json", 2);
    fs::copy(&log, logs.join("copy.json")).unwrap();
    trailhouse(&["--lake", lake_text, "ingest", logs.to_str().unwrap()]).expect_code(0);
    assert_eq!(count_events(&lake), 2);
    fs::write(&log, format!("{{\"Records\":[{}]}}", small_event("changed", 0))).unwrap();
    trailhouse(&["--lake", lake_text, "ingest", logs.to_str().unwrap()]).expect_code(0);
    assert_eq!(count_events(&lake), 3);
}

#[test]
fn a_folder_is_watched_like_a_queue() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    small_log(&logs, "a.json", 5);
    let lake = folder.path().join("lake");
    let (lake_text, logs_text) = (lake.to_str().unwrap(), logs.to_str().unwrap());
    for _ in 0..2 {
        trailhouse(&["--lake", lake_text, "watch", "--once", logs_text]).expect_code(0);
        assert_eq!(count_events(&lake), 5);
    }
}

#[cfg(unix)]
#[test]
fn a_watched_folder_is_drained_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let lake = folder.path().join("lake");
    let (lake_text, logs_text) = (lake.to_str().unwrap(), logs.to_str().unwrap());
    let arguments = ["--lake", lake_text, "watch", "--commit-interval", "1", logs_text];
    let watcher =
        command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    small_log(&logs, "late.json", 4);
    let first_commit = lake.join("events/_delta_log/00000000000000000001.json");
    let mut polls = 0;
    while !first_commit.exists() {
        polls += 1;
        assert!(polls < 6_000, "nothing was committed");
        thread::sleep(Duration::from_millis(10));
    }
    let id = watcher.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let run = finish(watcher).expect_code(0);
    assert!(run.stderr.contains("4 events"), "{}", run.stderr);
    assert_eq!(count_events(&lake), 4);
}

#[test]
fn status_tells_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let lake_text = lake.to_str().unwrap();
    let log = small_log(folder.path(), "a.json", 7);
    trailhouse(&["--lake", lake_text, "ingest", log.to_str().unwrap()]).expect_code(0);
    let status = trailhouse(&["--lake", lake_text, "status"]).expect_code(0);
    assert!(status.stderr.contains("7 rows in 1 file"), "{}", status.stderr);
    assert_eq!(status.rows()[0]["events"], 7);
    assert!(status.stderr.contains("Repeats: 0 of 7 events"), "{}", status.stderr);

    // The same events in another object.
    let text = fs::read_to_string(&log).unwrap();
    fs::write(folder.path().join("b.json"), format!("{text}\n")).unwrap();
    let copy = folder.path().join("b.json");
    trailhouse(&["--lake", lake_text, "ingest", copy.to_str().unwrap()]).expect_code(0);
    let status = trailhouse(&["--lake", lake_text, "status", "--repeats"]).expect_code(0);
    assert!(status.stderr.contains("Repeats: 7 of 14 events"), "{}", status.stderr);
    assert!(status.stderr.contains("50.0 %"), "{}", status.stderr);
    let unique = "SELECT count(*) FROM events_unique";
    assert_eq!(trailhouse(&["--lake", lake_text, "query", unique]).expect_code(0).number(), 7);

    let optimized =
        trailhouse(&["--lake", lake_text, "table", "optimize", "--min-files", "2"]).expect_code(0);
    assert!(optimized.stderr.contains("7 events left out"), "{}", optimized.stderr);
    assert_eq!(count_events(&lake), 7);
    let status = trailhouse(&["--lake", lake_text, "status"]).expect_code(0);
    assert!(status.stderr.contains("Repeats: 0 of 7 events"), "{}", status.stderr);
}

#[test]
fn equal_events_of_one_run_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let lake_text = lake.to_str().unwrap();
    let log = small_log(folder.path(), "a.json", 7);
    let copy = folder.path().join("b.json");
    fs::write(&copy, format!("{}\n", fs::read_to_string(&log).unwrap())).unwrap();
    let sources = [log.to_str().unwrap(), copy.to_str().unwrap()];
    let run = trailhouse(&[&["--lake", lake_text, "ingest"], &sources[..]].concat()).expect_code(0);
    assert!(run.stderr.contains("Stored       7 events of 2 objects"), "{}", run.stderr);
    assert!(run.stderr.contains("Repeats      7 events left out"), "{}", run.stderr);
    assert_eq!(count_events(&lake), 7);
    let again = trailhouse(&[&["--lake", lake_text, "ingest"], &sources[..]].concat());
    assert!(again.expect_code(0).stderr.contains("Duplicate    2 objects"));
}

#[test]
fn what_is_asked_for_wrongly_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    trailhouse(&["ingest"]).expect_code(2);
    trailhouse(&["--lake", nowhere, "ingest", nowhere]).expect_code(2);
    let missing = trailhouse(&["--lake", nowhere, "query", "SELECT 1"]).expect_code(8);
    assert!(missing.stderr.contains("help:"), "{}", missing.stderr);
    trailhouse(&["--lake", "gs://bucket/lake", "status"]).expect_code(2);
    let pack = trailhouse(&["detect", "ls", "--pack", nowhere]).expect_code(3);
    assert!(pack.stderr.contains("nowhere"), "{}", pack.stderr);
}
