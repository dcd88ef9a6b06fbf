//! SQL on the command line: formats, errors, and hostile cells.

use std::fs;

use tempfile::TempDir;

use crate::support::{python, run_python, trailhouse};

/// A lake with one event whose user agent wants to run commands.
fn hostile_lake() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake").to_str().unwrap().to_owned();
    let event = concat!(
        r#"{"Records":[{"eventVersion":"1.08","eventTime":"2026-06-01T10:00:00Z","eventID":"e-1","#,
        r#""eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"us-east-1","#,
        r#""userAgent":"\u001b[2J\u202eevil","errorMessage":"=cmd|' /C calc'!A0","#,
        r#""requestParameters":{"bucketName":"b","n":12345678901234567890123},"#,
        r#""recipientAccountId":"111122223333"}]}"#
    );
    let log = folder.path().join("log.json");
    fs::write(&log, event).unwrap();
    trailhouse(&["--lake", &lake, "ingest", log.to_str().unwrap()]).expect_code(0);
    (folder, lake)
}

#[test]
fn no_control_character_reaches_a_terminal() {
    let (_folder, lake) = hostile_lake();
    let sql = "SELECT user_agent, error_message FROM events";
    for format in ["table", "csv", "tsv", "json", "ndjson"] {
        let run = trailhouse(&["--lake", &lake, "--format", format, "query", sql]).expect_code(0);
        let hostile = run
            .stdout
            .chars()
            .find(|c| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || *c == '\u{202e}');
        assert_eq!(hostile, None, "{format}: {}", run.stdout);
    }
    let csv = trailhouse(&["--lake", &lake, "--format", "csv", "query", sql]).expect_code(0);
    assert!(csv.stdout.contains("'=cmd"), "{}", csv.stdout);
}

#[test]
fn json_keeps_integers_of_any_size() {
    let (_folder, lake) = hostile_lake();
    let sql = "SELECT request_parameters FROM events";
    let run = trailhouse(&["--lake", &lake, "query", sql]).expect_code(0);
    assert_eq!(
        run.rows()[0]["request_parameters"],
        r#"{"bucketName":"b","n":12345678901234567890123}"#
    );
    let bucket = "SELECT (request_parameters ->> 'bucketName') AS b FROM events";
    assert_eq!(trailhouse(&["--lake", &lake, "query", bucket]).rows()[0]["b"], "b");
}

#[test]
fn a_wrong_name_gets_a_caret_and_the_right_one() {
    let (_folder, lake) = hostile_lake();
    let run = trailhouse(&["--lake", &lake, "query", "SELECT eventname FROM events"]);
    let run = run.expect_code(6);
    assert!(run.stderr.contains('^') && run.stderr.contains("event_name"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    trailhouse(&["--lake", &lake, "query", "DROP TABLE events"]).expect_code(6);
}

#[test]
fn binary_formats_go_to_files_that_others_read() {
    let (folder, lake) = hostile_lake();
    let out = folder.path().join("out.parquet");
    let out = out.to_str().unwrap();
    let sql = "SELECT event_id, event_time FROM events";
    trailhouse(&["--lake", &lake, "-o", out, "query", sql]).expect_code(0);
    let Some(python) = python() else { return };
    let read = "import sys, duckdb; print(duckdb.sql(f\"SELECT event_id FROM '{sys.argv[1]}'\").fetchone()[0])";
    assert_eq!(run_python(&python, &["-c", read, out]), "e-1");
}

#[test]
fn sql_is_read_from_a_file() {
    let (folder, lake) = hostile_lake();
    let file = folder.path().join("count.sql");
    fs::write(&file, "-- How many there are.\nSELECT count(*) FROM events;\n").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(trailhouse(&["--lake", &lake, "query", "-f", file]).expect_code(0).number(), 1);
    let nowhere = trailhouse(&["--lake", &lake, "query", "-f", "nowhere.sql"]).expect_code(2);
    assert!(nowhere.stderr.contains("failed to read SQL from nowhere.sql"), "{}", nowhere.stderr);
    trailhouse(&["--lake", &lake, "query", "-f", file, "SELECT 1"]).expect_code(2);
    trailhouse(&["--lake", &lake, "query"]).expect_code(2);
}
