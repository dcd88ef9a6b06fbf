//! Summaries of what came before answer as the rows themselves do.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use trailhouse_lake::TableName;
use trailhouse_model::TableVersion;
use trailhouse_query::{BaselineCost, EventsScope, JudgeLimits, QuerySession, Question};

use crate::{
    judge::normalised,
    support::{Place, batches, one_thread, record},
};

const DAY: Duration = Duration::from_secs(86_400);

/// Every way to ask whether something was there before; the last two must read the rows.
const QUESTIONS: [&str; 7] = [
    "SELECT e.event_id FROM events AS e WHERE NOT EXISTS (SELECT 1 FROM events_before AS b \
     WHERE b.event_name = e.event_name AND b.user_identity_arn = e.user_identity_arn)",
    "SELECT event_name, event_source FROM events \
     EXCEPT SELECT event_name, event_source FROM events_before",
    "SELECT e.event_id FROM events AS e WHERE e.event_name IN \
     (SELECT b.event_name FROM events_before AS b WHERE b.aws_region = 'eu-west-1')",
    "WITH known AS (SELECT DISTINCT lower(event_name) AS name FROM events_before \
     WHERE event_name LIKE '%A%') SELECT e.event_id, known.name FROM events AS e \
     LEFT JOIN known ON known.name = lower(e.event_name)",
    "SELECT a.event_name, count(DISTINCT a.day) AS days FROM (\
     SELECT event_name, event_date AS day FROM events UNION \
     SELECT event_name, event_date AS day FROM events_before) AS a GROUP BY a.event_name",
    "SELECT e.event_id, count(*) AS n FROM events AS e JOIN events_before AS b \
     ON b.event_name = e.event_name GROUP BY e.event_id",
    "SELECT e.event_id FROM events AS e WHERE NOT EXISTS (SELECT 1 FROM events_before AS b \
     WHERE b.event_name = e.event_name AND b.event_time < e.event_time - INTERVAL '2 days')",
];

/// Of them, those that a summary can answer.
const SUMMARISED: u64 = 5;

struct Setup {
    place: Place,
    folder: TempDir,
}

impl Setup {
    async fn new() -> Self {
        Self { place: Place::empty().await, folder: tempfile::tempdir().unwrap() }
    }

    async fn commit(&mut self, names: &[&str], day: u32) -> TableVersion {
        let records: Vec<Value> =
            names.iter().map(|name| record(name, &format!("2026-05-{day:02}T08:00:00Z"))).collect();
        self.place.commit(&records).await
    }

    async fn compact(&self) -> TableVersion {
        let delta = self.place.lake.table(TableName::Events).await.unwrap();
        let (delta, _) = delta.optimize().await.unwrap();
        TableVersion(delta.version().unwrap())
    }

    /// Judges what has arrived and compares with sessions that read the rows.
    async fn check(
        &self,
        after: TableVersion,
        up_to: TableVersion,
        lookback: Option<Duration>,
    ) -> BaselineCost {
        let open = async |lookback| {
            let scope = EventsScope::Arrived { after: Some(after), up_to, lookback };
            QuerySession::open_scoped(&self.place.lake, &one_thread(), scope).await.unwrap()
        };
        let session = open(None).await.with_baselines(self.folder.path().to_owned());
        let questions = QUESTIONS.map(|sql| Question { lookback, ..Question::new(sql, sql) });
        let judged = session.judge(&questions, &JudgeLimits::default()).await.unwrap();
        let plain = open(lookback).await;
        for (sql, answer) in QUESTIONS.iter().zip(&judged.answers) {
            let rows = normalised(answer.outcome.as_ref().unwrap());
            assert_eq!(rows, normalised(&batches(&plain, sql).await), "{after} {up_to}: {sql}");
        }
        assert_eq!(judged.baselines.failed, 0);
        judged.baselines
    }
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn summaries_are_brought_forward_by_new_rows_alone() {
    for lookback in [None, Some(30 * DAY)] {
        let mut setup = Setup::new().await;
        let first = setup.commit(&["A", "B"], 1).await;
        let second = setup.commit(&["A", "C"], 2).await;
        let cost = setup.check(first, second, lookback).await;
        assert_eq!((cost.rebuilt, cost.brought_forward), (SUMMARISED, 0));
        let third = setup.commit(&["C", "D"], 3).await;
        let cost = setup.check(second, third, lookback).await;
        assert_eq!((cost.rebuilt, cost.brought_forward), (0, SUMMARISED));
        // The one file of the second commit, for each summary.
        assert_eq!(cost.scan.files, SUMMARISED);
        assert!(cost.scan.rows <= 2 * SUMMARISED);
        let compacted = setup.compact().await;
        let fourth = setup.commit(&["D", "E", "A"], 4).await;
        let cost = setup.check(third, fourth, lookback).await;
        assert_eq!((cost.rebuilt, cost.brought_forward), (0, SUMMARISED));
        assert_eq!(cost.scan.files, SUMMARISED);
        // A compaction brings no rows, so there is nothing to read.
        let cost = setup.check(compacted, fourth, lookback).await;
        assert_eq!(cost.scan.rows, 0);
        let cost = setup.check(compacted, fourth, lookback).await;
        assert_eq!((cost.current, cost.scan.files), (SUMMARISED, 0));
        assert_eq!(u64::try_from(files(setup.folder.path())).unwrap(), SUMMARISED);
    }
}

#[tokio::test]
async fn a_lookback_forgets_what_was_last_seen_before_it() {
    let mut setup = Setup::new().await;
    let first = setup.commit(&["A", "B"], 1).await;
    for day in [2, 3, 7] {
        let names = if day == 3 { ["A", "D"] } else { ["C", "D"] };
        let after = setup.commit(&names, day).await;
        let up_to = setup.commit(&["A", "B"], day).await;
        let cost = setup.check(after, up_to, Some(3 * DAY)).await;
        assert_eq!(cost.rebuilt, if day == 2 { SUMMARISED } else { 0 }, "{day}");
    }
    // The summaries are of a later version now; a run over older ones does not set them back.
    let cost = setup.check(first, first.next(), Some(3 * DAY)).await;
    assert_eq!(cost, BaselineCost::default());
    // An event that comes late looks back further than the summaries reach.
    let after = setup.place.lake.latest_version(TableName::Events).await.unwrap();
    let late = setup.commit(&["A", "Z"], 4).await;
    let cost = setup.check(after, late, Some(3 * DAY)).await;
    assert_eq!(cost.rebuilt, SUMMARISED);
}

#[tokio::test]
async fn the_folder_is_only_a_cache() {
    let mut setup = Setup::new().await;
    let first = setup.commit(&["A", "B"], 1).await;
    let second = setup.commit(&["A", "C"], 2).await;
    setup.check(first, second, None).await;
    for entry in fs::read_dir(setup.folder.path()).unwrap() {
        fs::write(entry.unwrap().path(), b"PAR1 no longer").unwrap();
    }
    let cost = setup.check(first, second, None).await;
    assert_eq!(cost.rebuilt, SUMMARISED);
    fs::remove_dir_all(setup.folder.path()).unwrap();
    let cost = setup.check(first, second, None).await;
    assert_eq!(cost.rebuilt, SUMMARISED);
    // A lake in the same place is another lake.
    let mut other = Setup::new().await;
    other.commit(&["X"], 1).await;
    let up_to = other.commit(&["A"], 2).await;
    let other = Setup { folder: setup.folder, ..other };
    let cost = other.check(TableVersion(1), up_to, None).await;
    assert_eq!((cost.rebuilt, cost.current), (SUMMARISED, 0));
}
