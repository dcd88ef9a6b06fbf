//! A lake in S3, from the command line.

use std::process::Stdio;

use trailhouse_testkit::SeaweedServer;

use crate::support::{command, finish, small_log, trailhouse};

const LAKE: &str = "s3://lake-bucket/team a/lake";

#[test]
fn every_command_takes_a_lake_in_s3() {
    let Some(server) = SeaweedServer::from_environment() else {
        eprintln!("SKIPPED: TRAILHOUSE_TEST_PYTHON is not set; scripts/test sets it");
        return;
    };
    let server = server.unwrap();
    server.create_bucket("lake-bucket").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    small_log(&logs, "good.json", 3);
    std::fs::write(logs.join("noise.json"), "this is no JSON").unwrap();
    let endpoint = server.url();
    let run = |arguments: &[&str]| {
        let common = ["--lake", LAKE, "--endpoint-url", &endpoint];
        trailhouse(&[&common, arguments].concat())
    };
    run(&["query", "SELECT 1"]).expect_code(8);
    let logs = logs.to_str().unwrap();
    run(&["ingest", logs]).expect_code(4);
    assert_eq!(run(&["query", "SELECT count(*) FROM events"]).expect_code(0).number(), 3);
    small_log(folder.path().join("logs").as_path(), "more.json", 2);
    run(&["watch", "--once", logs]).expect_code(4);
    assert_eq!(run(&["query", "SELECT count(*) FROM events"]).expect_code(0).number(), 5);
    assert_eq!(run(&["quarantine", "ls"]).expect_code(0).rows().len(), 1);
    run(&["quarantine", "retry", "--all"]).expect_code(4);
    run(&["detect", "run", "-k", "root"]).expect_code(0);
    let status = run(&["status"]).expect_code(0);
    assert!(status.stderr.contains("5 rows"), "{}", status.stderr);
}

/// Runs a query with one variable more; the lake is never asked.
fn check_refused(name: &str, value: &str, endpoint: &str, message: &str) {
    let arguments = ["--lake", LAKE, "--endpoint-url", endpoint, "query", "SELECT 1"];
    let mut command = command(&arguments);
    command.env(name, value).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = finish(command.spawn().unwrap()).expect_code(3);
    assert!(run.stderr.contains(message), "{}", run.stderr);
}

#[test]
fn settings_that_endanger_a_lake_are_refused() {
    let nobody = "http://127.0.0.1:9";
    check_refused("AWS_S3_ALLOW_UNSAFE_RENAME", "true", nobody, "AWS_S3_ALLOW_UNSAFE_RENAME");
    check_refused("AWS_SERVER_SIDE_ENCRYPTION", "rot13", nobody, "rot13");
    check_refused("UNRELATED", "1", "http://s3.example.com", "plain HTTP");
}
