//! Groupings that a statement names more than once run once.

use trailhouse_query::{QuerySession, SessionOptions};

use crate::support::{Place, ndjson, record};

/// How often the plan reads what a grouping found.
fn mentions(plan: &str) -> usize {
    plan.matches("CommonPartExec").count()
}

async fn mentions_in(session: &QuerySession, sql: &str) -> usize {
    mentions(&session.explain(sql).await.unwrap())
}

async fn two_days() -> Place {
    let day = |day: &str| {
        let times = (0..24).map(|hour| format!("{day}T{hour:02}:00:00Z"));
        times.map(|time| record("CreateUser", &time)).collect::<Vec<_>>()
    };
    let mut other = day("2026-05-02");
    for record in &mut other {
        record["eventName"] = "DeleteUser".into();
        record["recipientAccountId"] = "444455556666".into();
    }
    Place::of(&[day("2026-05-01"), other]).await
}

#[tokio::test]
async fn a_grouping_that_is_named_twice_runs_once() {
    let place = two_days().await;
    let cte = "WITH seen AS (SELECT source_ip_address AS ip, recipient_account_id AS account, \
               count(*) AS n FROM events GROUP BY 1, 2)";
    let join = format!(
        "{cte} SELECT a.ip, a.n + b.n AS n FROM seen AS a JOIN seen AS b ON a.ip = b.ip \
         WHERE a.account < b.account"
    );
    let union = format!(
        "{cte} SELECT n FROM seen UNION ALL SELECT n FROM seen UNION ALL SELECT n FROM seen"
    );
    let nested = "WITH days AS (SELECT event_date AS day, event_name AS name, count(*) AS n FROM events GROUP BY 1, 2), \
                  top AS (SELECT day, max(n) AS n FROM days GROUP BY 1) \
                  SELECT d.name, d.n FROM days AS d JOIN top AS t ON t.day = d.day \
                  WHERE EXISTS (SELECT 1 FROM top AS o WHERE o.n = t.n) ORDER BY d.name";
    for threads in [1, 2, 5] {
        let options = SessionOptions { threads: Some(threads), ..SessionOptions::default() };
        let session = QuerySession::open(&place.lake, &options).await.unwrap();
        assert_eq!(mentions_in(&session, &join).await, 2);
        assert_eq!(ndjson(&session, &join).await, "{\"ip\":\"198.51.100.7\",\"n\":48}\n");
        assert_eq!(mentions_in(&session, &union).await, 3);
        assert_eq!(ndjson(&session, &union).await, "{\"n\":24}\n".repeat(6));
        // Three of its own, and `days` in each of the two that read `top`.
        assert_eq!(mentions_in(&session, nested).await, 5);
        let names = "{\"name\":\"CreateUser\",\"n\":24}\n{\"name\":\"DeleteUser\",\"n\":24}\n";
        assert_eq!(ndjson(&session, nested).await, names);
        // It can be looked at as any other.
        let analysed = ndjson(&session, &format!("EXPLAIN ANALYZE {join}")).await;
        assert_eq!(mentions(&analysed), 2, "{analysed}");
    }
}

#[tokio::test]
async fn groupings_that_differ_run_each() {
    let place = two_days().await;
    let session = place.session().await;
    for sql in [
        "SELECT count(*) AS n FROM events WHERE error_code IS NULL",
        "SELECT a.n, b.n FROM (SELECT count(event_id) AS n FROM events WHERE event_name = 'CreateUser') AS a \
         CROSS JOIN (SELECT count(event_id) AS n FROM events WHERE event_name = 'DeleteUser') AS b",
        "WITH dice AS (SELECT event_name, max(random()) AS r FROM events GROUP BY 1) \
         SELECT a.r > b.r AS higher FROM dice AS a JOIN dice AS b ON a.event_name = b.event_name",
        "WITH RECURSIVE steps AS (SELECT 1 AS n UNION ALL SELECT max(n) + 1 FROM steps HAVING max(n) < 3) \
         SELECT a.n FROM steps AS a CROSS JOIN (SELECT max(event_time) FROM events GROUP BY event_name) AS x \
         CROSS JOIN (SELECT max(event_time) FROM events GROUP BY event_name) AS y",
    ] {
        assert_eq!(mentions_in(&session, sql).await, 0, "{sql}");
        assert_ne!(ndjson(&session, sql).await, "");
    }
}

#[tokio::test]
async fn an_error_of_a_common_part_is_that_of_the_statement() {
    let place = two_days().await;
    let session = place.session().await;
    let sql = "WITH bad AS (SELECT max(CAST(event_name AS INT)) AS n FROM events GROUP BY event_source) \
               SELECT a.n FROM bad AS a JOIN bad AS b ON a.n = b.n";
    assert_eq!(mentions_in(&session, sql).await, 2);
    let error = session.run(sql).await.unwrap().collect().await.err().unwrap();
    assert!(error.to_string().contains("Cannot cast string"), "{error}");
}
