//! OCSF 1.8.0, class Detection Finding (2004) with the profile `cloud`.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::{Map, Value, json};
use trailhouse_detect::Confidence;
use trailhouse_model::{EventTime, Severity};

use super::plain;
use crate::{Alert, AlertKind, AlertTechnique};

const VERSION: &str = "1.8.0";
const CLASS_UID: u32 = 2004;
const ACTIVITY_CREATE: u32 = 1;
const ACTIVITY_UPDATE: u32 = 2;
const OBSERVABLES_MAX: usize = 100;

/// What kind of thing an observable is, by the numbers of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ObservableType {
    IpAddress,
    ResourceUid,
    CredentialUid,
    AccountUid,
}

impl ObservableType {
    fn id_and_caption(self) -> (u32, &'static str) {
        match self {
            Self::IpAddress => (2, "IP Address"),
            Self::ResourceUid => (10, "Resource UID"),
            Self::CredentialUid => (19, "User Credential ID"),
            Self::AccountUid => (35, "Account Object: uid"),
        }
    }
}

/// Returns the alert as an OCSF event.
pub(crate) fn value(alert: &Alert) -> Value {
    let (activity_id, activity_name) = match alert.kind {
        AlertKind::New | AlertKind::Rollup { .. } => (ACTIVITY_CREATE, "Create"),
        AlertKind::Growth { .. } => (ACTIVITY_UPDATE, "Update"),
        AlertKind::Test => (99, "Test"),
    };
    let (severity_id, severity) = severity(alert.severity);
    let (confidence_id, confidence) = confidence(alert.detection.confidence);
    without_nulls(json!({
        "class_uid": CLASS_UID,
        "class_name": "Detection Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": activity_id,
        "activity_name": activity_name,
        "type_uid": CLASS_UID * 100 + activity_id,
        "type_name": format!("Detection Finding: {activity_name}"),
        "time": milliseconds(alert.found_at),
        "start_time": alert.first_event_time.map(milliseconds),
        "end_time": alert.last_event_time.map(milliseconds),
        "count": alert.events,
        "severity_id": severity_id,
        "severity": severity,
        "confidence_id": confidence_id,
        "confidence": confidence,
        "status_id": 1,
        "status": "New",
        "is_alert": true,
        "message": plain::headline(alert, 500),
        "comment": plain::reason(alert),
        "metadata": metadata(alert),
        "cloud": cloud(alert),
        "finding_info": finding_info(alert),
        "evidences": [evidence(alert)],
        "observables": observables(alert),
        "remediation": remediation(alert),
    }))
}

fn metadata(alert: &Alert) -> Value {
    json!({
        "version": VERSION,
        "uid": alert.fingerprint,
        "correlation_uid": alert.run_id,
        "profiles": ["cloud"],
        "product": {
            "name": "Trailhouse",
            "vendor_name": "Trailhouse",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "labels": alert.detection.tags,
        "log_name": alert.lake,
    })
}

fn cloud(alert: &Alert) -> Value {
    let account = alert
        .accounts
        .first()
        .map(|account| json!({ "uid": account, "type_id": 10, "type": "AWS Account" }));
    json!({ "provider": "AWS", "account": account, "region": alert.regions.first() })
}

fn finding_info(alert: &Alert) -> Value {
    let detection = &alert.detection;
    let attacks: Vec<Value> = detection.techniques.iter().map(attack).collect();
    let events: Vec<Value> =
        alert.listed_event_ids().iter().map(|id| json!({ "uid": id })).collect();
    json!({
        "uid": alert.fingerprint,
        "title": alert.title,
        "desc": detection.description,
        "created_time": milliseconds(alert.found_at),
        "first_seen_time": alert.first_event_time.map(milliseconds),
        "last_seen_time": alert.last_event_time.map(milliseconds),
        "data_sources": ["AWS CloudTrail"],
        "related_events_count": alert.events,
        "related_events": events,
        "attacks": attacks,
        "analytic": {
            "uid": detection.id,
            "name": detection.title,
            "desc": detection.description,
            "version": detection.version,
            "type_id": 1,
            "type": "Rule",
        },
    })
}

/// A sub-technique names its parent too.
fn attack(technique: &AlertTechnique) -> Value {
    let tactic = technique.tactic.as_ref().map(|uid| json!({ "uid": uid }));
    match technique.technique.split_once('.') {
        None => json!({
            "technique": { "uid": technique.technique, "name": technique.name },
            "tactic": tactic,
        }),
        Some((parent, _)) => json!({
            "technique": { "uid": parent },
            "sub_technique": { "uid": technique.technique, "name": technique.name },
            "tactic": tactic,
        }),
    }
}

fn evidence(alert: &Alert) -> Value {
    let text = |column: &str| alert.row.get(column).and_then(Value::as_str);
    let address = source_ip(alert).map(|ip| json!({ "ip": ip }));
    let user = text("user_identity_arn").map(|arn| {
        let credential = text("user_identity_access_key_id");
        json!({ "user": { "uid": arn, "credential_uid": credential } })
    });
    let api = text("event_name").map(|operation| {
        let service = text("event_source").map(|name| json!({ "name": name }));
        json!({ "operation": operation, "service": service })
    });
    json!({ "data": alert.row, "src_endpoint": address, "actor": user, "api": api })
}

fn source_ip(alert: &Alert) -> Option<&str> {
    let address = alert.row.get("source_ip_address").and_then(Value::as_str)?;
    address.parse::<IpAddr>().is_ok().then_some(address)
}

/// Returns addresses, ARNs, access keys and accounts, by the columns in which they stand.
fn observables(alert: &Alert) -> Vec<Value> {
    let mut found = BTreeSet::new();
    for account in &alert.accounts {
        found.insert((
            ObservableType::AccountUid,
            "cloud.account.uid".to_owned(),
            account.as_str(),
        ));
    }
    for (column, value) in &alert.row {
        if let Some(text) = value.as_str()
            && let Some(kind) = kind_of(text)
        {
            found.insert((kind, format!("evidences[0].data.{column}"), text));
        }
    }
    if let Some(kind) = kind_of(&alert.entity) {
        found.insert((kind, "finding_info.title".to_owned(), alert.entity.as_str()));
    }
    let listed = found.into_iter().take(OBSERVABLES_MAX).map(|(kind, name, value)| {
        let (type_id, caption) = kind.id_and_caption();
        json!({ "name": name, "value": value, "type_id": type_id, "type": caption })
    });
    listed.collect()
}

fn kind_of(text: &str) -> Option<ObservableType> {
    let is_upper_or_digit = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if text.parse::<IpAddr>().is_ok() {
        Some(ObservableType::IpAddress)
    } else if text.starts_with("arn:") && text.split(':').count() >= 6 {
        Some(ObservableType::ResourceUid)
    } else if (text.starts_with("AKIA") || text.starts_with("ASIA"))
        && text.len() == 20
        && text.bytes().all(is_upper_or_digit)
    {
        Some(ObservableType::CredentialUid)
    } else {
        None
    }
}

fn remediation(alert: &Alert) -> Option<Value> {
    let links: Vec<&str> = plain::links(alert).collect();
    let desc = match &alert.detection.runbook {
        Some(runbook) => format!("Follow the runbook: {runbook}"),
        None => return None,
    };
    Some(json!({ "desc": desc, "references": links }))
}

fn severity(level: Severity) -> (u32, &'static str) {
    match level {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

fn confidence(level: Confidence) -> (u32, &'static str) {
    match level {
        Confidence::Low => (1, "Low"),
        Confidence::Medium => (2, "Medium"),
        Confidence::High => (3, "High"),
    }
}

fn milliseconds(time: EventTime) -> i64 {
    time.micros().div_euclid(1_000)
}

/// OCSF leaves absent attributes out. The row is the detection's and keeps its nulls.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(without_nulls).collect(),
        Value::Object(object) => {
            let mut kept = Map::new();
            for (key, value) in object.into_iter().filter(|(_, value)| !value.is_null()) {
                let value = if key == "data" { value } else { without_nulls(value) };
                kept.insert(key, value);
            }
            Value::Object(kept)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::alert;

    #[test]
    fn a_finding_names_analytic_attacks_and_evidence() {
        let event = value(&alert());
        assert_eq!(event["type_uid"], 200_401);
        assert_eq!(event["time"], 1_795_255_560_000_i64);
        assert_eq!(event["metadata"]["uid"], "4f1c");
        assert_eq!(event["finding_info"]["analytic"]["uid"], "aws.cloudtrail.trail-stopped");
        let attack = &event["finding_info"]["attacks"][0];
        assert_eq!(attack["technique"]["uid"], "T1685");
        assert_eq!(attack["sub_technique"]["uid"], "T1685.002");
        assert_eq!(attack["tactic"]["uid"], "TA0005");
        assert_eq!(event["evidences"][0]["src_endpoint"]["ip"], "203.0.113.7");
        assert_eq!(event["evidences"][0]["data"]["error_code"], Value::Null);
        assert_eq!(event["cloud"]["account"]["uid"], "123456789012");
    }

    #[test]
    fn addresses_names_and_keys_are_observables() {
        let event = value(&alert());
        let types: BTreeSet<u64> = event["observables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|observable| observable["type_id"].as_u64().unwrap())
            .collect();
        assert_eq!(types, BTreeSet::from([2, 10, 19, 35]));
    }

    #[test]
    fn growth_updates_the_finding() {
        let grown = Alert { kind: AlertKind::Growth { told_events: 1 }, ..alert() };
        let event = value(&grown);
        assert_eq!((&event["activity_id"], &event["type_uid"]), (&json!(2), &json!(200_402)));
        assert_eq!(event["metadata"]["uid"], value(&alert())["metadata"]["uid"]);
    }
}
