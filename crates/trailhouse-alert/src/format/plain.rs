//! An alert as lines of text for people: e-mail, SNS, a terminal.

use crate::{Alert, AlertKind, text::shown};

const TITLE_CHARS_MAX: usize = 300;
const VALUE_CHARS_MAX: usize = 1_000;
const FIELDS_MAX: usize = 40;
const LINKS_MAX: usize = 10;

/// Returns the headline: severity and title on one line.
pub(crate) fn headline(alert: &Alert, chars_max: usize) -> String {
    shown(&format!("[{}] {}", alert.severity, alert.title), chars_max)
}

/// Says in a sentence why the alert is sent, where that is not plain.
pub(crate) fn reason(alert: &Alert) -> Option<String> {
    match alert.kind {
        AlertKind::New | AlertKind::Test => None,
        AlertKind::Growth { told_events } => {
            Some(format!("Grown: {} events; the last alert told of {told_events}.", alert.events))
        }
        AlertKind::Rollup { findings } => {
            Some(format!("Stands for {findings} findings of this detection."))
        }
    }
}

/// Returns names and values in the order in which people read them. Values are as they came.
pub(crate) fn facts(alert: &Alert) -> Vec<(&str, String)> {
    let mut facts = Vec::new();
    let mut push = |name, value: String| {
        if !value.is_empty() {
            facts.push((name, value));
        }
    };
    push("severity", alert.severity.to_string());
    push("entity", alert.entity.clone());
    push("accounts", alert.accounts.join(", "));
    push("regions", alert.regions.join(", "));
    push("events", alert.events.to_string());
    push("first event", alert.first_event_time.map(|time| time.to_string()).unwrap_or_default());
    push("last event", alert.last_event_time.map(|time| time.to_string()).unwrap_or_default());
    push("detection", alert.detection.id.clone());
    push("confidence", alert.detection.confidence.to_string());
    push("techniques", techniques(alert));
    push("owner", alert.detection.owner.clone().unwrap_or_default());
    push("fingerprint", alert.fingerprint.clone());
    facts
}

/// Returns runbook and references.
pub(crate) fn links(alert: &Alert) -> impl Iterator<Item = &str> {
    let runbook = alert.detection.runbook.iter();
    runbook.chain(&alert.detection.references).map(String::as_str).take(LINKS_MAX)
}

/// Returns the alert as lines.
pub(crate) fn text(alert: &Alert) -> String {
    let mut lines = vec![headline(alert, TITLE_CHARS_MAX)];
    lines.extend(reason(alert));
    lines.push(shown(&alert.detection.description, VALUE_CHARS_MAX));
    lines.push(String::new());
    let columns = alert.shown();
    for (name, value) in columns.into_iter().take(FIELDS_MAX).chain(facts(alert)) {
        lines.push(format!("{}: {}", shown(name, 80), shown(&value, VALUE_CHARS_MAX)));
    }
    lines.push(String::new());
    lines.extend(links(alert).map(|link| shown(link, VALUE_CHARS_MAX)));
    let text = lines.join("\n");
    format!("{}\n", text.trim_end())
}

fn techniques(alert: &Alert) -> String {
    let ids = alert.detection.techniques.iter().map(|technique| technique.technique.as_str());
    ids.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::alert;

    #[test]
    fn an_alert_reads_as_lines() {
        let expected = "[high] alice stopped org-trail\n\
            A trail no longer records.\n\
            \n\
            trail: org-trail\n\
            source_ip_address: 203.0.113.7\n\
            events: 3\n\
            severity: high\n\
            entity: arn:aws:iam::123456789012:user/alice\n\
            accounts: 123456789012\n\
            regions: eu-west-1\n\
            events: 3\n\
            first event: 2026-11-21T10:00:00Z\n\
            last event: 2026-11-21T10:05:00.500000Z\n\
            detection: aws.cloudtrail.trail-stopped\n\
            confidence: medium\n\
            techniques: T1685.002\n\
            owner: detections@example.com\n\
            fingerprint: 4f1c\n\
            \n\
            https://runbooks.example.com/trail-stopped\n\
            https://docs.aws.amazon.com/awscloudtrail/\n";
        assert_eq!(text(&alert()), expected);
    }

    #[test]
    fn growth_and_rollup_are_explained() {
        let grown = Alert { kind: AlertKind::Growth { told_events: 1 }, ..alert() };
        assert_eq!(reason(&grown).unwrap(), "Grown: 3 events; the last alert told of 1.");
        let many = Alert { kind: AlertKind::Rollup { findings: 50 }, ..alert() };
        assert_eq!(reason(&many).unwrap(), "Stands for 50 findings of this detection.");
    }
}
