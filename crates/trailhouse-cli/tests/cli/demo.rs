//! The demo and the detections, as a new user meets them.

use std::path::Path;

use crate::support::{count_events, small_log, trailhouse};

#[test]
fn the_demo_finds_its_attack_and_repeats_itself() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let dir = dir.to_str().unwrap();
    let first = trailhouse(&["demo", "--dir", dir]).expect_code(0);
    for words in ["stopped trail", "shared snapshot", "AdministratorAccess", "Try next:"] {
        assert!(first.stdout.contains(words), "no `{words}` in:\n{}", first.stdout);
    }
    assert!(first.stdout.contains("critical"), "{}", first.stdout);
    let lake = Path::new(dir).join("lake");
    let events = count_events(&lake);
    assert!(events >= 40_000, "{events}");

    let second = trailhouse(&["demo", "--dir", dir]).expect_code(0);
    assert!(second.stdout.contains("nothing new"), "{}", second.stdout);
    assert_eq!(count_events(&lake), events);

    let again = trailhouse(&["--lake", lake.to_str().unwrap(), "detect", "run"]).expect_code(0);
    assert!(again.stderr.contains("Nothing new"), "{}", again.stderr);
    assert_eq!(again.stdout, "");
}

#[test]
fn the_demo_keeps_out_of_a_folder_that_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    small_log(folder.path(), "somebody-elses.json", 1);
    let run = trailhouse(&["demo", "--dir", folder.path().to_str().unwrap()]).expect_code(2);
    assert!(run.stderr.contains("not a demo"), "{}", run.stderr);
}

#[test]
fn the_demo_takes_no_lake() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, lake) = (folder.path().join("demo"), folder.path().join("lake"));
    let [dir, lake] = [&dir, &lake].map(|path| path.to_str().unwrap());
    for arguments in
        [["--lake", lake, "demo", "--dir", dir], ["demo", "--dir", dir, "--lake", lake]]
    {
        let run = trailhouse(&arguments).expect_code(2);
        assert!(run.stderr.contains("--dir"), "{}", run.stderr);
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn the_built_in_pack_is_clean_and_its_cases_pass() {
    let lint = trailhouse(&["detect", "lint"]).expect_code(0);
    assert_eq!(lint.stdout, "");
    let test = trailhouse(&["detect", "test"]).expect_code(0);
    assert!(test.stderr.contains(" 0 failed"), "{}", test.stderr);
    let listed = trailhouse(&["detect", "ls"]).expect_code(0);
    assert!(listed.rows().len() >= 30);
}

#[test]
fn fail_on_turns_findings_into_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let lake = lake.to_str().unwrap();
    let stopped = concat!(
        r#"{"Records":[{"eventVersion":"1.08","eventTime":"2026-06-01T10:00:00Z","eventID":"e-1","#,
        r#""eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"us-east-1","#,
        r#""userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/mallory"},"#,
        r#""requestParameters":{"name":"trail"},"recipientAccountId":"111122223333"}]}"#
    );
    let log = folder.path().join("log.json");
    std::fs::write(&log, stopped).unwrap();
    trailhouse(&["--lake", lake, "ingest", log.to_str().unwrap()]).expect_code(0);
    let run = trailhouse(&["--lake", lake, "detect", "run", "--fail-on", "high"]).expect_code(1);
    let rows = run.rows();
    assert_eq!(rows.len(), 1, "{}", run.stdout);
    assert_eq!(rows[0]["detection_id"], "aws.logging.trail-stopped");
    assert_eq!(rows[0]["entity"], "arn:aws:iam::111122223333:user/mallory");
    // What is judged once is not judged again, and a second look at everything finds nothing new.
    trailhouse(&["--lake", lake, "detect", "run", "--fail-on", "high"]).expect_code(0);
    let all = ["--lake", lake, "detect", "run", "--all", "--fail-on", "high"];
    trailhouse(&all).expect_code(0);
    let stored = trailhouse(&["--lake", lake, "query", "SELECT event_ids FROM findings"]);
    assert_eq!(stored.expect_code(0).rows()[0]["event_ids"][0], "e-1");
}
