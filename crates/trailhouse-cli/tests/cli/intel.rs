//! What a site knows besides its events, from the command line.

use std::{fs, path::Path};

use crate::support::{Run, small_log, trailhouse};

/// A lake of one event of alice from 192.0.2.10, and a site folder with one list.
fn check(list: (&str, &str), arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let log = small_log(folder.path(), "log.json", 1);
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (lake, context) = (path(&lake), path(&folder.path().join("context")));
    trailhouse(&["--lake", &lake, "ingest", &path(&log)]).expect_code(0);
    let file = Path::new(&context).join(list.0);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, list.1).unwrap();
    let mut all = vec!["--lake", &lake];
    all.extend(arguments);
    all.extend(["--context", &context]);
    trailhouse(&all)
}

#[test]
fn a_hunt_tells_what_was_seen_and_by_whom() {
    let list = ("intel/feed.csv", "value,description\n192.0.2.0/24,scanner\n203.0.113.1,\n");
    let run = check(list, &["intel", "hunt"]).expect_code(0);
    let rows = run.rows();
    assert_eq!(rows.len(), 1, "{}", run.stdout);
    assert_eq!(rows[0]["indicator"], "192.0.2.0/24");
    assert_eq!(rows[0]["description"], "scanner");
    assert_eq!(rows[0]["first_seen"], "2026-06-01T10:00:00Z");
    assert_eq!(rows[0]["events"], 1);
    assert_eq!(rows[0]["principals"], "arn:aws:iam::111122223333:user/alice");
    assert!(run.stderr.contains("1 of 2 indicators seen in 1 event"), "{}", run.stderr);
}

#[test]
fn a_hunt_can_fail_on_a_match_within_a_period() {
    let list = ("intel/feed.txt", "192.0.2.10\n");
    check(list, &["intel", "hunt", "--fail-on-match"]).expect_code(1);
    check(list, &["intel", "hunt", "--fail-on-match", "--from", "2026-06-02"]).expect_code(0);
    check(list, &["intel", "hunt", "--fail-on-match", "--to", "2026-06-01T10:00:00Z"])
        .expect_code(0);
    check(list, &["intel", "hunt", "--fail-on-match", "--from", "2026-06-01T10:00:00Z"])
        .expect_code(1);
}

#[test]
fn a_hunt_without_indicators_and_a_broken_list_are_matters_of_configuration() {
    let run = check(("accounts.csv", "account_id\n"), &["intel", "hunt"]).expect_code(3);
    assert!(run.stderr.contains("there is nothing to hunt for"), "{}", run.stderr);
    let run = check(("intel/feed.txt", "\nnonsense\n"), &["intel", "hunt"]).expect_code(3);
    assert!(run.stderr.contains("feed.txt:2: `nonsense` is no address"), "{}", run.stderr);
}

#[test]
fn lists_are_listed_with_what_is_left_out_of_them() {
    let bundle = concat!(
        r#"{"type":"bundle","id":"bundle--1","objects":["#,
        r#"{"type":"indicator","id":"indicator--1","pattern":"[ipv4-addr:value = '192.0.2.10']"},"#,
        r#"{"type":"indicator","id":"indicator--2","pattern":"[url:value LIKE 'https://x/%']"}]}"#,
    );
    let run = check(("intel/feed.json", bundle), &["intel", "ls"]).expect_code(0);
    assert_eq!(run.stdout, "{\"list\":\"feed\",\"kind\":\"ip\",\"indicators\":1}\n");
    let expected =
        "intel.feed: `indicator--2` is not looked for: its pattern is not supported: LIKE";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn queries_join_with_the_tables_of_the_site() {
    let accounts = ("accounts.csv", "account_id,name\n111122223333,shop\n");
    let sql = "SELECT a.name, count(*) AS events FROM events AS e \
               JOIN accounts AS a ON a.account_id = e.recipient_account_id GROUP BY a.name";
    let run = check(accounts, &["query", sql]).expect_code(0);
    assert_eq!(run.stdout, "{\"name\":\"shop\",\"events\":1}\n");
}
