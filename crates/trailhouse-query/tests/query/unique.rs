//! Events that stand in several objects, once.

use serde_json::{Value, json};

use crate::support::{Place, ndjson, record, value};

const MORNING: &str = "2026-05-01T08:00:00Z";

fn with(mut record: Value, member: &str, value: Value) -> Value {
    record[member] = value;
    record
}

fn without_id() -> Value {
    with(record("NoId", MORNING), "eventID", Value::Null)
}

/// Nine records: one event four times, of which two in one object, which are stored once; one id with two contents; an event
/// twice that has no id; and one event of another account that has an id of ours.
async fn repeated() -> Place {
    let event = record("A", MORNING);
    let changed = with(record("B", MORNING), "requestParameters", json!({ "userName": "eve" }));
    let theirs = with(event.clone(), "recipientAccountId", json!("444455556666"));
    Place::of(&[
        vec![event.clone(), record("B", MORNING), event.clone()],
        vec![without_id(), event.clone(), theirs],
        vec![changed, without_id(), event],
    ])
    .await
}

#[tokio::test]
async fn equal_rows_of_one_account_and_id_are_one() {
    let place = repeated().await;
    let session = place.session().await;
    assert_eq!(value(&session, "SELECT count(*) FROM events").await, 8);
    let sql = "SELECT event_name, recipient_account_id AS account, \
               request_parameters ->> 'userName' AS user_name, user_identity.arn IS NOT NULL AS known, \
               count(*) AS n FROM events_unique GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3";
    let grouped = ndjson(&session, sql).await;
    insta::assert_snapshot!(grouped, @r#"
    {"event_name":"A","account":"111122223333","user_name":"mallory","known":true,"n":1}
    {"event_name":"A","account":"444455556666","user_name":"mallory","known":true,"n":1}
    {"event_name":"B","account":"111122223333","user_name":"eve","known":true,"n":1}
    {"event_name":"B","account":"111122223333","user_name":"mallory","known":true,"n":1}
    {"event_name":"NoId","account":"111122223333","user_name":"mallory","known":true,"n":2}
    "#);
    let conflicts = ndjson(&session, "SELECT * FROM event_id_conflicts").await;
    insta::assert_snapshot!(conflicts, @r#"{"recipient_account_id":"111122223333","event_id":"B-2026-05-01T08:00:00Z","contents":2,"first_event_time":"2026-05-01T08:00:00Z","last_event_time":"2026-05-01T08:00:00Z"}"#);
}

#[tokio::test]
async fn the_row_that_stays_is_the_first_by_object_and_row() {
    let place = repeated().await;
    let session = place.session().await;
    let first = "SELECT min(source_object_id) FROM events WHERE event_name = 'A' \
                 AND recipient_account_id = '111122223333'";
    let kept = "SELECT source_object_id FROM events_unique WHERE event_name = 'A' \
                AND recipient_account_id = '111122223333'";
    assert_eq!(value(&session, kept).await, value(&session, first).await);
    // A predicate on the place of a row is no predicate on the event: it comes after.
    let row = value(&session, &kept.replacen("source_object_id", "source_row", 1)).await;
    let other = format!("{kept} AND source_row <> {row}");
    assert_eq!(ndjson(&session, &other).await, "");
}

#[tokio::test]
async fn predicates_on_content_rule_files_out_below() {
    let mut place = Place::empty().await;
    for day in ["2026-05-01", "2026-05-02", "2026-05-03"] {
        for _ in 0..2 {
            place.commit(&[record("A", &format!("{day}T08:00:00Z"))]).await;
        }
    }
    let session = place.session().await;
    for (predicate, rows) in [
        ("event_date = '2026-05-02'", 1),
        ("event_time >= '2026-05-02T00:00:00Z' AND event_time < '2026-05-03T00:00:00Z'", 1),
        ("event_date = '2026-05-02' AND user_identity.arn LIKE '%alice'", 1),
        ("event_date = '2026-05-02' AND event_name = 'B'", 0),
    ] {
        let sql = format!("SELECT event_name FROM events_unique WHERE {predicate}");
        let plan = session.explain(&sql).await.unwrap();
        assert!(!plan.contains("event_date=2026-05-01"), "{predicate}: {plan}");
        assert!(!plan.contains("event_date=2026-05-03"), "{predicate}: {plan}");
        assert_eq!(ndjson(&session, &sql).await.lines().count(), rows, "{predicate}");
    }
    assert_eq!(value(&session, "SELECT count(*) FROM events_unique").await, 3);
    // The columns of a query are read, and those by which repeats are told; content only of suspects.
    let plan = session.explain("SELECT event_name FROM events_unique").await.unwrap();
    assert_eq!(plan.matches("RightAnti").count(), 1, "{plan}");
    assert_eq!(plan.matches("RightSemi").count(), 1, "{plan}");
}
