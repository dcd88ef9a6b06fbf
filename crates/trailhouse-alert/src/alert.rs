//! What is told of one finding.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trailhouse_model::{EventTime, Severity};

use crate::word;

/// The most event ids that are told; `events` says how many there are.
pub const EVENT_IDS_MAX: usize = 100;

/// Why an alert is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The finding is new.
    New,
    /// The finding was told before and has grown.
    Growth {
        /// How many events the last alert told of.
        told_events: u64,
    },
    /// One alert in place of many findings of one detection.
    Rollup {
        /// How many findings it stands for.
        findings: u64,
    },
    /// Nothing was found: somebody tries out a sink.
    Test,
}

impl AlertKind {
    /// Returns the word for the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Growth { .. } => "growth",
            Self::Rollup { .. } => "rollup",
            Self::Test => "test",
        }
    }
}

/// An ATT&CK technique that a detection names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertTechnique {
    /// The technique or sub-technique, like `T1685.002`.
    pub technique: String,
    /// Its name, where the sender knows it.
    pub name: Option<String>,
    /// The tactic, like `TA0005`, where the author names one.
    pub tactic: Option<String>,
}

/// What the alert says about the detection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertDetection {
    /// Its id.
    pub id: String,
    /// The hash of its SQL.
    pub version: String,
    /// Its headline.
    pub title: String,
    /// What it looks for.
    pub description: String,
    /// How often it is what it says: `low`, `medium` or `high`.
    #[serde(with = "word::confidence")]
    pub confidence: trailhouse_detect::Confidence,
    /// Where to read more.
    pub references: Vec<String>,
    /// Where the runbook is: a link or a path.
    pub runbook: Option<String>,
    /// The techniques it looks for.
    pub techniques: Vec<AlertTechnique>,
    /// Who looks after it.
    pub owner: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// One alert: plain data, whoever it goes to. Every text may come from an attacker.
///
/// Suppressed findings make no alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The identity of the finding.
    pub fingerprint: String,
    /// Why it is sent.
    pub kind: AlertKind,
    /// What found it.
    pub detection: AlertDetection,
    /// How much it matters; may differ from the detection's.
    #[serde(with = "word::severity")]
    pub severity: Severity,
    /// The headline of the finding.
    pub title: String,
    /// Whom or what it is about.
    pub entity: String,
    /// The values that tell it apart, as a JSON object.
    pub key: Map<String, Value>,
    /// The earliest event.
    #[serde(with = "word::time_or_none")]
    pub first_event_time: Option<EventTime>,
    /// The latest event.
    #[serde(with = "word::time_or_none")]
    pub last_event_time: Option<EventTime>,
    /// How many events there are.
    pub events: u64,
    /// Their ids; the first [`EVENT_IDS_MAX`] are told.
    pub event_ids: Vec<String>,
    /// The accounts they happened in.
    pub accounts: Vec<String>,
    /// The regions they happened in.
    pub regions: Vec<String>,
    /// The sample row of the detection.
    pub row: Map<String, Value>,
    /// The columns of the row to show to people, in order.
    pub columns: Vec<String>,
    /// The lake that holds finding and events.
    pub lake: String,
    /// The run that found it.
    pub run_id: String,
    /// When it was found.
    #[serde(with = "word::time")]
    pub found_at: EventTime,
}

impl Alert {
    /// Returns what stays the same however often this alert is sent, and differs between alerts.
    /// Made of letters, digits and hyphens, as far as the fingerprint is.
    pub fn idempotency_key(&self) -> String {
        let (fingerprint, kind) = (&self.fingerprint, self.kind.as_str());
        match self.kind {
            AlertKind::New | AlertKind::Rollup { .. } | AlertKind::Test => {
                format!("{fingerprint}-{kind}")
            }
            // A finding may grow more than once.
            AlertKind::Growth { .. } => format!("{fingerprint}-{kind}-{}", self.events),
        }
    }

    /// Returns as many event ids as an alert carries.
    pub(crate) fn listed_event_ids(&self) -> &[String] {
        self.event_ids.get(..EVENT_IDS_MAX).unwrap_or(&self.event_ids)
    }

    /// Returns the values to show to people: the chosen columns, or those of the key where none are
    /// chosen. What is null or not in the row is left out.
    pub fn shown(&self) -> Vec<(&str, String)> {
        let from_key: Vec<&str> = self.key.keys().map(String::as_str).collect();
        let names = match self.columns.is_empty() {
            true => from_key,
            false => self.columns.iter().map(String::as_str).collect(),
        };
        let value = |name: &str| self.row.get(name).or_else(|| self.key.get(name));
        let shown = names.into_iter().filter_map(|name| Some((name, as_text(value(name)?)?)));
        shown.collect()
    }

    /// Returns the alert without its sample row, for targets that take no more. The row is in the
    /// lake.
    pub(crate) fn without_row(&self) -> Self {
        let mut small = self.clone();
        small.row = Map::new();
        small.row.insert("left_out".to_owned(), Value::Bool(true));
        small
    }

    /// Makes the alert that tries out a sink.
    pub fn test(now: EventTime) -> Self {
        let detection = AlertDetection {
            id: "trailhouse.test".to_owned(),
            version: "0".to_owned(),
            title: "Test alert".to_owned(),
            description: "Somebody tries out this sink. Nothing was found.".to_owned(),
            confidence: trailhouse_detect::Confidence::High,
            references: Vec::new(),
            runbook: None,
            techniques: Vec::new(),
            owner: None,
            tags: vec!["test".to_owned()],
        };
        Self {
            fingerprint: format!("test-{}", now.micros()),
            kind: AlertKind::Test,
            detection,
            severity: Severity::Info,
            title: "Test alert: nothing was found".to_owned(),
            entity: "trailhouse".to_owned(),
            key: Map::new(),
            first_event_time: Some(now),
            last_event_time: Some(now),
            events: 0,
            event_ids: Vec::new(),
            accounts: Vec::new(),
            regions: Vec::new(),
            row: Map::new(),
            columns: Vec::new(),
            lake: String::new(),
            run_id: "test".to_owned(),
            found_at: now,
        }
    }
}

/// Returns a value as people read it: a text without quotes, nothing for null.
pub(crate) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::alert;

    #[test]
    fn alerts_are_told_apart_by_finding_kind_and_growth() {
        let new = alert();
        let grown =
            |events| Alert { kind: AlertKind::Growth { told_events: 1 }, events, ..alert() };
        assert_eq!(new.idempotency_key(), "4f1c-new");
        assert_eq!(grown(20).idempotency_key(), "4f1c-growth-20");
        assert_ne!(grown(20).idempotency_key(), grown(200).idempotency_key());
    }

    #[test]
    fn what_is_stored_comes_back() {
        for kind in [
            AlertKind::New,
            AlertKind::Growth { told_events: 3 },
            AlertKind::Rollup { findings: 9 },
        ] {
            let stored = serde_json::to_vec(&Alert { kind, ..alert() }).unwrap();
            let read: Alert = serde_json::from_slice(&stored).unwrap();
            assert_eq!(read, Alert { kind, ..alert() });
        }
    }

    #[test]
    fn only_the_first_event_ids_are_told() {
        let event_ids: Vec<String> = (0..150).map(|number| format!("e-{number}")).collect();
        assert_eq!(Alert { event_ids, ..alert() }.listed_event_ids().len(), EVENT_IDS_MAX);
        assert_eq!(alert().listed_event_ids().len(), 3);
    }

    #[test]
    fn the_chosen_columns_are_shown_in_order_and_nulls_are_left_out() {
        let alert_with_columns = alert();
        let shown = alert_with_columns.shown();
        let names: Vec<&str> = shown.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["trail", "source_ip_address", "events"]);
        let by_key = Alert { columns: Vec::new(), ..alert() };
        assert_eq!(by_key.shown().first().map(|(name, _)| *name), Some("recipient_account_id"));
    }
}
