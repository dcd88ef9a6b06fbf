//! SQL on the command line: formats, errors, and hostile cells.

use std::{fs, process::Stdio};

use tempfile::TempDir;

use crate::support::{command, finish, python, run_python, trailhouse};

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

#[test]
#[cfg(unix)]
fn what_memory_does_not_hold_leaves_no_file_behind() {
    let (folder, lake) = hostile_lake();
    let temporary = folder.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let with_memory = |memory: &str, sql: &str| {
        let mut command = command(&["--lake", &lake, "query", "--memory", memory, sql]);
        command.env("TMPDIR", &temporary).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(command.spawn().unwrap())
    };
    let sorted = "SELECT max(n) AS n FROM (SELECT row_number() OVER (ORDER BY value % 7, value) \
                  AS n FROM generate_series(1, 2000000) AS numbers(value))";
    let plan = with_memory("16M", &format!("EXPLAIN ANALYZE {sorted}")).expect_code(0).stdout;
    let spilled = plan.split("spill_count=").skip(1).any(|rest| !rest.starts_with('0'));
    assert!(spilled, "{plan}");
    assert_eq!(with_memory("16M", sorted).expect_code(0).number(), 2_000_000);
    let refused = with_memory("8M", sorted).expect_code(7);
    assert!(refused.stderr.contains("allocate additional"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--memory"), "{}", refused.stderr);
    assert_eq!(temporary.read_dir().unwrap().count(), 0);
    let nowhere = folder.path().join("nowhere");
    let mut unkept = command(&["--lake", &lake, "query", "--memory", "16M", sorted]);
    unkept.env("TMPDIR", &nowhere).stdout(Stdio::piped()).stderr(Stdio::piped());
    let unkept = finish(unkept.spawn().unwrap());
    assert_ne!(unkept.code, 0);
    assert!(unkept.stderr.contains("TMPDIR names another"), "{}", unkept.stderr);
}
