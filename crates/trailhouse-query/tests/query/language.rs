//! What SQL can say: JSON operators, structs, reading statements, limits.

use serde_json::{Value, json};
use trailhouse_query::{QueryError, QuerySession, SessionOptions};

use crate::support::{Place, ndjson, record, value};

async fn one_event() -> (Place, QuerySession) {
    let mut event = record("CreateUser", "2026-05-01T08:00:00Z");
    event["responseElements"] = json!({ "big": 12345678901234567890_u64, "null": null });
    let place = Place::of(&[vec![event]]).await;
    let session = place.session().await;
    (place, session)
}

#[tokio::test]
async fn json_operators_and_functions_read_json_columns() {
    let (_place, session) = one_event().await;
    let check = async |expression: &str, expected: Value| {
        let sql = format!("SELECT {expression} FROM events");
        assert_eq!(value(&session, &sql).await, expected, "{expression}");
    };
    check("request_parameters ->> 'userName'", json!("mallory")).await;
    check("(request_parameters ->> 'userName') = 'mallory'", json!(true)).await;
    check("request_parameters ->> 'userName' = 'mallory'", json!(true)).await;
    check("request_parameters ->> 'absent'", Value::Null).await;
    check("request_parameters ->> 'count'", json!("3")).await;
    check("request_parameters -> 'count'", json!("3")).await;
    check("request_parameters -> 'userName'", json!("\"mallory\"")).await;
    check("request_parameters -> 'tags' ->> 0", json!("a")).await;
    check("request_parameters -> 'tags'", json!("[\"a\",\"b\"]")).await;
    check("json_get_int(request_parameters, 'count') + 1", json!(4)).await;
    check("json_get_str(request_parameters, 'userName')", json!("mallory")).await;
    check("json_length(request_parameters, 'tags')", json!(2)).await;
    check("json_contains(request_parameters, 'tags')", json!(true)).await;
    check("response_elements ->> 'null' IS NULL", json!(true)).await;
    check("response_elements ->> 'big'", json!("12345678901234567890")).await;
}

#[tokio::test]
async fn json_predicates_filter() {
    let (_place, session) = one_event().await;
    let sql = "SELECT event_name FROM events WHERE (request_parameters ->> 'userName') = 'mallory' \
               AND request_parameters ->> 'count' <> '4'";
    assert_eq!(ndjson(&session, sql).await, "{\"event_name\":\"CreateUser\"}\n");
}

#[tokio::test]
async fn the_identity_is_readable_as_a_struct() {
    let (_place, session) = one_event().await;
    let sql = "SELECT user_identity.type AS kind, e.user_identity.account_id, \
               user_identity.session_context.session_issuer.user_name AS role, \
               user_identity.session_context.attributes.mfa_authenticated AS mfa \
               FROM events AS e";
    let row: Value = serde_json::from_str(&ndjson(&session, sql).await).unwrap();
    assert_eq!(row["kind"], "AssumedRole");
    assert_eq!(row["role"], "deploy");
    assert_eq!(row["mfa"], true);
    let whole: Value =
        serde_json::from_str(&ndjson(&session, "SELECT user_identity FROM events").await).unwrap();
    let identity = &whole["user_identity"];
    assert_eq!(identity["arn"], "arn:aws:sts::111122223333:assumed-role/deploy/alice");
    assert_eq!(identity["session_context"]["session_issuer"]["type"], "Role");
    assert_eq!(identity["session_context"]["attributes"]["creation_date"], "2026-05-01T08:00:00Z");
}

#[tokio::test]
async fn reading_statements_are_taken() {
    let (_place, session) = one_event().await;
    for sql in [
        "SHOW TABLES",
        "SHOW COLUMNS FROM events",
        "DESCRIBE events",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT count(*) FROM events",
        "WITH e AS (SELECT event_name FROM events) SELECT * FROM e",
        "SELECT table_name FROM information_schema.tables",
        "SELECT 1;",
        "VALUES (1), (2)",
    ] {
        assert_ne!(ndjson(&session, sql).await, "", "{sql}");
    }
}

#[tokio::test]
async fn changing_statements_are_refused() {
    let (place, session) = one_event().await;
    let file = place.lake.url().join("out.csv").unwrap().to_string();
    for sql in [
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/etc'",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "CREATE SCHEMA s",
        "DROP TABLE events",
        "INSERT INTO events SELECT * FROM events",
        "DELETE FROM events",
        "UPDATE events SET event_name = 'x'",
        "TRUNCATE TABLE events",
        &format!("COPY events TO '{file}'"),
        &format!("EXPLAIN ANALYZE COPY events TO '{file}'"),
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "PREPARE p AS SELECT 1",
        "BEGIN",
        "COMMIT",
        "ALTER TABLE events ADD COLUMN x INT",
    ] {
        let outcome = session.run(sql).await;
        match outcome.err() {
            Some(QueryError::Refused { .. } | QueryError::Parse { .. }) => {}
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn files_outside_of_the_lake_are_not_tables() {
    let (_place, session) = one_event().await;
    for sql in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
    ] {
        match session.run(sql).await.err() {
            Some(
                QueryError::UnknownTable { .. }
                | QueryError::UnknownFunction { .. }
                | QueryError::Parse { .. },
            ) => {}
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_query_beyond_its_memory_ends_with_a_limit_error() {
    let place = Place::empty().await;
    let options = SessionOptions {
        memory_bytes: Some(1024 * 1024),
        threads: Some(1),
        ..SessionOptions::default()
    };
    let session = QuerySession::open(&place.lake, &options).await.unwrap();
    let sql = "SELECT a.value, array_agg(b.value) FROM generate_series(1, 2000) AS a \
               CROSS JOIN generate_series(1, 2000) AS b GROUP BY a.value";
    let outcome = session.run(sql).await.unwrap().collect().await;
    let error = outcome.err().unwrap();
    assert!(error.is_limit(), "{error:?}");
}

#[tokio::test]
async fn deep_and_long_queries_end_with_an_error_and_not_the_process() {
    let place = Place::empty().await;
    let session = place.session().await;
    let parentheses = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    assert!(matches!(session.check(&parentheses).await, Err(QueryError::Parse { .. })));
    let long = format!("SELECT '{}'", "x".repeat(300_000));
    assert!(matches!(session.check(&long).await, Err(QueryError::Parse { .. })));
}

#[tokio::test]
async fn chains_are_answered_up_to_their_limit_and_refused_beyond() {
    let (_place, session) = one_event().await;
    let filter = "SELECT event_id FROM events WHERE event_name <> 'x'";
    for (start, link, end, operators) in [
        (filter, " OR event_name LIKE 'y'", "", 2),
        (filter, " AND event_name <> 'y'", "", 2),
        ("SELECT source_row", " + 1", " FROM events", 1),
        ("SELECT event_id", "::text", " FROM events", 1),
        ("SELECT source_row IS NULL", " IS NULL", " FROM events", 1),
        ("SELECT 1", " UNION ALL SELECT 1", "", 10),
    ] {
        let chain = |links: usize| format!("{start}{}{end}", link.repeat(links));
        assert_ne!(ndjson(&session, &chain(240 / operators)).await, "", "{link}");
        let refused = session.check(&chain(260 / operators)).await;
        assert!(matches!(refused, Err(QueryError::Parse { .. })), "{link}");
    }
    let path = |steps: usize| {
        format!("SELECT request_parameters{} AS x FROM events", " -> 'a'".repeat(steps))
    };
    assert_ne!(ndjson(&session, &path(12)).await, "");
    assert!(matches!(session.check(&path(13)).await, Err(QueryError::Parse { .. })));
    let list = ", 'y'".repeat(9000);
    let sql = format!("SELECT event_id FROM events WHERE event_name NOT IN ('x'{list})");
    assert_ne!(ndjson(&session, &sql).await, "");
}

#[tokio::test]
async fn one_statement_at_a_time() {
    let place = Place::empty().await;
    let session = place.session().await;
    for sql in ["", " ", ";", "-- nothing", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE events"] {
        assert!(matches!(session.check(sql).await, Err(QueryError::Parse { .. })), "{sql}");
    }
}
