//! Periods of event time: judged from one scan as each would be alone.

use std::time::Duration;

use serde_json::Value;
use trailhouse_model::{EventTime, TableVersion};
use trailhouse_query::{
    EmptyPeriods, EventsScope, JudgeLimits, JudgedPeriods, Period, QuerySession, Question,
    TouchedPeriod,
};

use crate::{
    judge::normalised,
    support::{Place, batches, one_thread, record},
};

const QUESTIONS: [(&str, &str); 5] = [
    (
        "many",
        "SELECT user_identity_arn, count(*) AS n, min(event_time) AS first FROM events \
         WHERE event_name LIKE 'Delete%' GROUP BY user_identity_arn HAVING count(*) >= 2",
    ),
    ("each", "SELECT event_id, event_time FROM events WHERE event_name = 'CreateUser'"),
    (
        "then",
        "SELECT b.event_id FROM events AS a JOIN events AS b \
         ON b.user_identity_arn = a.user_identity_arn AND b.event_time > a.event_time \
         WHERE a.event_name = 'CreateUser' AND b.event_name = 'DeleteUser'",
    ),
    (
        "new",
        "SELECT DISTINCT e.event_name FROM events AS e WHERE NOT EXISTS \
         (SELECT 1 FROM events_before AS b WHERE b.event_name = e.event_name)",
    ),
    (
        "quiet",
        "SELECT count(*) AS n FROM events WHERE event_name = 'Heartbeat' HAVING count(*) = 0",
    ),
];

fn at(hour: i64, minute: i64) -> EventTime {
    EventTime::from_civil(2026, 5, 1, 0, 0, 0).unwrap().plus_seconds(hour * 3600 + minute * 60)
}

fn events() -> Vec<Value> {
    let events = [
        ("CreateUser", "2026-05-01T00:10:00Z"),
        ("DeleteUser", "2026-05-01T00:50:00Z"),
        ("DeleteRole", "2026-05-01T01:00:00Z"),
        ("DeleteRole", "2026-05-01T01:59:59Z"),
        ("Heartbeat", "2026-05-01T02:00:00Z"),
        ("DeleteUser", "2026-05-01T05:30:00Z"),
        ("CreateUser", "2026-05-01T23:30:00Z"),
        ("DeleteUser", "2026-05-02T00:10:00Z"),
    ];
    events.iter().map(|(name, time)| record(name, time)).collect()
}

/// Some hours, each judged with the one before it and compared with the three before those.
fn periods() -> Vec<Period> {
    let hours = [0, 1, 2, 3, 6, 23, 24, 25].map(|hour| Period {
        from: at(hour - 1, 0),
        to: at(hour + 1, 0),
        before_from: at(hour - 4, 0),
    });
    hours.to_vec()
}

fn questions() -> Vec<Question<'static>> {
    let questions = QUESTIONS.iter().map(|(id, sql)| Question {
        empty_periods: if *id == "quiet" { EmptyPeriods::Judge } else { EmptyPeriods::Skip },
        ..Question::new(id, sql)
    });
    questions.collect()
}

async fn open(place: &Place, up_to: TableVersion, period: Period) -> QuerySession {
    let Period { from, to, before_from } = period;
    let scope = EventsScope::Period { up_to, from, to, before_from };
    QuerySession::open_scoped(&place.lake, &one_thread(), scope).await.unwrap()
}

/// Compares each answer with that of a session over the period alone. A period that was skipped
/// must have no answer there either.
async fn check(place: &Place, up_to: TableVersion, limits: &JudgeLimits) -> JudgedPeriods {
    let periods = periods();
    let session = open(place, up_to, periods[0]).await;
    let judged = session.judge_periods(&questions(), &periods, limits).await.unwrap();
    assert!(judged.failures.is_empty());
    for (index, period) in periods.iter().enumerate() {
        let alone = open(place, up_to, *period).await;
        let alone_judged = alone.judge(&questions(), limits).await.unwrap();
        for (place_of, (id, sql)) in QUESTIONS.iter().enumerate() {
            let expected = normalised(&batches(&alone, sql).await);
            let found = judged
                .answers
                .iter()
                .find(|found| found.question == place_of && found.period == index);
            let rows = found.map(|found| normalised(found.answer.outcome.as_ref().unwrap()));
            assert_eq!(rows.unwrap_or_default(), expected, "{id} in {period:?}");
            let one = alone_judged.answers[place_of].outcome.as_ref().unwrap();
            assert_eq!(normalised(one), expected, "{id} in {period:?}");
        }
    }
    judged
}

#[tokio::test]
async fn each_period_is_judged_as_it_would_be_alone() {
    let place = Place::of(&[events()]).await;
    let judged = check(&place, TableVersion(1), &JudgeLimits::default()).await;
    assert!(judged.answers.iter().all(|answer| answer.answer.shared));
    // One scan, of the files of two days; every row of the range comes out of it once.
    assert_eq!((judged.scan.files, judged.scan.rows), (2, 8));
    let periods_of = |question: usize| {
        judged.answers.iter().filter(|answer| answer.question == question).count()
    };
    // A user was made in two hours; each is in two periods.
    assert_eq!(periods_of(1), 4);
    assert_eq!(periods_of(4), periods().len());
}

#[tokio::test]
async fn periods_that_do_not_fit_the_budget_are_scanned_one_by_one() {
    let place = Place::of(&[events()]).await;
    let limits = JudgeLimits { buffer_bytes_max: 0, ..JudgeLimits::default() };
    let judged = check(&place, TableVersion(1), &limits).await;
    assert!(judged.answers.iter().all(|answer| !answer.answer.shared));
}

#[tokio::test]
async fn a_period_is_of_one_version() {
    let mut place = Place::empty().await;
    let events = events();
    let first = place.commit(&events[..3]).await;
    let second = place.commit(&events[3..]).await;
    check(&place, first, &JudgeLimits::default()).await;
    check(&place, second, &JudgeLimits::default()).await;
}

#[tokio::test]
async fn what_is_not_cut_by_periods_is_refused() {
    let place = Place::of(&[events()]).await;
    let session = open(&place, TableVersion(1), periods()[0]).await;
    let sql = "SELECT event_id FROM events_unique";
    let questions = [Question::new("unique", sql), Question::new("each", QUESTIONS[1].1)];
    let limits = JudgeLimits::default();
    let judged = session.judge_periods(&questions, &periods(), &limits).await.unwrap();
    let failed: Vec<usize> = judged.failures.iter().map(|(question, _)| *question).collect();
    assert_eq!(failed, [0]);
    assert!(judged.answers.iter().all(|answer| answer.question == 1));
    assert!(!judged.answers.is_empty());
}

#[tokio::test]
async fn a_session_without_periods_judges_none() {
    let place = Place::of(&[events()]).await;
    let session = place.session().await;
    let judged = session.judge_periods(&questions(), &periods(), &JudgeLimits::default()).await;
    assert!(judged.is_err());
}

async fn touched(
    place: &Place,
    after: Option<TableVersion>,
    up_to: TableVersion,
    span: u64,
) -> Vec<(i64, u64)> {
    let scope = EventsScope::Arrived { after, up_to, lookback: None };
    let session = QuerySession::open_scoped(&place.lake, &one_thread(), scope).await.unwrap();
    let (every, span) = (Duration::from_secs(3600), Duration::from_secs(span));
    let touched = session.touched_periods(every, span).await.unwrap();
    let start = at(0, 0).micros() / 3_600_000_000;
    let period = |it: &TouchedPeriod| (it.index - start, it.rows_of_step);
    touched.iter().map(period).collect()
}

#[tokio::test]
async fn new_rows_name_the_periods_that_they_touch() {
    let mut place = Place::empty().await;
    let events = events();
    let first = place.commit(&events[..4]).await;
    let second = place.commit(&events[4..]).await;
    assert_eq!(touched(&place, None, first, 3600).await, [(0, 2), (1, 2)]);
    assert_eq!(
        touched(&place, Some(first), second, 3600).await,
        [(2, 1), (5, 1), (23, 1), (24, 1)]
    );
    assert_eq!(touched(&place, None, first, 7200).await, [(0, 2), (1, 2), (2, 0)]);
    // A period that ends at half past one reaches back to the middle of the hour before it.
    assert_eq!(touched(&place, None, first, 5400).await, [(0, 2), (1, 2), (2, 0)]);
    assert_eq!(touched(&place, Some(second), second, 3600).await, []);
}

#[tokio::test]
async fn times_before_1970_are_in_periods_too() {
    let place = Place::of(&[vec![record("A", "1969-12-31T23:30:00Z")]]).await;
    let all = touched(&place, None, TableVersion(1), 3600).await;
    let start = at(0, 0).micros() / 3_600_000_000;
    assert_eq!(all, [(-1 - start, 1)]);
}
