//! The conditions of a detection, one by one.

use trailhouse_detect::author::conditions::{
    Condition, EventsSelect, events_selects, texts_to_fire,
};

fn only(sql: &str) -> EventsSelect {
    let mut selects = events_selects(sql);
    assert_eq!(selects.len(), 1, "{selects:?}");
    selects.remove(0)
}

fn sql_of(conditions: &[Condition]) -> Vec<&str> {
    conditions.iter().map(|condition| condition.sql.as_str()).collect()
}

const THRESHOLD: &str = "WITH params AS (SELECT 5 AS n)
SELECT e.source_ip_address, count(*) AS events
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'signin.amazonaws.com'
  -- A comment with AND in it.
  AND (e.response_elements ->> 'ConsoleLogin') = 'Failure'
  AND e.event_time BETWEEN e.x AND e.y
  AND (e.a = 1 OR e.b = 2)
GROUP BY e.source_ip_address, p.n
HAVING count(DISTINCT e.event_id) >= p.n AND max(e.event_time) > min(e.event_time)
ORDER BY events";

#[test]
fn conditions_are_split_at_the_and_that_joins_them() {
    let select = only(THRESHOLD);
    assert_eq!(
        sql_of(&select.conditions),
        [
            "e.event_source = 'signin.amazonaws.com'",
            "(e.response_elements ->> 'ConsoleLogin') = 'Failure'",
            "e.event_time BETWEEN e.x AND e.y",
            "(e.a = 1 OR e.b = 2)",
        ]
    );
    assert_eq!(select.conditions[1].operands, ["e.response_elements ->> 'ConsoleLogin'"]);
    assert_eq!(select.conditions[2].operands, ["e.event_time", "e.x", "e.y"]);
    let grouping = select.grouping.as_ref().unwrap();
    assert_eq!(
        sql_of(&grouping.conditions),
        ["count(DISTINCT e.event_id) >= p.n", "max(e.event_time) > min(e.event_time)"]
    );
    assert_eq!(grouping.conditions[0].operands, ["count(DISTINCT e.event_id)"]);
}

#[test]
fn queries_about_one_event_keep_what_the_select_can_see() {
    let select = only(THRESHOLD);
    let row = select.row_sql("it's");
    assert!(row.starts_with("WITH params AS (SELECT 5 AS n) SELECT (e.event_source = "), "{row}");
    assert!(row.ends_with("FROM events AS e CROSS JOIN params AS p WHERE e.event_id = 'it''s'"));
    let group = select.group_sql("x").unwrap();
    assert!(group.contains(" GROUP BY e.source_ip_address, p.n HAVING max(CASE WHEN"), "{group}");
    let one = select.count_sql(&select.conditions[0], "x");
    assert!(one.ends_with("WHERE e.event_id = 'x' AND (e.event_source = 'signin.amazonaws.com')"));
}

#[test]
fn an_or_beside_conditions_keeps_them_together() {
    let select = only("SELECT event_id FROM events WHERE a = 1 AND b = 2 OR c = 3");
    assert_eq!(sql_of(&select.conditions), ["a = 1 AND b = 2 OR c = 3"]);
    let select = only("SELECT event_id FROM events WHERE CASE WHEN a AND b THEN c OR d END AND e");
    assert_eq!(sql_of(&select.conditions), ["CASE WHEN a AND b THEN c OR d END", "e"]);
    assert_eq!(only("SELECT event_id FROM events").conditions, []);
}

#[test]
fn selects_of_ctes_and_unions_are_found_and_those_in_conditions_are_not() {
    let sql = "WITH a AS (SELECT 1 AS n), b (event_id) AS (SELECT event_id FROM events WHERE x = 1)
        SELECT b.event_id FROM b UNION ALL
        SELECT q.event_id FROM events q
        WHERE q.event_name = 'A' AND NOT EXISTS (SELECT 1 FROM events WHERE y = 2)";
    let selects = events_selects(sql);
    let ctes: Vec<_> = selects.iter().map(|select| select.cte.as_deref()).collect();
    assert_eq!(ctes, [Some("b"), None]);
    assert_eq!(selects[1].conditions.len(), 2);
    assert_eq!(selects[1].alias, "q");
    assert!(selects[0].row_sql("x").starts_with("WITH a AS (SELECT 1 AS n) SELECT (x = 1)"));
    assert!(selects[1].row_sql("x").starts_with("WITH a AS (SELECT 1 AS n), b (event_id) AS ("));
}

#[test]
fn what_events_must_have_is_told_only_where_it_is_sure() {
    let check = |sql: &str, expected: Option<&[&str]>| {
        let found = texts_to_fire(sql, "event_source");
        let expected = expected.map(|list| list.iter().map(|it| (*it).to_owned()).collect());
        assert_eq!(found, expected, "{sql}");
    };
    check(THRESHOLD, Some(&["signin.amazonaws.com"]));
    check("SELECT event_id FROM events WHERE event_source IN ('b', 'a')", Some(&["a", "b"]));
    check(
        "SELECT event_id FROM events WHERE event_source = 'a' UNION ALL \
         SELECT event_id FROM events AS e WHERE e.event_source = 'b'",
        Some(&["a", "b"]),
    );
    check("SELECT event_id FROM events WHERE event_source = 'a' OR x", None);
    check("SELECT event_id FROM events WHERE event_source <> 'a'", None);
    check("SELECT count(*) AS n FROM events WHERE event_source = 'a'", None);
    check("SELECT a FROM x LEFT JOIN events ON TRUE WHERE event_source = 'a'", None);
    check("WITH q AS (SELECT a FROM events WHERE event_source = 'a') SELECT a FROM q", None);
}
