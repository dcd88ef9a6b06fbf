//! PagerDuty: an event for the Events API, version 2.

use serde_json::{Value, json};
use trailhouse_model::Severity;

use super::{native, plain};
use crate::{
    Alert,
    text::{json_line, shown},
};

const SUMMARY_CHARS_MAX: usize = 1_024;
const SOURCE_CHARS_MAX: usize = 500;
const DEDUP_KEY_CHARS_MAX: usize = 255;
const LINK_CHARS_MAX: usize = 1_000;
/// What PagerDuty takes in one request.
const BODY_BYTES_MAX: usize = 512 * 1024;

/// Returns the body of the request. More evidence for a finding updates the incident it opened.
pub(crate) fn value(alert: &Alert, routing_key: &str) -> Value {
    let full = event(alert, routing_key, native::value(alert));
    if json_line(&full).len() <= BODY_BYTES_MAX {
        return full;
    }
    let mut facts = serde_json::Map::new();
    for (name, value) in plain::facts(alert) {
        facts.insert(name.to_owned(), json!(shown(&value, SUMMARY_CHARS_MAX)));
    }
    facts.insert("truncated".to_owned(), json!("the row is too large; it is in the lake"));
    event(alert, routing_key, Value::Object(facts))
}

fn event(alert: &Alert, routing_key: &str, details: Value) -> Value {
    let source = if alert.entity.trim().is_empty() { &alert.detection.id } else { &alert.entity };
    let component = alert.row.get("event_source").and_then(Value::as_str);
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": shown(&alert.fingerprint, DEDUP_KEY_CHARS_MAX),
        "payload": {
            "summary": plain::headline(alert, SUMMARY_CHARS_MAX),
            "source": shown(source, SOURCE_CHARS_MAX),
            "severity": severity(alert.severity),
            "timestamp": alert.last_event_time.unwrap_or(alert.found_at).to_string(),
            "component": component.map(|name| shown(name, SOURCE_CHARS_MAX)),
            "group": alert.accounts.first().map(|account| shown(account, SOURCE_CHARS_MAX)),
            "class": shown(&alert.detection.id, SOURCE_CHARS_MAX),
            "custom_details": details,
        },
        "client": "Trailhouse",
        "links": links(alert),
    })
}

fn severity(level: Severity) -> &'static str {
    match level {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

fn links(alert: &Alert) -> Vec<Value> {
    let web = plain::links(alert).filter(|link| {
        let is_web = link.starts_with("https://") || link.starts_with("http://");
        is_web && link.len() <= LINK_CHARS_MAX && url::Url::parse(link).is_ok()
    });
    web.map(|link| json!({ "href": link, "text": shown(link, 200) })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{HOSTILE, alert, hostile, object};

    #[test]
    fn an_event_names_the_finding_and_its_severity() {
        let event = value(&alert(), "R0");
        assert_eq!(event["dedup_key"], "4f1c");
        assert_eq!(event["payload"]["severity"], "error");
        assert_eq!(event["payload"]["custom_details"]["row"]["trail"], "org-trail");
        assert_eq!(event["links"][0]["href"], "https://runbooks.example.com/trail-stopped");
    }

    #[test]
    fn a_large_row_stays_in_the_lake() {
        let row = object(json!({ "request_parameters": "x".repeat(600 * 1024) }));
        let event = value(&Alert { row, ..alert() }, "R0");
        assert!(json_line(&event).len() < BODY_BYTES_MAX);
        assert!(event["payload"]["custom_details"]["truncated"].is_string());
    }

    #[test]
    fn hostile_texts_pass_no_limit() {
        for text in HOSTILE {
            let event = value(&hostile(&text.repeat(1_000)), "R0");
            let chars = |field: &str| event["payload"][field].as_str().unwrap().chars().count();
            assert!(chars("summary") <= 1_024 && chars("source") <= 500);
            assert!(json_line(&event).len() <= BODY_BYTES_MAX);
            let links = event["links"].as_array().unwrap();
            assert!(links.iter().all(|link| link["href"].as_str().unwrap().starts_with("http")));
        }
    }
}
