//! Many detections in one scan answer as each would alone.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use arrow::array::RecordBatch;
use proptest::{prelude::*, sample::select};
use serde_json::Value;
use trailhouse_decode::event_schema;
use trailhouse_detect::Pack;
use trailhouse_query::{
    Answer, EventsScope, JudgeLimits, Judged, QueryError, QuerySession, Question, SessionOptions,
    rows_as_json,
};

use crate::support::{Place, batches, corpus_objects, one_thread, record};

/// Rows as text, in an order of their own; so are lists, which are gathered in any order.
pub(crate) fn normalised(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for mut row in rows_as_json(batches).unwrap() {
        for value in row.values_mut() {
            if let Value::Array(items) = value {
                items.sort_by_key(Value::to_string);
            }
        }
        rows.push(format!("{row:?}"));
    }
    rows.sort();
    rows
}

/// The statements of the built-in pack by id.
fn built_in() -> Vec<(String, String)> {
    let pack = pack();
    let statements = pack
        .entries
        .iter()
        .map(|entry| (entry.detection.id.as_str().to_owned(), entry.detection.sql.clone()));
    statements.collect()
}

fn pack() -> Pack {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../queries/aws-core");
    let mut files = Vec::new();
    read_files(&folder, &folder, &mut files);
    Pack::from_files(files).unwrap()
}

fn read_files(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_files(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            files.push((name, fs::read(&path).unwrap()));
        }
    }
}

/// Statements of every shape, besides those of the pack.
fn shapes() -> Vec<(String, String)> {
    let statements = [
        "SELECT count(*) AS n FROM events",
        "SELECT count(*) AS n FROM events WHERE event_name = 'no such name'",
        "SELECT event_id FROM events_unique WHERE event_source = 'iam.amazonaws.com'",
        "SELECT DISTINCT e.event_name FROM events AS e WHERE NOT EXISTS (\
         SELECT 1 FROM events_before AS b WHERE b.event_name = e.event_name)",
        "SELECT event_name FROM events EXCEPT SELECT event_name FROM events_before",
        "SELECT e.event_id, (SELECT max(b.event_time) FROM events_before AS b) AS newest \
         FROM events AS e WHERE e.event_name LIKE 'Create%'",
        "SELECT event_name, event_time FROM events ORDER BY event_time DESC, source_object_id, source_row \
         LIMIT 5",
        "SELECT a.event_id FROM events AS a JOIN events AS b \
         ON a.user_identity_arn = b.user_identity_arn AND b.event_time > a.event_time \
         WHERE a.event_name LIKE 'Get%' AND b.error_code IS NOT NULL",
        "SELECT user_identity.arn AS arn, resources FROM events WHERE resources IS NOT NULL",
        "SELECT coalesce(e.event_name, b.event_name) AS name FROM events AS e \
         FULL JOIN events_before AS b ON e.event_id = b.event_id",
        "SELECT event_name, row_number() OVER (PARTITION BY event_source ORDER BY event_time, \
         source_object_id, source_row) AS place FROM events WHERE error_code IS NULL",
        "SELECT 1 AS one",
        "SELECT event_id FROM events WHERE event_name IN (SELECT event_name FROM events_before \
         WHERE error_code IS NOT NULL)",
        "SELECT event_id FROM events WHERE error_code IS NULL AND event_name LIKE 'C%'",
        "SELECT user_agent, event_time FROM events WHERE event_name LIKE 'C%' AND error_code IS NULL",
        // Alike but for the rows of their leaves.
        "WITH made AS (SELECT user_identity_arn AS arn, count(*) AS n FROM events \
         WHERE event_name LIKE 'Create%' GROUP BY 1), \
         deleted AS (SELECT user_identity_arn AS arn, count(*) AS n FROM events \
         WHERE event_name LIKE 'Delete%' GROUP BY 1) \
         SELECT coalesce(m.arn, d.arn) AS arn, m.n AS made, d.n AS deleted \
         FROM made AS m FULL JOIN deleted AS d ON m.arn = d.arn",
        "WITH calls AS (SELECT user_identity_arn AS arn, event_name, count(*) AS n FROM events GROUP BY 1, 2) \
         SELECT a.arn, a.event_name, b.event_name AS other FROM calls AS a JOIN calls AS b \
         ON a.arn = b.arn WHERE a.event_name < b.event_name",
    ];
    let named = statements.iter().enumerate();
    named.map(|(index, sql)| (format!("shape {index}"), (*sql).to_owned())).collect()
}

async fn judged(
    session: &QuerySession,
    statements: &[(String, String)],
    limits: &JudgeLimits,
) -> Judged {
    let questions: Vec<Question<'_>> =
        statements.iter().map(|(id, sql)| Question::new(id, sql)).collect();
    session.judge(&questions, limits).await.unwrap()
}

/// Compares every answer with that of the statement run alone. Returns the judgement.
async fn check(
    session: &QuerySession,
    statements: &[(String, String)],
    limits: &JudgeLimits,
) -> Judged {
    let judged = judged(session, statements, limits).await;
    assert_eq!(judged.answers.len(), statements.len());
    for ((id, sql), answer) in statements.iter().zip(&judged.answers) {
        let rows = match &answer.outcome {
            Ok(rows) => normalised(rows),
            Err(error) => panic!("{id}: {error}"),
        };
        assert_eq!(rows, normalised(&batches(session, sql).await), "{id}");
    }
    judged
}

fn rows_out(answer: &Answer) -> usize {
    answer.outcome.as_ref().unwrap().iter().map(|batch| batch.num_rows()).sum()
}

/// A lake of what the pack's own cases are made of: what came before in one commit, and then the
/// rest.
async fn lake_of_cases() -> (Place, EventsScope) {
    let (mut history, mut events) = (Vec::new(), Vec::new());
    for entry in &pack().entries {
        for case in entry.cases.iter().flatten() {
            history.extend(records_of(&case.history_document()));
            events.extend(records_of(&case.events_document()));
        }
    }
    let mut place = Place::empty().await;
    let after = place.commit(&history).await;
    let half = events.len() / 2;
    place.commit(&events[..half]).await;
    let up_to = place.commit(&events[half..]).await;
    (place, EventsScope::Arrived { after: Some(after), up_to, lookback: None })
}

fn records_of(document: &[u8]) -> Vec<Value> {
    let document: Value = serde_json::from_slice(document).unwrap();
    document["Records"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_built_in_pack_answers_as_it_does_one_by_one() {
    let (place, scope) = lake_of_cases().await;
    let options = SessionOptions { threads: Some(2), batch_size: 64, ..SessionOptions::default() };
    let session = QuerySession::open_scoped(&place.lake, &options, scope).await.unwrap();
    let mut statements = built_in();
    statements.extend(shapes());
    let judged = check(&session, &statements, &JudgeLimits::default()).await;
    let fired = judged.answers.iter().filter(|answer| rows_out(answer) > 0).count();
    assert!(fired > 60, "{fired}");
    let alone: Vec<&str> = statements
        .iter()
        .zip(&judged.answers)
        .filter_map(|((id, _), answer)| (!answer.shared).then_some(id.as_str()))
        .collect();
    // One reads a table that is none of the judged ones, one reads no table.
    assert_eq!(alone, ["shape 2", "shape 11"]);
    assert_eq!(judged.scan.files, 2 * days_of(&session).await);
}

/// Each commit has a file for each day.
async fn days_of(session: &QuerySession) -> u64 {
    let sql = "SELECT DISTINCT event_date FROM stored.events";
    let rows: usize = batches(session, sql).await.iter().map(|batch| batch.num_rows()).sum();
    u64::try_from(rows).unwrap()
}

#[tokio::test]
async fn real_events_are_judged_as_one_by_one() {
    let Some(objects) = corpus_objects() else { return };
    let (before, new) = objects.split_at(objects.len() / 2);
    let mut place = Place::empty().await;
    let after = place.commit_objects(before).await;
    let up_to = place.commit_objects(new).await;
    let scope = EventsScope::Arrived { after: Some(after), up_to, lookback: None };
    let session = QuerySession::open_scoped(&place.lake, &one_thread(), scope).await.unwrap();
    let mut statements = built_in();
    statements.extend(shapes());
    check(&session, &statements, &JudgeLimits::default()).await;
}

#[tokio::test]
async fn what_does_not_fit_the_budget_reads_the_table_itself() {
    let (place, scope) = lake_of_cases().await;
    let session = QuerySession::open_scoped(&place.lake, &one_thread(), scope).await.unwrap();
    let all = ("all".to_owned(), "SELECT * FROM events".to_owned());
    let few = built_in().into_iter().find(|(id, _)| id.ends_with("trail-stopped")).unwrap();
    let statements = [all, few];
    let limits = JudgeLimits { buffer_bytes_max: 64 * 1024, ..JudgeLimits::default() };
    let judged = check(&session, &statements, &limits).await;
    let shared: Vec<bool> = judged.answers.iter().map(|answer| answer.shared).collect();
    assert_eq!(shared, [false, true]);
    let none = JudgeLimits { buffer_bytes_max: 0, ..limits };
    let mut statements = shapes();
    statements.extend(built_in().into_iter().take(10));
    check(&session, &statements, &none).await;
}

#[tokio::test]
async fn one_bad_question_does_not_hurt_the_others() {
    let records = [record("A", "2026-05-01T08:00:00Z"), record("B", "2026-05-01T09:00:00Z")];
    let place = Place::of(&[records.to_vec()]).await;
    let session = place.session().await;
    let statements = [
        "SELECT event_id FROM events WHERE event_name = 'A'",
        "SELECT evnt_id FROM events",
        "SELECT event_id FROM events WHERE CAST(event_name AS INT) = 1",
        "SELECT event_id FROM events WHERE CAST(user_agent AS INT) = 1",
        "DROP TABLE events",
        "SELECT event_id FROM events",
        "SELECT e.event_id FROM events AS e CROSS JOIN range(0, 9000000000000) AS r \
         WHERE r.value < 0",
        "SELECT event_id FROM events WHERE event_name = 'B'",
    ];
    let statements = statements.map(|sql| (sql.to_owned(), sql.to_owned()));
    let limits = JudgeLimits {
        rows_max: 1,
        timeout_per_question: Duration::from_secs(5),
        ..JudgeLimits::default()
    };
    let judged = judged(&session, &statements, &limits).await;
    let outcomes: Vec<&Result<_, QueryError>> =
        judged.answers.iter().map(|answer| &answer.outcome).collect();
    assert_eq!(rows_out(&judged.answers[0]), 1);
    assert!(matches!(outcomes[1], Err(QueryError::UnknownColumn { .. })), "{:?}", outcomes[1]);
    assert!(is_bad_value(outcomes[2]), "{:?}", outcomes[2]);
    assert!(is_bad_value(outcomes[3]), "{:?}", outcomes[3]);
    assert!(matches!(outcomes[4], Err(QueryError::Refused { .. })), "{:?}", outcomes[4]);
    assert!(matches!(outcomes[5], Err(QueryError::TooManyRows { rows_max: 1 })));
    assert!(matches!(outcomes[6], Err(QueryError::TimedOut { .. })), "{:?}", outcomes[6]);
    assert_eq!(rows_out(&judged.answers[7]), 1);
}

#[tokio::test]
async fn a_predicate_that_fails_is_not_pushed_into_the_scan_of_all() {
    let place = Place::of(&[vec![record("A", "2026-05-01T08:00:00Z")]]).await;
    let session = place.session().await;
    let statements = [
        "SELECT event_id FROM events WHERE event_name = 'A'",
        "SELECT event_id FROM events WHERE CAST(event_name AS INT) = 1",
    ];
    let statements = statements.map(|sql| (sql.to_owned(), sql.to_owned()));
    let judged = judged(&session, &statements, &JudgeLimits::default()).await;
    assert_eq!(rows_out(&judged.answers[0]), 1);
    assert!(is_bad_value(&judged.answers[1].outcome));
}

/// The reader of files meets the bad value, or what runs on top of it.
fn is_bad_value(outcome: &Result<Vec<RecordBatch>, QueryError>) -> bool {
    matches!(outcome, Err(QueryError::Table { .. } | QueryError::Execution { .. }))
}

#[tokio::test]
async fn each_question_has_memory_of_its_own() {
    let hours = (0..24).map(|hour| record("A", &format!("2026-05-01T{hour:02}:00:00Z")));
    let place = Place::of(&[hours.collect()]).await;
    let session = place.session().await;
    let statements = [
        "SELECT event_id, array_agg(user_agent) AS agents FROM events GROUP BY event_id",
        "SELECT event_id FROM events WHERE event_name = 'A'",
    ];
    let statements = statements.map(|sql| (sql.to_owned(), sql.to_owned()));
    let limits = JudgeLimits { memory_bytes_per_question: Some(64), ..JudgeLimits::default() };
    let judged = judged(&session, &statements, &limits).await;
    let first = &judged.answers[0].outcome;
    assert!(matches!(first, Err(QueryError::Limit { .. })), "{first:?}");
    assert_eq!(rows_out(&judged.answers[1]), 24);
}

#[tokio::test]
async fn parameters_replace_what_the_statement_says() {
    let records = [record("A", "2026-05-01T08:00:00Z"), record("A", "2026-05-01T09:00:00Z")];
    let place = Place::of(&[records.to_vec()]).await;
    let session = place.session().await;
    let sql = "WITH params AS (SELECT 5 AS min_events, 'A' AS name) \
               SELECT e.event_name, count(*) AS n FROM events AS e CROSS JOIN params AS p \
               WHERE e.event_name = p.name GROUP BY e.event_name, p.min_events \
               HAVING count(*) >= p.min_events";
    let lower = [("min_events".to_owned(), "2".to_owned())];
    let other = [("min_events".to_owned(), "1".to_owned()), ("name".to_owned(), "'B'".to_owned())];
    let unknown = [("min_event".to_owned(), "2".to_owned())];
    let questions = [
        Question::new("as it stands", sql),
        Question { params: &lower, ..Question::new("lower", sql) },
        Question { params: &other, ..Question::new("other", sql) },
        Question { params: &unknown, ..Question::new("unknown", sql) },
    ];
    let judged = session.judge(&questions, &JudgeLimits::default()).await.unwrap();
    assert_eq!(rows_out(&judged.answers[0]), 0);
    assert_eq!(rows_out(&judged.answers[1]), 1);
    assert_eq!(rows_out(&judged.answers[2]), 0);
    let unknown = judged.answers[3].outcome.as_ref().unwrap_err();
    assert_eq!(unknown.suggestion(), Some("min_events"));
}

#[tokio::test]
async fn a_lookback_leaves_older_days_out() {
    let mut place = Place::empty().await;
    let days = ["01", "02", "03", "04"];
    let old: Vec<Value> =
        days.iter().map(|day| record(day, &format!("2026-05-{day}T23:00:00Z"))).collect();
    let after = place.commit(&old).await;
    let new = [record("new", "2026-05-05T01:00:00Z"), record("new", "2026-05-06T01:00:00Z")];
    let up_to = place.commit(&new).await;
    let scope = |lookback| EventsScope::Arrived { after: Some(after), up_to, lookback };
    let sql = "SELECT b.event_name FROM events_before AS b \
               WHERE EXISTS (SELECT 1 FROM events AS e WHERE e.aws_region = b.aws_region)";
    let session = async |scope| QuerySession::open_scoped(&place.lake, &one_thread(), scope).await;
    let whole = session(scope(None)).await.unwrap();
    for (hours, expected) in [(0, 0), (1, 1), (24, 1), (25, 2), (72, 3), (24 * 365, 4)] {
        let lookback = Some(Duration::from_secs(hours * 3600));
        let question = Question { lookback, ..Question::new("q", sql) };
        let judged = whole.judge(&[question], &JudgeLimits::default()).await.unwrap();
        assert_eq!(rows_out(&judged.answers[0]), expected, "{hours}");
        let plain = session(scope(lookback)).await.unwrap();
        assert_eq!(normalised(&batches(&plain, sql).await).len(), expected, "{hours}");
    }
}

#[tokio::test]
async fn the_explanation_shows_one_scan_and_who_is_fed_by_it() {
    let place = Place::of(&[vec![record("A", "2026-05-01T08:00:00Z")]]).await;
    let session = place.session().await;
    let statements = [
        ("names", "SELECT event_id FROM events WHERE event_name = 'A' AND user_agent LIKE 'x%'"),
        ("twin", "SELECT event_id FROM events WHERE event_name = 'A' AND user_agent LIKE 'x%'"),
        ("counts", "SELECT count(*) AS n FROM events WHERE event_source = 'iam.amazonaws.com'"),
        ("unique", "SELECT event_id FROM events_unique"),
        ("broken", "SELECT evnt_id FROM events"),
    ];
    let questions = statements.map(|(id, sql)| Question::new(id, sql));
    let text = session.judge_explain(&questions).await.unwrap();
    let expected = [
        "one scan of events for 3 questions with 2 leaves",
        "  columns: 6 of ",
        "  dispatch: 2 of 2 leaves by event_source, event_name, error_code, user_identity_type",
        "  leaf 1, for names, twin",
        "    kind: event_name = Utf8View(\"A\")",
        "    rest: user_agent LIKE Utf8View(\"x%\")",
        "  leaf 2, for counts",
        "no scan of events_before",
        "by itself: unique",
        "failed: broken: no column `evnt_id`",
    ];
    for line in expected {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert_eq!(text.matches(".parquet").count(), 1, "{text}");
}

#[tokio::test]
async fn what_no_leaf_wants_is_not_read() {
    let place = Place::of(&[
        vec![record("A", "2026-05-01T08:00:00Z")],
        vec![record("B", "2026-05-02T08:00:00Z"), record("C", "2026-05-02T09:00:00Z")],
        vec![record("D", "2026-05-03T08:00:00Z")],
    ])
    .await;
    let session = place.session().await;
    let named = ["A", "B"].map(|name| {
        (name.to_owned(), format!("SELECT event_id FROM events WHERE event_name = '{name}'"))
    });
    let judged = check(&session, &named, &JudgeLimits::default()).await;
    assert_eq!((judged.scan.files, judged.scan.files_pruned), (2, 1));
    assert_eq!(judged.scan.rows, 2);
    let all = ("all".to_owned(), "SELECT event_id FROM events".to_owned());
    let judged = check(&session, &[named[0].clone(), all], &JudgeLimits::default()).await;
    assert_eq!((judged.scan.files, judged.scan.files_pruned, judged.scan.rows), (3, 0, 4));
}

fn predicate() -> impl Strategy<Value = String> {
    let columns = select(vec!["event_name", "event_source", "error_code", "user_agent"]);
    let texts = select(vec!["A", "B", "a", "", "x%"]);
    let leaf = (columns, texts, 0..8).prop_map(|(column, text, form)| match form {
        0 => format!("{column} = '{text}'"),
        1 => format!("{column} <> '{text}'"),
        2 => format!("{column} IN ('{text}', 'B')"),
        3 => format!("{column} NOT IN ('{text}', 'B')"),
        4 => format!("{column} LIKE '{text}%'"),
        5 => format!("{column} IS NULL"),
        6 => format!("({column} IS DISTINCT FROM event_name)"),
        _ => format!("coalesce({column}, '') = '{text}'"),
    });
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("(NOT {a})")),
        ]
    })
}

/// Every value of the columns that predicates name, null too.
fn small_world() -> Vec<Value> {
    let texts =
        [Value::from("A"), Value::from("B"), Value::from("a"), Value::from("x%"), Value::Null];
    let mut records = Vec::new();
    for (index, name) in texts.iter().cycle().take(60).enumerate() {
        let mut record = record("A", &format!("2026-05-01T08:{:02}:00Z", index % 60));
        record["eventName"] = name.clone();
        record["eventSource"] = texts[index / 5 % 5].clone();
        record["errorCode"] = texts[index / 7 % 5].clone();
        record["userAgent"] = texts[index / 3 % 5].clone();
        record["eventID"] = Value::from(index.to_string());
        records.push(record);
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn any_predicate_takes_the_same_rows(predicates in prop::collection::vec(predicate(), 1..8)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = Place::of(&[small_world()]).await;
            let stored = batches(&place.session().await, "SELECT * FROM stored.events").await;
            let options = SessionOptions { batch_size: 7, ..one_thread() };
            let session =
                QuerySession::over_batches(&options, &event_schema(), &stored, &[]).await.unwrap();
            let mut statements = BTreeMap::new();
            for predicate in predicates {
                let rows = format!("SELECT event_id, event_name FROM events WHERE {predicate}");
                let groups = format!(
                    "SELECT event_source, count(*) AS n FROM events WHERE {predicate} \
                     GROUP BY event_source"
                );
                statements.insert(rows.clone(), rows);
                statements.insert(groups.clone(), groups);
            }
            let statements: Vec<(String, String)> = statements.into_iter().collect();
            check(&session, &statements, &JudgeLimits::default()).await;
        });
    }
}
