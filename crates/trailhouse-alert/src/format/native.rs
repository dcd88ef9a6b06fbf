//! The JSON of Trailhouse. Fields are added, never changed, within one `schema`.

use serde_json::{Map, Value, json};
use trailhouse_model::EventTime;

use crate::{Alert, AlertKind};

/// The version of the form.
const SCHEMA: u32 = 1;

/// Returns the alert as a JSON object.
pub(crate) fn value(alert: &Alert) -> Value {
    let (told_events, findings) = match alert.kind {
        AlertKind::New | AlertKind::Test => (None, None),
        AlertKind::Growth { told_events } => (Some(told_events), None),
        AlertKind::Rollup { findings } => (None, Some(findings)),
    };
    json!({
        "schema": SCHEMA,
        "id": alert.idempotency_key(),
        "fingerprint": alert.fingerprint,
        "kind": alert.kind.as_str(),
        "told_events": told_events,
        "findings": findings,
        "severity": alert.severity.as_str(),
        "title": alert.title,
        "entity": alert.entity,
        "key": alert.key,
        "first_event_time": alert.first_event_time.map(text_of),
        "last_event_time": alert.last_event_time.map(text_of),
        "events": alert.events,
        "event_ids": alert.listed_event_ids(),
        "accounts": alert.accounts,
        "regions": alert.regions,
        "detection": detection(alert),
        "columns": alert.columns,
        "row": alert.row,
        "lake": alert.lake,
        "run_id": alert.run_id,
        "found_at": text_of(alert.found_at),
    })
}

/// Says whether the native form has a value at this path; rows and keys hold what detections put
/// there.
pub(crate) fn has_field(path: &str) -> bool {
    let sample = value(&Alert::test(EventTime::from_micros(0)));
    match path.split_once('.') {
        None => sample.get(path).is_some(),
        Some(("row" | "key", column)) => !column.is_empty(),
        Some(("detection", field)) => {
            sample.get("detection").is_some_and(|detection| detection.get(field).is_some())
        }
        Some(_) => false,
    }
}

/// Returns the value at a path that [`has_field`] knows; absent columns are null.
pub(crate) fn field<'v>(native: &'v Value, path: &str) -> &'v Value {
    let found = match path.split_once('.') {
        None => native.get(path),
        Some((object, field)) => native.get(object).and_then(|object| object.get(field)),
    };
    found.unwrap_or(&Value::Null)
}

fn detection(alert: &Alert) -> Value {
    let detection = &alert.detection;
    json!({
        "id": detection.id,
        "version": detection.version,
        "title": detection.title,
        "description": detection.description,
        "confidence": detection.confidence.as_str(),
        "references": detection.references,
        "runbook": detection.runbook,
        "techniques": techniques(alert),
        "owner": detection.owner,
        "tags": detection.tags,
    })
}

fn techniques(alert: &Alert) -> Vec<Value> {
    let mut listed = Vec::with_capacity(alert.detection.techniques.len());
    for technique in &alert.detection.techniques {
        let mut entry = Map::new();
        entry.insert("technique".to_owned(), json!(technique.technique));
        entry.insert("name".to_owned(), json!(technique.name));
        entry.insert("tactic".to_owned(), json!(technique.tactic));
        listed.push(Value::Object(entry));
    }
    listed
}

fn text_of(time: EventTime) -> String {
    time.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::alert;

    #[test]
    fn the_form_is_what_the_documentation_says() {
        let native = value(&alert());
        let keys: Vec<&str> = native.as_object().unwrap().keys().map(String::as_str).collect();
        let documented = [
            "schema",
            "id",
            "fingerprint",
            "kind",
            "told_events",
            "findings",
            "severity",
            "title",
            "entity",
            "key",
            "first_event_time",
            "last_event_time",
            "events",
            "event_ids",
            "accounts",
            "regions",
            "detection",
            "columns",
            "row",
            "lake",
            "run_id",
            "found_at",
        ];
        assert_eq!(keys, documented);
        assert_eq!(native["first_event_time"], "2026-11-21T10:00:00Z");
        assert_eq!(native["row"]["source_ip_address"], "203.0.113.7");
        assert_eq!(native["detection"]["techniques"][0]["tactic"], "TA0005");
    }

    #[test]
    fn counts_stand_where_they_mean_something() {
        let grown = Alert { kind: AlertKind::Growth { told_events: 3 }, ..alert() };
        assert_eq!(
            (&value(&grown)["told_events"], &value(&grown)["findings"]),
            (&json!(3), &Value::Null)
        );
        let many = Alert { kind: AlertKind::Rollup { findings: 40 }, ..alert() };
        assert_eq!(
            (&value(&many)["told_events"], &value(&many)["findings"]),
            (&Value::Null, &json!(40))
        );
    }

    #[test]
    fn fields_are_known_by_path() {
        for path in ["title", "told_events", "detection.owner", "row.anything", "key.trail", "row"]
        {
            assert!(has_field(path), "{path}");
        }
        for path in ["", "titel", "detection.sql", "row.", "events.x", "detection.id.x"] {
            assert!(!has_field(path), "{path}");
        }
    }
}
