//! Collects the output rows of one detection, in any order and any number of batches.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;
use trailhouse_model::{EventTime, ObjectId, Severity};

use crate::{
    definition::Detection,
    evidence::{Evidence, evidence_of, severity_of, texts_of},
    finding::{EVENT_IDS_MAX, Finding, FindingError, Fingerprint, PLACES_MAX, Row, shown},
};

/// The columns that make the key where `alert.key` is not given; those that are output count.
pub const DEFAULT_KEY: [&str; 2] = ["recipient_account_id", "user_identity_arn"];

/// The findings of one detection while its rows come in.
///
/// The result depends on which rows were added, not on their order or on how they were cut into
/// batches. All event ids are held until [`FindingSet::finish`], so that overlapping rows are
/// counted once: memory grows with the rows, which the caller holds as well.
#[derive(Debug, Clone)]
pub struct FindingSet<'d> {
    detection: &'d Detection,
    judged: Judged,
    groups: BTreeMap<Fingerprint, Group>,
}

/// What the rows of a set were found in, which decides their dedupe period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// Rows that arrived: the time of a row decides.
    Arrivals,
    /// The period of event time that begins here.
    Period(EventTime),
}

/// The rows of one finding.
#[derive(Debug, Clone)]
struct Group {
    key: BTreeMap<String, Value>,
    severity: Severity,
    /// Each event id with the earliest time that a row gives it.
    event_ids: BTreeMap<String, SortTime>,
    unlisted: u64,
    first: Option<EventTime>,
    last: Option<EventTime>,
    accounts: BTreeSet<String>,
    regions: BTreeSet<String>,
    row_time: SortTime,
    row: Row,
}

/// A time that may be missing; a missing one comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SortTime {
    At(EventTime),
    Missing,
}

impl SortTime {
    fn of(time: Option<EventTime>) -> Self {
        time.map_or(Self::Missing, Self::At)
    }
}

impl<'d> FindingSet<'d> {
    /// Starts with no row; the time of a row will decide its dedupe period.
    pub fn new(detection: &'d Detection) -> Self {
        Self { detection, judged: Judged::Arrivals, groups: BTreeMap::new() }
    }

    /// Starts with no row of the period of event time that begins at `start`, which decides the
    /// dedupe period: it stays where it is while late rows move the times of the finding. Sets of
    /// several periods can be absorbed into one.
    pub fn for_period(detection: &'d Detection, start: EventTime) -> Self {
        Self { detection, judged: Judged::Period(start), groups: BTreeMap::new() }
    }

    /// Adds output rows. After an error the rows before the bad one are in.
    pub fn add(&mut self, rows: &[Row]) -> Result<(), FindingError> {
        for row in rows {
            let evidence = evidence_of(row)?;
            let key = key_of(self.detection, row)?;
            let time = match self.judged {
                Judged::Arrivals => evidence.first,
                Judged::Period(start) => Some(start),
            };
            let period = period_start(time, self.detection.alert.dedupe);
            let fingerprint = fingerprint(self.detection, &key, period);
            let severity = severity_of(row)?.unwrap_or(self.detection.severity);
            self.insert(fingerprint, Group::of_row(key, severity, evidence, row));
        }
        Ok(())
    }

    /// Takes in the findings of other rows of the same detection.
    pub fn absorb(&mut self, other: FindingSet<'_>) {
        debug_assert_eq!(self.detection.id, other.detection.id, "sets of one detection merge");
        for (fingerprint, group) in other.groups {
            self.insert(fingerprint, group);
        }
    }

    /// Returns the findings, sorted by first time and fingerprint; those without a time last.
    pub fn finish(self) -> Vec<Finding> {
        let detection = self.detection;
        let groups = self.groups.into_iter();
        let mut findings: Vec<Finding> =
            groups.map(|(fingerprint, group)| group.finish(detection, fingerprint)).collect();
        findings
            .sort_by_key(|finding| (SortTime::of(finding.first_event_time), finding.fingerprint));
        findings
    }

    fn insert(&mut self, fingerprint: Fingerprint, group: Group) {
        match self.groups.entry(fingerprint) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(group);
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => slot.get_mut().merge(group),
        }
    }
}

impl Group {
    fn of_row(
        key: BTreeMap<String, Value>,
        severity: Severity,
        evidence: Evidence,
        row: &Row,
    ) -> Self {
        let time = SortTime::of(evidence.first);
        let accounts = texts_of(row, "recipient_account_id", "accounts");
        let regions = texts_of(row, "aws_region", "regions");
        Self {
            key,
            severity,
            event_ids: evidence.event_ids.into_iter().map(|id| (id, time)).collect(),
            unlisted: evidence.unlisted,
            first: evidence.first,
            last: evidence.last,
            accounts: accounts.map(str::to_owned).collect(),
            regions: regions.map(str::to_owned).collect(),
            row_time: time,
            row: row.clone(),
        }
    }

    fn merge(&mut self, other: Self) {
        self.severity = self.severity.max(other.severity);
        for (id, time) in other.event_ids {
            let earliest = self.event_ids.entry(id).or_insert(time);
            *earliest = time.min(*earliest);
        }
        self.unlisted = self.unlisted.saturating_add(other.unlisted);
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
        self.accounts.extend(other.accounts);
        self.regions.extend(other.regions);
        if comes_before(other.row_time, &other.row, self.row_time, &self.row) {
            self.row_time = other.row_time;
            self.row = other.row;
        }
    }

    fn finish(self, detection: &Detection, fingerprint: Fingerprint) -> Finding {
        let template = detection.alert.title.as_ref();
        let title = template.map_or_else(|| detection.title.clone(), |it| it.fill(&self.row));
        let listed = u64::try_from(self.event_ids.len()).unwrap_or(u64::MAX);
        let mut by_time: Vec<(SortTime, String)> =
            self.event_ids.into_iter().map(|(id, time)| (time, id)).collect();
        by_time.sort_unstable();
        Finding {
            detection_id: detection.id.clone(),
            detection_version: detection.sql_hash.clone(),
            title,
            severity: self.severity,
            entity: entity_of(detection, &self.row),
            key: self.key,
            first_event_time: self.first,
            last_event_time: self.last,
            events: listed.saturating_add(self.unlisted),
            event_ids: by_time.into_iter().take(EVENT_IDS_MAX).map(|(_, id)| id).collect(),
            accounts: self.accounts.into_iter().take(PLACES_MAX).collect(),
            regions: self.regions.into_iter().take(PLACES_MAX).collect(),
            techniques: detection.techniques.clone(),
            row: self.row,
            fingerprint,
        }
    }
}

/// Says whether the first row is the earlier one; rows of one time are ordered by their text.
fn comes_before(time: SortTime, row: &Row, other_time: SortTime, other_row: &Row) -> bool {
    let as_text = |row: &Row| serde_json::to_string(row).unwrap_or_default();
    time < other_time || (time == other_time && as_text(row) < as_text(other_row))
}

fn key_of(detection: &Detection, row: &Row) -> Result<BTreeMap<String, Value>, FindingError> {
    let mut key = BTreeMap::new();
    match &detection.alert.key {
        Some(columns) => {
            for column in columns {
                let value = row.get(column);
                let value = value
                    .ok_or_else(|| FindingError::MissingColumn { column: column.to_owned() })?;
                key.insert(column.clone(), value.clone());
            }
        }
        None => {
            for column in DEFAULT_KEY {
                key.extend(row.get(column).map(|value| (column.to_owned(), value.clone())));
            }
        }
    }
    Ok(key)
}

/// Returns the value of `alert.entity`; without that key, the most telling default column.
fn entity_of(detection: &Detection, row: &Row) -> Option<String> {
    match &detection.alert.entity {
        Some(column) => row.get(column).and_then(shown),
        None => DEFAULT_KEY.iter().rev().find_map(|column| row.get(*column).and_then(shown)),
    }
}

/// Returns the start, in microseconds, of the dedupe period in which the time lies.
fn period_start(time: Option<EventTime>, dedupe: Duration) -> Option<i64> {
    let period = i64::try_from(dedupe.as_micros()).unwrap_or(i64::MAX).max(1);
    time.map(|time| time.micros().div_euclid(period).saturating_mul(period))
}

fn fingerprint(
    detection: &Detection,
    key: &BTreeMap<String, Value>,
    period: Option<i64>,
) -> Fingerprint {
    let values: Vec<String> = key.values().map(Value::to_string).collect();
    let period = period.map_or_else(|| "none".to_owned(), |start| start.to_string());
    let mut parts: Vec<&[u8]> = vec![b"finding", detection.id.as_str().as_bytes()];
    for (column, value) in key.keys().zip(&values) {
        parts.extend([column.as_bytes(), value.as_bytes()]);
    }
    parts.push(period.as_bytes());
    Fingerprint(ObjectId::from_parts(&parts).0)
}
