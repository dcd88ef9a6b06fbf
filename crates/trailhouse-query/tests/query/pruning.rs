//! Files, row groups and pages that a predicate rules out are not read.

use std::{fs::File, os::unix::fs::FileExt};

use deltalake_core::checkpoints::create_checkpoint;
use serde_json::Value;
use trailhouse_lake::TableName;
use trailhouse_query::QuerySession;

use crate::support::{Place, ndjson, record};

/// Two days with two files each, the calls of the morning and those of the evening; a third day
/// with an evening only. A plan names at most five files.
async fn three_days() -> Place {
    let mut commits = Vec::new();
    for day in ["2026-05-01", "2026-05-02", "2026-05-03"] {
        let morning = vec![
            record("CreateUser", &format!("{day}T08:00:00Z")),
            record("DeleteUser", &format!("{day}T09:00:00Z")),
        ];
        let evening = vec![
            record("StartLogging", &format!("{day}T20:00:00Z")),
            record("StopLogging", &format!("{day}T21:00:00Z")),
        ];
        if day != "2026-05-03" {
            commits.push(morning);
        }
        commits.push(evening);
    }
    Place::of(&commits).await
}

fn files_in(plan: &str) -> usize {
    plan.matches(".parquet").count()
}

async fn check(session: &QuerySession, predicate: &str, files: usize, rows: usize) {
    let sql = format!("SELECT event_id FROM events WHERE {predicate}");
    let plan = ndjson(session, &format!("EXPLAIN {sql}")).await;
    assert_eq!(files_in(&plan), files, "{predicate}: {plan}");
    let found = ndjson(session, &sql).await.lines().count();
    assert_eq!(found, rows, "{predicate}");
}

#[tokio::test]
async fn partitions_and_file_statistics_rule_out_files() {
    let place = three_days().await;
    let session = place.session().await;
    check(&session, "true", 5, 10).await;
    // By partition.
    check(&session, "event_date = DATE '2026-05-02'", 2, 4).await;
    check(&session, "event_date = '2026-05-02'", 2, 4).await;
    check(&session, "event_date >= '2026-05-02' AND event_date < '2026-05-04'", 3, 6).await;
    check(&session, "event_date IN ('2026-05-01', '2026-05-03')", 3, 6).await;
    // By the bounds of event times, in every way to write one.
    check(&session, "event_time >= '2026-05-03T12:00:00Z'", 1, 2).await;
    check(&session, "event_time >= TIMESTAMP '2026-05-03 12:00:00'", 1, 2).await;
    check(&session, "event_time >= '2026-05-03'", 1, 2).await;
    check(&session, "event_time > '2027-01-01'", 0, 0).await;
    check(&session, "event_time BETWEEN '2026-05-01T20:30:00Z' AND '2026-05-02T08:30:00Z'", 2, 2)
        .await;
    // By the bounds of text.
    check(&session, "event_name = 'StopLogging'", 3, 3).await;
    check(&session, "event_name IN ('CreateUser', 'DeleteUser')", 2, 4).await;
    check(&session, "event_name = 'StopLogging' AND event_date = '2026-05-01'", 1, 1).await;
    check(&session, "event_name = 'AssumeRole'", 0, 0).await;
}

#[tokio::test]
async fn a_scan_has_each_predicate_once() {
    let place = three_days().await;
    let session = place.session().await;
    for predicate in ["event_name = 'CreateUser'", "event_name LIKE '%User' AND aws_region <> 'x'"]
    {
        let sql = format!("SELECT event_id FROM events WHERE {predicate}");
        let plan = session.explain(&sql).await.unwrap();
        let scan = plan.split_once(", predicate=").expect("a predicate").1;
        let scan = scan.split_once(", pruning_predicate=").map_or(scan, |(scan, _)| scan);
        for column in ["aws_region", "event_name"] {
            let once = usize::from(predicate.contains(column));
            assert_eq!(scan.matches(column).count(), once, "{plan}");
        }
    }
}

#[tokio::test]
async fn a_field_of_the_identity_rules_out_files_as_its_flat_column_does() {
    let mut other = record("CreateUser", "2026-05-01T08:00:00Z");
    other["userIdentity"]["arn"] = Value::from("arn:aws:iam::111122223333:user/zoe");
    other["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] = Value::from("audit");
    let place = Place::of(&[vec![record("CreateUser", "2026-05-01T08:00:00Z")], vec![other]]).await;
    let session = place.session().await;
    check(&session, "user_identity_arn = 'arn:aws:iam::111122223333:user/zoe'", 1, 1).await;
    check(&session, "user_identity.arn = 'arn:aws:iam::111122223333:user/zoe'", 1, 1).await;
    // The log's bounds answer no LIKE, but those of the file do before any row is read.
    check(&session, "user_identity.arn LIKE 'arn:aws:iam::%'", 2, 1).await;
    let nested = "user_identity.session_context.session_issuer.user_name = 'audit'";
    check(&session, nested, 2, 1).await;
    let plan =
        session.explain(&format!("SELECT event_id FROM events WHERE {nested}")).await.unwrap();
    assert!(plan.contains("session_issuer_user_name"), "{plan}");
    assert!(!plan.contains("named_struct"), "{plan}");
}

#[tokio::test]
async fn the_newest_day_is_read_first() {
    let place = three_days().await;
    let session = place.session().await;
    let rows = ndjson(&session, "SELECT event_date FROM events LIMIT 2").await;
    assert_eq!(rows, "{\"event_date\":\"2026-05-03\"}\n".repeat(2));
    // Columns that stand in the log alone, or none, are limited too.
    for (sql, rows) in [
        ("SELECT event_date FROM events LIMIT 3", 3),
        ("SELECT event_date FROM events LIMIT 3 OFFSET 9", 1),
        ("SELECT 1 AS one FROM events LIMIT 4", 4),
        ("SELECT event_date FROM events WHERE event_date < '2026-05-03' LIMIT 5", 5),
        ("SELECT count(*) AS n FROM (SELECT event_date FROM events LIMIT 6) LIMIT 7", 1),
    ] {
        assert_eq!(ndjson(&session, sql).await.lines().count(), rows, "{sql}");
    }
    let newest = "SELECT event_name FROM events ORDER BY event_time DESC LIMIT 1";
    assert_eq!(ndjson(&session, newest).await, "{\"event_name\":\"StopLogging\"}\n");
}

#[tokio::test]
async fn the_newest_rows_are_looked_for_where_they_are() {
    let place = three_days().await;
    let session = place.session().await;
    let all = "SELECT event_time FROM events ORDER BY event_time DESC";
    let all = ndjson(&session, all).await;
    for (limit, files) in [
        ("LIMIT 1", 1),
        ("LIMIT 2", 1),
        ("LIMIT 3", 2),
        ("LIMIT 2 OFFSET 2", 2),
        ("LIMIT 6", 3),
        ("LIMIT 10", 5),
        ("LIMIT 11", 5),
    ] {
        let sql = format!("SELECT event_time FROM events ORDER BY event_time DESC {limit}");
        let plan = session.explain(&sql).await.unwrap();
        assert_eq!(files_in(&plan), files, "{limit}: {plan}");
        let numbers: Vec<usize> = limit.split(' ').filter_map(|word| word.parse().ok()).collect();
        let skipped = numbers.get(1).copied().unwrap_or(0);
        let expected = all.split_inclusive('\n').skip(skipped).take(numbers[0]);
        assert_eq!(ndjson(&session, &sql).await, expected.collect::<String>(), "{limit}");
    }
    // As it is asked for in other words, with as many files.
    for (sql, files) in [
        ("SELECT event_name AS n, event_time AS t FROM events e ORDER BY t DESC, n LIMIT 2", 1),
        ("SELECT * FROM (SELECT * FROM events) ORDER BY event_time DESC LIMIT 1", 1),
        ("SELECT event_time FROM stored.events ORDER BY event_time DESC NULLS LAST LIMIT 1", 1),
        // What is not about the newest of all rows.
        ("SELECT event_time FROM events ORDER BY event_time LIMIT 1", 5),
        ("SELECT event_name FROM events ORDER BY event_name DESC LIMIT 1", 5),
        ("SELECT event_name AS event_time FROM events ORDER BY event_time DESC LIMIT 1", 5),
        ("SELECT event_time FROM events WHERE event_name LIKE '%User' ORDER BY 1 DESC LIMIT 1", 5),
        ("SELECT max(event_time) AS t FROM events GROUP BY event_name ORDER BY t DESC LIMIT 1", 5),
    ] {
        let plan = session.explain(sql).await.unwrap();
        assert_eq!(files_in(&plan), files, "{sql}: {plan}");
    }
}

#[tokio::test]
async fn what_joins_with_an_empty_table_of_the_site_reads_nothing() {
    let place = three_days().await;
    let session = place.session().await;
    let named = |join: &str| {
        format!("SELECT e.event_id FROM events e {join} honeytokens h ON h.value = e.event_name")
    };
    for (join, files, rows) in [("JOIN", 0, 0), ("LEFT JOIN", 5, 10), ("RIGHT JOIN", 0, 0)] {
        let plan = session.explain(&named(join)).await.unwrap();
        assert_eq!(files_in(&plan), files, "{join}: {plan}");
        assert_eq!(ndjson(&session, &named(join)).await.lines().count(), rows, "{join}");
    }
    let none = "SELECT count(*) AS n FROM intel.indicators";
    assert_eq!(ndjson(&session, none).await, "{\"n\":0}\n");
}

/// Files of 200 events each with ids and addresses that say nothing by their order.
async fn four_files() -> Place {
    let mut commits = Vec::new();
    for file in 0..4_u64 {
        let records = (0..200_u64).map(|number| {
            let mut record = record("PutObject", &format!("2026-05-0{}T08:00:00Z", file + 1));
            let mixed = (file * 200 + number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            record["eventID"] = Value::from(format!("{mixed:016x}"));
            record["sourceIPAddress"] = Value::from(format!("10.{file}.{number}.1"));
            record
        });
        commits.push(records.collect());
    }
    Place::of(&commits).await
}

#[tokio::test]
async fn filters_rule_out_files_that_do_not_have_a_value() {
    let place = four_files().await;
    let session = place.session().await;
    let id = |number: u64| format!("{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    // All files may have any id by their bounds, and each has one of these.
    for number in [1, 201, 401, 601] {
        check(&session, &format!("event_id = '{}'", id(number)), 1, 1).await;
    }
    check(&session, &format!("event_id IN ('{}', '{}')", id(1), id(401)), 2, 2).await;
    check(&session, &format!("event_id = '{}' OR event_id = '{}'", id(1), id(2)), 1, 2).await;
    check(&session, &format!("event_id = '{}' AND event_date > '2026-05-02'", id(1)), 0, 0).await;
    check(&session, &format!("event_id = '{}' AND event_name = 'PutObject'", id(1)), 1, 1).await;
    check(&session, "source_ip_address = '10.2.7.1'", 1, 1).await;
    let both =
        |address: &str| format!("event_id = '{}' AND source_ip_address = '{address}'", id(1));
    check(&session, &both("10.0.1.1"), 1, 1).await;
    check(&session, &both("10.3.1.1"), 0, 0).await;
    // What is not looked for by one value reads them all.
    check(&session, &format!("event_id <> '{}'", id(1)), 4, 799).await;
    check(&session, &format!("event_id LIKE '{}%'", id(1)), 4, 1).await;
    let grouped = "SELECT count(*) AS n FROM events GROUP BY event_id HAVING event_id = 'none'";
    assert_eq!(ndjson(&session, grouped).await, "");
}

#[tokio::test]
async fn the_log_says_where_filters_stand_so_that_no_footer_is_read_for_them() {
    let place = four_files().await;
    let files = place.data_files();
    assert_eq!(files.len(), 4);
    for file in &files[1..] {
        let file = File::options().write(true).open(file).unwrap();
        let size = file.metadata().unwrap().len();
        file.write_all_at(b"no footer", size - 9).unwrap();
    }
    let id = |number: u64| format!("{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let found = format!("event_id = '{}'", id(1));
    for _ in 0..2 {
        let session = place.session().await;
        check(&session, &found, 1, 1).await;
        let elsewhere = format!("SELECT * FROM events WHERE event_id = '{}'", id(201));
        let outcome = session.run(&elsewhere).await.unwrap().collect().await;
        assert!(outcome.is_err(), "that file has no footer");
        // The second time it stands in a checkpoint.
        let table = place.lake.table(TableName::Events).await.unwrap();
        create_checkpoint(&table, None).await.unwrap();
    }
}

#[tokio::test]
async fn a_count_reads_no_file() {
    let place = three_days().await;
    let session = place.session().await;
    let plan = session.explain("SELECT count(*) FROM events").await.unwrap();
    assert_eq!(files_in(&plan), 0, "{plan}");
    assert_eq!(ndjson(&session, "SELECT count(*) AS n FROM events").await, "{\"n\":10}\n");
}

/// Returns the text of a metric: what there was, and what of it was left.
fn metric<'plan>(plan: &'plan str, name: &str) -> &'plan str {
    let rest = plan.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("{name}: {plan}")).1;
    rest.split([',', ']']).next().unwrap()
}

#[tokio::test]
async fn pages_and_row_groups_that_cannot_match_are_not_decoded() {
    let mut records = Vec::new();
    for number in 0..110_000_u64 {
        let second = number / 3;
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let id = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        records.push(serde_json::json!({
            "eventVersion": "1.11",
            "eventTime": format!("2026-05-01T{hour:02}:{minute:02}:{:02}Z", second % 60),
            "eventName": "PutObject",
            "userAgent": format!("agent {number}"),
            "eventID": format!("{id:016x}"),
            "requestID": format!("{:016x}", !id),
        }));
    }
    let place = Place::of(&[records]).await;
    let session = place.session().await;
    let analyze = async |predicate: &str| {
        let sql = format!("EXPLAIN ANALYZE SELECT user_agent FROM events WHERE {predicate}");
        ndjson(&session, &sql).await
    };
    let plan = analyze("event_time >= '2026-05-01T10:00:00Z'").await;
    let pages = metric(&plan, "page_index_pages_pruned");
    let (all, left) = pages.split_once(" total \u{2192} ").unwrap();
    assert_eq!(all, "2", "{pages}");
    assert_eq!(left, "1 matched", "{pages}");
    // No bound in the log rules the file out; those in the file do.
    let plan = analyze("user_agent LIKE 'curl%'").await;
    assert_eq!(metric(&plan, "row_groups_pruned_statistics"), "2 total \u{2192} 0 matched");
    // Of a value, the row group is read that has it, and of the other columns one page. A session that
    // has the index of pages for another reason reads less of the first one too.
    let request_id = async |predicate: &str| {
        let session = place.session().await;
        let sql = format!("EXPLAIN ANALYZE SELECT request_id FROM events WHERE {predicate}");
        ndjson(&session, &sql).await
    };
    let id = format!("{:016x}", 30_000_u64.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let all_pages = request_id(&format!("event_id LIKE '%{id}'")).await;
    let one_page = request_id(&format!("event_id = '{id}'")).await;
    assert_eq!(metric(&one_page, "row_groups_pruned_statistics"), "1 total \u{2192} 1 matched");
    let [all, one] = [all_pages, one_page].map(|plan| bytes(metric(&plan, "bytes_scanned")));
    assert!(one < all * 0.7, "{one} of {all}");
}

/// Reads a size: `17`, `2.5 K` or `1.05 M`.
fn bytes(size: &str) -> f64 {
    let (number, unit) = size.split_once(' ').unwrap_or((size, ""));
    let factor = match unit {
        "" => 1.0,
        "K" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        _ => panic!("{size}"),
    };
    number.parse::<f64>().unwrap() * factor
}
