//! Findings: what the rows of a detection's SELECT become.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;
use trailhouse_model::{EventTime, ObjectId, Severity};

use crate::{
    definition::{Detection, DetectionId},
    finding_set::FindingSet,
    technique::Technique,
};

/// One output row of a detection: every output column with its value, null where it is null.
/// Times are RFC 3339 text, lists are arrays.
pub type Row = BTreeMap<String, Value>;

/// The most event ids that a finding keeps.
pub const EVENT_IDS_MAX: usize = 1_000;

/// The most accounts, and the most regions, that a finding keeps.
pub const PLACES_MAX: usize = 1_000;

/// The identity of a finding: the same detection, key values and dedupe period have the same
/// fingerprint, whatever the order of rows, the size of batches or the number of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    /// Writes 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ObjectId(self.0).fmt(f)
    }
}

/// One deduplicated result of a detection.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The detection that found it.
    pub detection_id: DetectionId,
    /// The version of the detection: its `sql_hash`.
    pub detection_version: String,
    /// What was found: the alert's title with the values of `row`, else the detection's title.
    pub title: String,
    /// The highest severity of its rows.
    pub severity: Severity,
    /// Who or what it is about, from `row`.
    pub entity: Option<String>,
    /// The key columns and their values.
    pub key: BTreeMap<String, Value>,
    /// The earliest time of its events; absent where no event has a time.
    pub first_event_time: Option<EventTime>,
    /// The latest time of its events.
    pub last_event_time: Option<EventTime>,
    /// How many events it stands on.
    pub events: u64,
    /// Their ids, by time and then by text; the first [`EVENT_IDS_MAX`] of them.
    pub event_ids: Vec<String>,
    /// The accounts that its rows name.
    pub accounts: BTreeSet<String>,
    /// The regions that its rows name.
    pub regions: BTreeSet<String>,
    /// The detection's techniques.
    pub techniques: Vec<Technique>,
    /// Its first row by time.
    pub row: Row,
    /// Its identity.
    pub fingerprint: Fingerprint,
}

/// A detection's output breaks the contract of its columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindingError {
    /// Neither of the two shapes of output is there.
    #[error(
        "no evidence in the output: it needs `event_id` and `event_time`, or `event_ids`, \
         `first_event_time`, `last_event_time` and `events`"
    )]
    NoEvidence,
    /// A column that the contract or the front matter names is not in the output.
    #[error("column `{column}` is not in the output")]
    MissingColumn {
        /// Its name.
        column: String,
    },
    /// A column has a value of another type than the contract asks for.
    #[error("column `{column}` must hold {expected}")]
    WrongType {
        /// Its name.
        column: String,
        /// What it must hold.
        expected: &'static str,
    },
}

/// Groups the output rows of a detection into findings, sorted by first time and fingerprint.
///
/// Rows with equal key values whose times lie in the same dedupe period become one finding. For
/// output that comes in batches use [`FindingSet`].
pub fn findings_from(detection: &Detection, rows: &[Row]) -> Result<Vec<Finding>, FindingError> {
    let mut set = FindingSet::new(detection);
    set.add(rows)?;
    Ok(set.finish())
}

/// Returns the value as text for people: a string without quotes, nothing for null.
pub(crate) fn shown(value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
