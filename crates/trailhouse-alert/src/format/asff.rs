//! ASFF 2018-10-08, the finding format of AWS Security Hub.
//!
//! Security Hub takes findings of the account that calls, or of accounts that a partner product
//! may write to. So `AwsAccountId` is the account of the configuration; the accounts of the finding
//! stand in its resources and product fields.

use serde_json::{Map, Value, json};
use trailhouse_detect::{Confidence, alerts::AsffIdentity};
use trailhouse_model::Severity;

use super::plain;
use crate::{Alert, text::shown};

const ID_CHARS_MAX: usize = 512;
const TITLE_CHARS_MAX: usize = 256;
const DESCRIPTION_CHARS_MAX: usize = 1_024;
const REMEDIATION_CHARS_MAX: usize = 512;
const FIELDS_MAX: usize = 50;
const FIELD_NAME_CHARS_MAX: usize = 128;
const FIELD_VALUE_CHARS_MAX: usize = 1_024;
const RESOURCES_MAX: usize = 32;
const REGION_CHARS_MAX: usize = 16;

/// Returns the alert as one finding of `BatchImportFindings`.
pub(crate) fn value(alert: &Alert, identity: &AsffIdentity) -> Value {
    let first = alert.first_event_time.unwrap_or(alert.found_at);
    let last = alert.last_event_time.unwrap_or(alert.found_at);
    let title = shown(&alert.title, TITLE_CHARS_MAX);
    let description = shown(&alert.detection.description, DESCRIPTION_CHARS_MAX);
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": shown(&format!("trailhouse/{}", alert.fingerprint), ID_CHARS_MAX),
        "ProductArn": product_arn(identity),
        "GeneratorId": shown(&alert.detection.id, ID_CHARS_MAX),
        "AwsAccountId": identity.account,
        "Types": types(alert),
        "FirstObservedAt": first.to_string(),
        "LastObservedAt": last.to_string(),
        "CreatedAt": first.to_string(),
        "UpdatedAt": alert.found_at.to_string(),
        "Severity": { "Label": severity(alert.severity), "Original": alert.severity.as_str() },
        "Confidence": confidence(alert.detection.confidence),
        "Title": or_dash(title),
        "Description": or_dash(description),
        "Remediation": remediation(alert),
        "ProductFields": product_fields(alert),
        "Resources": resources(alert, identity),
        "RecordState": "ACTIVE",
    })
}

/// The product that stands for findings of the account's own tools.
fn product_arn(identity: &AsffIdentity) -> String {
    let AsffIdentity { partition, account, region } = identity;
    format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default")
}

fn or_dash(text: String) -> String {
    if text.trim().is_empty() { "-".to_owned() } else { text }
}

/// The namespace and category of ASFF that a tactic belongs to is not ours to guess; `TTPs` is what
/// every detection of behaviour is.
fn types(alert: &Alert) -> Vec<String> {
    let techniques = alert.detection.techniques.iter().take(FIELDS_MAX);
    let mut types: Vec<String> = techniques
        .map(|technique| format!("TTPs/ATT&CK/{}", classifier(&technique.technique)))
        .collect();
    if types.is_empty() {
        types.push("Unusual Behaviors/User".to_owned());
    }
    types
}

/// A slash would start another level.
fn classifier(text: &str) -> String {
    or_dash(shown(text, FIELD_NAME_CHARS_MAX).replace('/', "-"))
}

fn severity(level: Severity) -> &'static str {
    match level {
        Severity::Info => "INFORMATIONAL",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    }
}

fn confidence(level: Confidence) -> u32 {
    match level {
        Confidence::Low => 30,
        Confidence::Medium => 60,
        Confidence::High => 90,
    }
}

fn remediation(alert: &Alert) -> Value {
    let link = alert.detection.runbook.as_deref().filter(|link| is_short_link(link));
    let text = match &alert.detection.runbook {
        Some(runbook) => format!("Follow the runbook: {runbook}"),
        None => "Look at the events that the finding names.".to_owned(),
    };
    let mut recommendation = Map::new();
    recommendation.insert("Text".to_owned(), json!(shown(&text, REMEDIATION_CHARS_MAX)));
    if let Some(link) = link {
        recommendation.insert("Url".to_owned(), json!(link));
    }
    json!({ "Recommendation": recommendation })
}

fn is_short_link(link: &str) -> bool {
    let is_web = link.starts_with("https://") || link.starts_with("http://");
    is_web && link.len() <= REMEDIATION_CHARS_MAX && url::Url::parse(link).is_ok()
}

fn product_fields(alert: &Alert) -> Map<String, Value> {
    let mut fields = Map::new();
    let facts = plain::facts(alert).into_iter().chain(alert.shown());
    for (name, value) in facts {
        let name = shown(&format!("trailhouse/{name}"), FIELD_NAME_CHARS_MAX);
        let value = shown(&value, FIELD_VALUE_CHARS_MAX);
        if fields.len() < FIELDS_MAX && !value.is_empty() && !fields.contains_key(&name) {
            fields.insert(name, json!(value));
        }
    }
    fields
}

fn resources(alert: &Alert, identity: &AsffIdentity) -> Vec<Value> {
    let region = alert.regions.first().filter(|region| is_region(region));
    let mut resources = Vec::new();
    let mut push = |kind: &str, id: String| {
        let mut resource = Map::new();
        resource.insert("Type".to_owned(), json!(kind));
        resource.insert("Id".to_owned(), json!(or_dash(shown(&id, ID_CHARS_MAX))));
        resource.insert("Partition".to_owned(), json!(identity.partition));
        if let Some(region) = region {
            resource.insert("Region".to_owned(), json!(region));
        }
        resources.push(Value::Object(resource));
    };
    push("Other", alert.entity.clone());
    for account in alert.accounts.iter().take(RESOURCES_MAX - 1) {
        push("AwsAccount", format!("AWS::::Account:{account}"));
    }
    resources
}

fn is_region(text: &str) -> bool {
    (1..=REGION_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{HOSTILE, alert, hostile};

    fn identity() -> AsffIdentity {
        AsffIdentity {
            partition: "aws".to_owned(),
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    #[test]
    fn a_finding_belongs_to_the_account_that_imports_it() {
        let finding = value(&alert(), &identity());
        assert_eq!(finding["AwsAccountId"], "111122223333");
        let product = "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default";
        assert_eq!(finding["ProductArn"], product);
        assert_eq!(finding["Resources"][1]["Id"], "AWS::::Account:123456789012");
        assert_eq!(finding["Severity"]["Label"], "HIGH");
        assert_eq!(finding["Types"][0], "TTPs/ATT&CK/T1685.002");
    }

    #[test]
    fn hostile_texts_pass_no_limit() {
        for text in HOSTILE {
            for text in [(*text).to_owned(), text.repeat(2_000)] {
                let finding = value(&hostile(&text), &identity());
                let length = |field: &str| finding[field].as_str().unwrap().chars().count();
                assert!((1..=256).contains(&length("Title")));
                assert!((1..=1_024).contains(&length("Description")));
                assert!((1..=512).contains(&length("Id")));
                let fields = finding["ProductFields"].as_object().unwrap();
                assert!(fields.len() <= 50);
                for (name, value) in fields {
                    assert!(name.chars().count() <= 128, "{name}");
                    assert!((1..=1_024).contains(&value.as_str().unwrap().chars().count()));
                }
            }
        }
    }
}
