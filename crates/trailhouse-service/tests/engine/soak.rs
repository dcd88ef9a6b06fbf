//! Many commits, with rounds that are killed, rows that come late, compaction in between and two
//! engines at a time: what is found is what one round over all rows finds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;
use tokio::time::timeout;
use trailhouse_lake::Lake;
use trailhouse_service::detect::{RowChoice, RuleChoice};
use trailhouse_testkit::Random;

use crate::support::{Place, call, compact, compact_by_ourselves, findings, minute};

/// Sets the number of commits.
const COMMITS_VARIABLE: &str = "TRAILHOUSE_SOAK_COMMITS";
const SEED_VARIABLE: &str = "TRAILHOUSE_SOAK_SEED";
const COMMITS: i64 = 100;
/// Minutes from one commit to the next.
const STEP: i64 = 2;
/// By how many minutes rows are late at most; heartbeats by less than the lateness of their rule.
const LATE_MAX: i64 = 3 * 1440;
const BEAT_LATE_MAX: i64 = 50;

const KEY: &str = "key = [\"user_identity_arn\"]\ndedupe = \"1h\"";

const RULES: [(&str, &str, &str); 5] = [
    (
        "soak.single",
        "",
        "SELECT event_id, event_time, user_identity_arn FROM events \
         WHERE event_name = 'CreateAccessKey'",
    ),
    (
        "soak.count",
        "[window]\non = \"event\"\nevery = \"15m\"\nspan = \"1h\"",
        "SELECT user_identity_arn, array_agg(event_id) AS event_ids, count(*) AS events, \
         min(event_time) AS first_event_time, max(event_time) AS last_event_time \
         FROM events WHERE event_name LIKE 'Delete%' \
         GROUP BY user_identity_arn HAVING count(*) >= 4",
    ),
    (
        "soak.kinds",
        "[window]\non = \"event\"\nevery = \"1h\"",
        "SELECT user_identity_arn, array_agg(event_id) AS event_ids, \
         count(DISTINCT event_id) AS events, \
         min(event_time) AS first_event_time, max(event_time) AS last_event_time \
         FROM events WHERE event_name <> 'Beat' \
         GROUP BY user_identity_arn HAVING count(DISTINCT event_name) >= 4",
    ),
    (
        "soak.sequence",
        "[window]\non = \"event\"\nevery = \"10m\"\nspan = \"30m\"",
        "SELECT b.user_identity_arn, [a.event_id, b.event_id] AS event_ids, 2 AS events, \
         a.event_time AS first_event_time, b.event_time AS last_event_time \
         FROM events AS a JOIN events AS b ON a.user_identity_arn = b.user_identity_arn \
         WHERE a.event_name = 'CreateUser' AND b.event_name = 'CreateAccessKey' \
         AND b.event_time > a.event_time",
    ),
    (
        "soak.quiet",
        "[window]\non = \"event\"\nevery = \"30m\"\nlateness = \"1h\"\njudge = \"closed\"",
        "SELECT 'beat' AS user_identity_arn, CAST([] AS VARCHAR[]) AS event_ids, \
         count(*) AS events, CAST(NULL AS TIMESTAMP) AS first_event_time, \
         CAST(NULL AS TIMESTAMP) AS last_event_time \
         FROM events WHERE event_name = 'Beat' HAVING count(*) = 0",
    ),
];

fn setting(name: &str, default: i64) -> i64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// What happened, so that the test says that it was what it claims to be.
#[derive(Debug, Default)]
struct Told {
    commits: u64,
    events: u64,
    late: u64,
    rounds: u64,
    killed: u64,
    at_once: u64,
    compactions: u64,
}

fn records(random: &mut Random, now: i64, next_id: &mut u64, told: &mut Told) -> Vec<Value> {
    const NAMES: [&str; 7] = [
        "CreateUser",
        "CreateAccessKey",
        "DeleteUser",
        "DeleteRole",
        "DeleteBucket",
        "ListUsers",
        "Beat",
    ];
    let mut records = Vec::new();
    for _ in 0..=random.between(0, 3) {
        let name = *random.choice(&NAMES).unwrap();
        let who = format!("user-{}", random.between(0, 3));
        let late_max = if name == "Beat" { BEAT_LATE_MAX } else { LATE_MAX };
        let late = if random.between(0, 4) == 0 {
            i64::try_from(random.between(0, u64::try_from(late_max).unwrap())).unwrap()
        } else {
            0
        };
        told.late += u64::from(late > 0);
        *next_id += 1;
        // The first commit holds the oldest row; what is quiet before it is not missed.
        let time = (now - late).max(0);
        records.push(call(&format!("event-{next_id}"), name, &who, time));
    }
    told.events += u64::try_from(records.len()).unwrap();
    records
}

/// By finding: of which rule it is, whom it is about, how severe it is, and all its evidence.
type Summary = BTreeMap<String, (String, String, String, BTreeSet<String>)>;

async fn summary(lake: &Lake) -> Summary {
    let mut summary = Summary::new();
    for row in findings(lake).await {
        let found = summary.entry(row.fingerprint).or_insert_with(|| {
            let severity = format!("{:?}", row.severity);
            (row.detection_id, row.key, severity, BTreeSet::new())
        });
        for id in row.event_ids {
            assert!(found.3.insert(id.clone()), "{id} is evidence twice of one finding");
        }
    }
    summary
}

async fn judge(place: &Place, random: &mut Random, told: &mut Told) {
    let choice = RuleChoice::default();
    let mut engine = place.engine().await;
    match random.between(0, 3) {
        0 => {
            let limit = Duration::from_millis(random.between(0, 599));
            let round = timeout(limit, engine.round(&choice, RowChoice::New)).await;
            told.killed += u64::from(round.is_err());
        }
        1 => {
            let mut other = place.engine().await;
            let rounds = tokio::join!(
                engine.round(&choice, RowChoice::New),
                other.round(&choice, RowChoice::New)
            );
            told.at_once += 1;
            assert!(rounds.0.unwrap().failures.is_empty());
            assert!(rounds.1.unwrap().failures.is_empty());
        }
        _ => {
            let report = engine.round(&choice, RowChoice::New).await.unwrap();
            assert!(report.failures.is_empty(), "{:?}", report.failures);
            told.rounds += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rounds_find_is_what_one_round_over_all_rows_finds() {
    let commits = setting(COMMITS_VARIABLE, COMMITS);
    let seed = u64::try_from(setting(SEED_VARIABLE, 1)).unwrap();
    let mut random = Random::new(seed);
    let mut place = Place::new().await;
    for (id, window, sql) in RULES {
        place.write(id, window, KEY, sql);
    }
    let (mut all, mut next_id, mut told) = (Vec::new(), 0, Told::default());
    place.commit(&[call("event-0", "Beat", "user-0", 0)]).await;
    all.push(call("event-0", "Beat", "user-0", 0));
    place.round().await;
    for index in 0..commits {
        let now = index * STEP;
        place.clock.set(minute(now));
        let records = records(&mut random, now, &mut next_id, &mut told);
        place.commit(&records).await;
        all.extend(records);
        told.commits += 1;
        if random.between(0, 9) == 0 {
            judge(&place, &mut random, &mut told).await;
        }
        if random.between(0, 39) == 0 {
            if told.compactions % 2 == 0 {
                compact_by_ourselves(&place.lake).await;
            } else {
                compact(&place.lake).await;
            }
            place.lake.checkpoint_if_due().await.unwrap();
            told.compactions += 1;
        }
    }
    place.clock.set(minute(commits * STEP + 120));
    place.round().await;
    let found = summary(&place.lake).await;

    let other = place.other_lake().await;
    for records in all.chunks(5_000) {
        place.commit_to(&other, records).await;
    }
    let mut engine = place.engine_on(other.clone()).await;
    let report = engine.round(&RuleChoice::default(), RowChoice::New).await.unwrap();
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let expected = summary(&other).await;
    println!("seed {seed}: {told:?}, {} findings", found.len());
    for (one, other, what) in [(&found, &expected, "too much"), (&expected, &found, "missing")] {
        let differs = one.iter().filter(|(id, finding)| other.get(*id) != Some(finding));
        for (id, finding) in differs {
            println!("{what}: {id} {finding:?}; else {:?}", other.get(id));
        }
    }
    assert!(found == expected, "{} and {} findings differ", found.len(), expected.len());
    for (id, ..) in RULES {
        assert!(found.values().any(|finding| finding.0 == id), "{id} has found nothing");
    }
    assert!(
        told.killed > 0 && told.at_once > 0 && told.compactions > 0 && told.late > 0,
        "{told:?}"
    );
}
