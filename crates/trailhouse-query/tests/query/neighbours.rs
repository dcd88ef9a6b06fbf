//! Runs of rows with equal keys are aggregated before groups are.

use trailhouse_query::{QuerySession, SessionOptions};

use crate::support::{Place, ndjson, record};

/// Three days of events with runs of all lengths, and with keys that are missing.
async fn three_days() -> Place {
    let days = ["2026-05-01", "2026-05-02", "2026-05-03"].map(|day| {
        let records = (0..300_u32).map(|number| {
            let time = format!("{day}T{:02}:{:02}:00Z", number / 60, number % 60);
            let mut event = record(["CreateUser", "GetUser"][usize::from(number % 90 < 60)], &time);
            event["recipientAccountId"] = format!("{:012}", number / 40 % 3).into();
            event["readOnly"] = (number % 7 < 5).into();
            if number % 50 < 20 {
                event["errorCode"] = "AccessDenied".into();
            }
            if number % 11 < 4 {
                event["userAgent"] = "a name of more than twelve bytes".into();
            }
            event
        });
        records.collect::<Vec<_>>()
    });
    Place::of(&days).await
}

async fn session_of(place: &Place, threads: usize) -> QuerySession {
    let options = SessionOptions { threads: Some(threads), ..SessionOptions::default() };
    QuerySession::open(&place.lake, &options).await.unwrap()
}

async fn looks_at_neighbours(session: &QuerySession, sql: &str) -> bool {
    session.explain(sql).await.unwrap().contains("NeighboursExec")
}

/// What one thread finds, which groups rows one by one, is what several find.
async fn check(statements: &[&str], expected: bool) {
    let place = three_days().await;
    let alone = session_of(&place, 1).await;
    for sql in statements {
        assert!(!looks_at_neighbours(&alone, sql).await, "{sql}");
        let found = ndjson(&alone, sql).await;
        assert_ne!(found, "", "{sql}");
        for threads in [2, 3] {
            let session = session_of(&place, threads).await;
            assert_eq!(looks_at_neighbours(&session, sql).await, expected, "{sql}");
            assert_eq!(ndjson(&session, sql).await, found, "{sql}");
        }
    }
}

#[tokio::test]
async fn groups_are_the_same_as_of_single_rows() {
    check(
        &[
            "SELECT event_name, count(*) AS n FROM events GROUP BY 1 ORDER BY 1",
            "SELECT user_agent, error_code, count(*) AS n FROM events GROUP BY 1, 2 ORDER BY 1, 2",
            "SELECT recipient_account_id, count(error_code) AS n, count(*) AS of FROM events GROUP BY 1 ORDER BY 1",
            "SELECT event_date, read_only, min(event_time) AS a, max(event_time) AS b FROM events GROUP BY 1, 2 ORDER BY 1, 2",
            "SELECT error_code, min(user_agent) AS a, max(event_id) AS b FROM events GROUP BY 1 ORDER BY 1",
            "SELECT event_name, sum(length(user_agent)) AS s, avg(length(user_agent)) AS a FROM events GROUP BY 1 ORDER BY 1",
            "SELECT event_name, count(*) FILTER (WHERE error_code IS NOT NULL) AS n, \
             sum(1) FILTER (WHERE read_only) AS r FROM events GROUP BY 1 ORDER BY 1",
            "SELECT date_trunc('hour', event_time) AS hour, count(*) AS n FROM events GROUP BY 1 ORDER BY 1",
            "SELECT upper(event_name) AS name, count(*) AS n FROM events WHERE read_only GROUP BY 1 ORDER BY 1",
            "SELECT event_name, count(DISTINCT user_agent) AS n FROM events GROUP BY 1 ORDER BY 1",
            "SELECT DISTINCT error_code, read_only FROM events ORDER BY 1, 2",
            "SELECT event_name, count(*) AS n FROM events GROUP BY 1 HAVING count(*) > 200 ORDER BY 2 DESC, 1 LIMIT 1",
        ],
        true,
    )
    .await;
}

#[tokio::test]
async fn what_comes_in_no_runs_is_grouped_as_it_comes() {
    check(
        &[
            "SELECT event_id, count(*) AS n FROM events GROUP BY 1 ORDER BY 1 LIMIT 3",
            "SELECT event_name, event_time, count(*) AS n FROM events GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 3",
            "SELECT count(*) AS n, min(event_time) AS t, max(error_code) AS e FROM events WHERE read_only",
            "SELECT event_name, read_only, count(*) AS n FROM events GROUP BY CUBE (event_name, read_only) ORDER BY 1, 2, 3",
            "SELECT event_name, median(length(user_agent)) AS m FROM events GROUP BY 1 ORDER BY 1",
            "SELECT event_name, array_agg(event_id ORDER BY event_time, event_id) AS ids FROM events GROUP BY 1 ORDER BY 1",
        ],
        false,
    )
    .await;
}
