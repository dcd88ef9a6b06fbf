//! The rules on the SQL of a detection.

use trailhouse_detect::lint_detection;

use crate::sample::{KEY_BURST, TRAIL_STOPPED, detection};

/// Puts SQL below a front matter and checks which rules it breaks, and on which lines of the SQL.
fn check_under(header: &str, sql: &str, expected: &[(&str, u32)]) {
    let (front, _) = header.rsplit_once("-- +++\n").unwrap();
    let detection = detection(&format!("{front}-- +++\n{sql}"));
    let findings = lint_detection("x.sql", &detection);
    let found: Vec<(&str, u32)> = findings
        .iter()
        .map(|finding| (finding.code, finding.line + 1 - detection.body_line))
        .collect();
    assert_eq!(found, expected, "{sql}\n{findings:#?}");
}

/// Checks a condition in a detection that is good otherwise.
fn check_where(condition: &str, expected: &[&str]) {
    let sql = format!(
        "SELECT\n  e.event_id,\n  e.event_time,\n  user_identity_arn\nFROM events AS e\nWHERE {condition}"
    );
    let expected: Vec<(&str, u32)> = expected.iter().map(|rule| (*rule, 6)).collect();
    check_under(KEY_BURST, &sql, &expected);
}

#[test]
fn the_samples_are_clean() {
    let by_event = KEY_BURST.replace(
        "-- +++\nSELECT",
        "-- window = { on = \"event\", every = \"1h\" }\n-- +++\nSELECT",
    );
    for text in [TRAIL_STOPPED, &by_event] {
        assert_eq!(lint_detection("x.sql", &detection(text)), []);
    }
}

#[test]
fn what_counts_is_told_to_judge_by_event_time() {
    let findings = lint_detection("x.sql", &detection(KEY_BURST));
    let found: Vec<(&str, u32)> =
        findings.iter().map(|finding| (finding.code, finding.line)).collect();
    assert_eq!(found, [("counts-by-arrival", 18)]);
    let select = "SELECT event_id, event_time, user_identity_arn";
    let check = |sql: &str, expected: &[(&str, u32)]| check_under(KEY_BURST, sql, expected);
    let warned = [("counts-by-arrival", 2)];
    check(&format!("{select},\nrow_number() OVER (ORDER BY event_time) AS n FROM events"), &warned);
    check(
        &format!(
            "WITH c AS (\nSELECT user_name, count(*) AS n FROM events GROUP BY user_name)\n\
             {select} FROM events JOIN c USING (user_name) WHERE n >= 3"
        ),
        &warned,
    );
    check(
        &format!(
            "WITH c AS (\nSELECT a, count(*) AS n FROM events_before JOIN events USING (a) \
             GROUP BY a)\n{select} FROM c"
        ),
        &warned,
    );
    check(
        &format!(
            "WITH c AS (SELECT a, count(*) AS n FROM events_before GROUP BY a HAVING count(*) > 3)\n\
             {select} FROM events JOIN c USING (a)"
        ),
        &[],
    );
    check(&format!("{select},\ncount(*) AS calls FROM events GROUP BY event_id"), &[]);
    check(&format!("WITH q AS (SELECT DISTINCT a FROM events_before)\n{select} FROM events"), &[]);
}

#[test]
fn clocks_and_chance_are_refused() {
    check_where("event_time > now() - INTERVAL '1 hour'", &["clock"]);
    check_where("event_time > Current_Timestamp", &["clock"]);
    check_where("event_date = current_date", &["clock"]);
    check_where("random() < 0.1", &["clock"]);
    check_where("event_name = 'now()' -- now()", &[]);
    check_where("now = 1 AND e.current_date = 2", &[]);
}

#[test]
fn fixed_times_are_refused_and_distances_are_not() {
    check_where("event_time >= '2026-01-01'", &["time-bound"]);
    check_where("e.event_time >= TIMESTAMP '2026-01-01'", &["time-bound"]);
    check_where("event_date = CAST('2026-01-01' AS DATE)", &["time-bound"]);
    check_where("event_time BETWEEN '2026-01-01' AND '2026-01-02'", &["time-bound"]);
    check_where("event_date NOT IN ('2026-01-01')", &["time-bound"]);
    check_where("'2026-01-01' <= e.event_time", &["time-bound"]);
    check_where("to_timestamp('2026-01-01') <= event_time", &["time-bound"]);
    check_where("e.event_time <= h.event_time + INTERVAL '1 hour'", &[]);
    check_where("h.event_time + INTERVAL '1 hour' >= e.event_time", &[]);
    check_where("extract(hour FROM event_time) >= 22", &[]);
    check_where("event_name = 'x' AND event_time > h.event_time", &[]);
}

#[test]
fn json_operators_stand_in_parentheses_beside_others() {
    check_where("request_parameters ->> 'a' = 'b'", &["json-precedence"]);
    check_where("'b' = request_parameters ->> 'a'", &["json-precedence"]);
    check_where("e.request_parameters ->> 'a' IS NULL", &["json-precedence"]);
    check_where("lower(x) || f(y) ->> 'a' IN ('b')", &["json-precedence"]);
    check_where("a -> 'b' ->> 'c' LIKE 'd%'", &["json-precedence"]);
    check_where("'d' = a -> 'b' ->> 'c'", &["json-precedence"]);
    check_where("(request_parameters ->> 'a') = 'b'", &[]);
    check_where("lower(request_parameters ->> 'a') = 'b'", &[]);
    check_where("(a -> 'b' ->> 'c') NOT LIKE 'd%' AND ((x) ->> 'y') IN ('z')", &[]);
}

#[test]
fn output_columns_are_named_and_carry_evidence() {
    check_under(KEY_BURST, "SELECT * FROM events", &[("select-star", 1)]);
    check_under(KEY_BURST, "SELECT e.*\nFROM events AS e", &[("select-star", 1)]);
    check_under(
        KEY_BURST,
        "SELECT event_id, event_time, 2 * 3 AS n, count(*) AS c, user_identity_arn FROM events",
        &[],
    );
    check_under(
        KEY_BURST,
        "SELECT event_id, user_identity_arn FROM events",
        &[("output-columns", 1)],
    );
    check_under(
        KEY_BURST,
        "SELECT event_ids, events, first_event_time, user_identity_arn FROM x",
        &[("output-columns", 1)],
    );
    check_under(
        KEY_BURST,
        "SELECT event_id, event_time, 'x', user_identity_arn FROM events",
        &[("output-columns", 1)],
    );
    check_under(KEY_BURST, "SELECT event_id, event_time FROM events", &[("alert-key", 1)]);
    check_under(
        KEY_BURST,
        "WITH q AS (SELECT event_id, event_time, user_identity_arn FROM events)\n\
         SELECT event_id, event_time FROM q",
        &[("alert-key", 1)],
    );
}

#[test]
fn a_detection_is_one_select() {
    check_under(KEY_BURST, "DELETE FROM events", &[("statement", 1)]);
    check_under(
        KEY_BURST,
        "SELECT event_id, event_time, user_identity_arn FROM events;\nDROP TABLE events",
        &[("statement", 1)],
    );
}

#[test]
fn alert_names_only_what_is_output() {
    let sql = "WITH params AS (SELECT 1 AS min_events)\nSELECT event_id, event_time FROM events";
    check_under(TRAIL_STOPPED, sql, &[("alert-columns", 2); 7]);
    let empty = KEY_BURST.replace("-- +++\nSELECT", "-- alert.key = []\n-- +++\nSELECT");
    check_under(
        &empty,
        "SELECT event_id, event_time, user_identity_arn FROM events",
        &[("alert-key", 1)],
    );
}

#[test]
fn parameters_stand_in_both_places_with_one_value() {
    let select = "SELECT event_id, event_time, recipient_account_id, trail, user_identity_arn, \
                  aws_region FROM events";
    let check = |cte: &str, expected: &[(&str, u32)]| {
        check_under(TRAIL_STOPPED, &format!("{cte}\n{select}"), expected);
    };
    check("WITH params AS (SELECT 1 AS min_events)", &[]);
    check("WITH x AS (SELECT 1 AS y)", &[("params", 1)]);
    check("WITH params AS (\nSELECT 2 AS min_events)", &[("params", 2)]);
    check("WITH params AS (SELECT 1 AS min_events,\n'a' AS b)", &[("params", 2)]);
    check("WITH params AS (SELECT 1 + 1 AS min_events)", &[("params", 1)]);
}

#[test]
fn a_detection_without_technique_is_mentioned() {
    let text = KEY_BURST.replace("-- mitre = [\"T1098.001\"]\n", "");
    let findings = lint_detection("x.sql", &detection(&text));
    let found: Vec<(&str, &str)> =
        findings.iter().map(|finding| (finding.code, finding.severity.as_str())).collect();
    assert_eq!(found, [("techniques", "warning"), ("counts-by-arrival", "warning")]);
}
