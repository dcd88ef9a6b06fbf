//! An alert for tests, and one in which every text is hostile.

use serde_json::{Map, Value, json};
use trailhouse_model::EventTime;

use crate::{Alert, AlertDetection, AlertTechnique};

pub(crate) fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

pub(crate) fn time(text: &str) -> EventTime {
    EventTime::parse_rfc3339(text).unwrap()
}

pub(crate) fn alert() -> Alert {
    serde_json::from_str(include_str!("../tests/outside/alert.json")).unwrap()
}

/// Puts the text wherever an attacker could: also where, today, only authors can.
pub(crate) fn hostile(text: &str) -> Alert {
    let base = alert();
    let text = || text.to_owned();
    Alert {
        title: text(),
        entity: text(),
        key: object(json!({ text(): text(), "trail": text() })),
        event_ids: vec![text()],
        accounts: vec![text()],
        regions: vec![text()],
        row: object(json!({
            text(): text(), "trail": text(), "source_ip_address": text(),
            "user_identity_arn": text(), "user_identity_access_key_id": text(),
            "event_name": text(), "event_source": text(), "nested": { "list": [text()] },
        })),
        columns: vec![text(), "trail".to_owned(), "nested".to_owned()],
        lake: text(),
        detection: AlertDetection {
            title: text(),
            description: text(),
            references: vec![text()],
            runbook: Some(text()),
            owner: Some(text()),
            tags: vec![text()],
            techniques: vec![AlertTechnique {
                technique: text(),
                name: Some(text()),
                tactic: Some(text()),
            }],
            ..base.detection.clone()
        },
        ..base
    }
}

/// Texts that break out of one format or another.
pub(crate) const HOSTILE: &[&str] = &[
    "<!channel> <@U123|x> &amp; <https://evil.example|click>",
    "*bold* `code` ```block``` ~gone~ :skull:",
    "\"},{\"evil\":true,\"x\":\"",
    "{{title}} {{ row.trail }} {{unknown}} \\u0022 \\",
    "Subject: x\r\nBcc: evil@example.com\r\n\r\nbody",
    "\u{1b}[2J\u{7}\u{9b}31m",
    "\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}\u{e0041}",
    "</td><script>alert(1)</script><img src=x onerror=alert(1)>' onload=\"x",
    "=HYPERLINK(\"http://evil.example\")",
    "\u{0}\u{2028}\u{2029}\u{85}",
    "javascript:alert(1)",
    "https://evil.example/|fake> <!here",
    "",
];
