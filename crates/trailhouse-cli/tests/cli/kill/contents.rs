//! What a lake holds, as this program and as another reader see it, and how it differs from what
//! it must hold.

use std::{collections::BTreeMap, fmt::Debug, path::Path};

use serde_json::Value;

use crate::support::{run_python, trailhouse};

const EVENTS: &str = "SELECT e.event_id, o.bucket, o.key, e.source_row FROM events AS e \
                      LEFT JOIN objects AS o ON o.object_id = e.source_object_id";
const OBJECTS: &str = "SELECT bucket, key, events FROM objects";
const QUARANTINE: &str = "SELECT reason, bucket, key, record_index FROM quarantine";
const OTHER_READER: &str = include_str!("read_lake.py");

/// A quarantine row, but for its time and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refused {
    pub(super) reason: String,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) record_index: Option<i64>,
}

/// An event id, the bucket and key of its object, its row in there.
type Event = (String, String, String, i64);
/// Bucket and key of an object, and the number of its events.
type Object = (String, String, i64);

/// The rows of a lake, each with how often it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contents {
    events: BTreeMap<Event, u32>,
    objects: BTreeMap<Object, u32>,
    quarantine: BTreeMap<Refused, u32>,
}

impl Contents {
    /// Reads a lake through the program.
    pub(super) fn of_lake(lake: &Path) -> Self {
        Self::of_lake_at(&["--lake", lake.to_str().unwrap()])
    }

    /// Reads the lake that these arguments name.
    pub(super) fn of_lake_at(lake: &[&str]) -> Self {
        let rows = |sql| {
            let query = ["--format", "ndjson", "query", sql];
            trailhouse(&[lake, &query[..]].concat()).expect_code(0).rows()
        };
        Self::of_rows(&rows(EVENTS), &rows(OBJECTS), &rows(QUARANTINE))
    }

    /// Reads a lake through the Python package `deltalake`.
    pub(super) fn of_other_reader(python: &Path, lake: &Path) -> Self {
        let output = run_python(python, &["-c", OTHER_READER, lake.to_str().unwrap()]);
        let tables: Value = serde_json::from_str(&output).unwrap();
        let rows = |table: &str| tables[table].as_array().unwrap().clone();
        Self::of_rows(&rows("events"), &rows("objects"), &rows("quarantine"))
    }

    fn of_rows(events: &[Value], objects: &[Value], quarantine: &[Value]) -> Self {
        let mut contents = Self::default();
        for row in events {
            let number = row["source_row"].as_i64().unwrap();
            contents.add_event(
                text(&row["event_id"]),
                text(&row["bucket"]),
                text(&row["key"]),
                number,
            );
        }
        for row in objects {
            let events = row["events"].as_i64().unwrap();
            contents.add_object(text(&row["bucket"]), text(&row["key"]), events);
        }
        for row in quarantine {
            contents.add_refused(Refused {
                reason: text(&row["reason"]).to_owned(),
                bucket: text(&row["bucket"]).to_owned(),
                key: text(&row["key"]).to_owned(),
                record_index: row["record_index"].as_i64(),
            });
        }
        contents
    }

    pub(super) fn add_event(&mut self, id: &str, bucket: &str, key: &str, row: i64) {
        let event = (id.to_owned(), bucket.to_owned(), key.to_owned(), row);
        *self.events.entry(event).or_default() += 1;
    }

    pub(super) fn add_object(&mut self, bucket: &str, key: &str, events: i64) {
        *self.objects.entry((bucket.to_owned(), key.to_owned(), events)).or_default() += 1;
    }

    pub(super) fn add_refused(&mut self, refused: Refused) {
        *self.quarantine.entry(refused).or_default() += 1;
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        absorb(&mut self.events, &other.events);
        absorb(&mut self.objects, &other.objects);
        absorb(&mut self.quarantine, &other.quarantine);
    }

    /// The same rows with every object in another bucket, the key behind a prefix.
    pub(super) fn moved_to(&self, new_bucket: &str, prefix: &str) -> Self {
        let mut moved = Self::default();
        let place = |key: &str| (new_bucket.to_owned(), format!("{prefix}{key}"));
        for ((id, _, key, row), times) in &self.events {
            let (bucket, key) = place(key);
            moved.events.insert((id.clone(), bucket, key, *row), *times);
        }
        for ((_, key, events), times) in &self.objects {
            let (bucket, key) = place(key);
            moved.objects.insert((bucket, key, *events), *times);
        }
        for (refused, times) in &self.quarantine {
            let (bucket, key) = place(&refused.key);
            moved.quarantine.insert(Refused { bucket, key, ..refused.clone() }, *times);
        }
        moved
    }

    pub(super) fn events(&self) -> u32 {
        self.events.values().sum()
    }

    /// Asserts that every row is there as often as in `expected`, and no other. Of an event that
    /// several objects hold, a commit or a compaction may have left out all rows but one.
    #[track_caller]
    pub(super) fn assert_is(&self, expected: &Self, note: &str) {
        let mut differences = Vec::new();
        let events = with_repeats(&self.events, &expected.events);
        compare("event", &events, &expected.events, &mut differences);
        compare("object", &self.objects, &expected.objects, &mut differences);
        compare("quarantine row", &self.quarantine, &expected.quarantine, &mut differences);
        let shown = &differences[..differences.len().min(20)];
        assert!(differences.is_empty(), "{note}: {} differences: {shown:#?}", differences.len());
    }
}

/// The key of an event whose object is not listed is null.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("(none)")
}

fn absorb<K: Clone + Ord>(into: &mut BTreeMap<K, u32>, from: &BTreeMap<K, u32>) {
    for (row, times) in from {
        *into.entry(row.clone()).or_default() += times;
    }
}

/// Adds the rows that were left out for another row of the same event.
fn with_repeats(
    found: &BTreeMap<Event, u32>,
    expected: &BTreeMap<Event, u32>,
) -> BTreeMap<Event, u32> {
    let mut all = found.clone();
    // Rows of one event stand together, because the id is what they are ordered by.
    let events: Vec<&Event> = expected.keys().collect();
    for rows in events.chunk_by(|one, other| one.0 == other.0) {
        if rows.iter().any(|row| found.contains_key(*row)) {
            for row in rows {
                all.entry((*row).clone()).or_insert(1);
            }
        }
    }
    all
}

fn compare<K: Ord + Debug>(
    what: &str,
    found: &BTreeMap<K, u32>,
    expected: &BTreeMap<K, u32>,
    differences: &mut Vec<String>,
) {
    for row in found.keys().chain(expected.keys().filter(|row| !found.contains_key(row))) {
        let times = |rows: &BTreeMap<K, u32>| rows.get(row).copied().unwrap_or(0);
        let (there, wanted) = (times(found), times(expected));
        if there < wanted {
            differences.push(format!("lost: {what} {row:?} is there {there} of {wanted} times"));
        } else if there > wanted {
            differences
                .push(format!("doubled: {what} {row:?} is there {there}, not {wanted} times"));
        }
    }
}

#[test]
fn a_row_too_few_and_a_row_too_many_are_told() {
    let expected = BTreeMap::from([("once", 1), ("gone", 1)]);
    let found = BTreeMap::from([("once", 2), ("strange", 1)]);
    let mut told = Vec::new();
    compare("row", &found, &expected, &mut told);
    assert_eq!(
        told,
        [
            r#"doubled: row "once" is there 2, not 1 times"#,
            r#"doubled: row "strange" is there 1, not 0 times"#,
            r#"lost: row "gone" is there 0 of 1 times"#,
        ]
    );
}

#[test]
fn a_repeated_event_is_there_once_or_for_each_object() {
    let event = |id: &str, key: &str| (id.to_owned(), "logs".to_owned(), key.to_owned(), 0);
    let expected =
        BTreeMap::from([(event("a", "x"), 1), (event("a", "y"), 1), (event("b", "x"), 1)]);
    let complete = |found: &[Event]| {
        let found = found.iter().map(|event| (event.clone(), 1)).collect();
        with_repeats(&found, &expected) == expected
    };
    assert!(complete(&[event("a", "x"), event("a", "y"), event("b", "x")]));
    assert!(complete(&[event("a", "y"), event("b", "x")]));
    assert!(!complete(&[event("b", "x")]), "lost");
    assert!(!complete(&[event("a", "x")]), "lost");
    assert!(!complete(&[event("a", "x"), event("a", "z"), event("b", "x")]), "from nowhere");
}
