//! Errors show their place and what was likely meant.

use insta::assert_snapshot;

use crate::support::Place;

async fn shown(sql: &str) -> String {
    let place = Place::empty().await;
    let session = place.session().await;
    let error = match session.run(sql).await {
        Ok(rows) => rows.collect().await.err().unwrap(),
        Err(error) => error,
    };
    error.render(sql)
}

#[tokio::test]
async fn unknown_column_in_cloudtrail_spelling() {
    assert_snapshot!(shown("SELECT eventName FROM events").await);
}

#[tokio::test]
async fn unknown_column_with_its_table() {
    assert_snapshot!(shown("SELECT e.event_nam, e.aws_region\nFROM events AS e\nWHERE true").await);
}

#[tokio::test]
async fn unknown_field_of_the_identity() {
    assert_snapshot!(shown("SELECT user_identity.anr FROM events").await);
}

#[tokio::test]
async fn unknown_identity_in_cloudtrail_spelling() {
    assert_snapshot!(shown("SELECT userIdentity.arn FROM events").await);
}

#[tokio::test]
async fn unknown_table() {
    assert_snapshot!(shown("SELECT 1\nFROM evnts").await);
}

#[tokio::test]
async fn unknown_function() {
    assert_snapshot!(shown("SELECT json_get_string(request_parameters, 'x') FROM events").await);
}

#[tokio::test]
async fn unknown_name_that_resembles_nothing() {
    assert_snapshot!(shown("SELECT bananas FROM events").await);
}

#[tokio::test]
async fn broken_syntax() {
    assert_snapshot!(shown("SELECT event_name FROM events WHERE event_name = = 'x'").await);
}

#[tokio::test]
async fn unfinished_text() {
    assert_snapshot!(shown("SELECT * FROM events WHERE event_name = 'x").await);
}

#[tokio::test]
async fn types_that_do_not_fit() {
    assert_snapshot!(shown("SELECT event_name + 1 FROM events WHERE read_only > 'x'").await);
}

#[tokio::test]
async fn column_outside_of_its_group() {
    assert_snapshot!(shown("SELECT event_name, count(*) FROM events GROUP BY aws_region").await);
}

#[tokio::test]
async fn column_of_two_tables() {
    assert_snapshot!(
        shown("SELECT event_id FROM events AS a JOIN events AS b ON a.event_id = b.event_id").await
    );
}

#[tokio::test]
async fn refused_statement() {
    assert_snapshot!(shown("DROP TABLE events").await);
}

#[tokio::test]
async fn value_that_fails_at_run_time() {
    assert_snapshot!(shown("SELECT CAST('x' || value AS INT) FROM generate_series(1, 2)").await);
}

#[tokio::test]
async fn hostile_text() {
    let sql = "SELECT '\u{1b}]0;owned\u{7}\u{202e}', eventname\r\nFROM events";
    assert_snapshot!(shown(sql).await);
}
