//! Slack: blocks for an incoming webhook.
//!
//! Slack reads `<`, `>` and `&` as control characters in every text; with them escaped no value can
//! mention people or channels or hide a link. `verbatim` keeps Slack from making links and mentions
//! of plain words. Values stand in code spans, in which nothing else is read.

use serde_json::{Value, json};

use super::plain;
use crate::{
    Alert,
    text::{escaped, shown, visible},
};

const HEADER_CHARS_MAX: usize = 150;
const FALLBACK_CHARS_MAX: usize = 300;
const DESCRIPTION_CHARS_MAX: usize = 1_000;
/// Slack allows 2,000 in a field; all blocks together must stay below 13,000.
const FIELD_VALUE_CHARS_MAX: usize = 400;
const FIELD_NAME_CHARS_MAX: usize = 60;
const FIELDS_IN_SECTION_MAX: usize = 10;
const FIELDS_MAX: usize = 20;
const LINK_CHARS_MAX: usize = 500;

/// Returns the body of the request.
pub(crate) fn value(alert: &Alert) -> Value {
    let headline = plain::headline(alert, HEADER_CHARS_MAX);
    let mut blocks = vec![header(&headline)];
    blocks.push(section(&summary(alert)));
    blocks.extend(fields(alert));
    blocks.extend(links(alert).map(|links| section(&links)));
    blocks.push(context(alert));
    json!({
        "text": escape(&plain::headline(alert, FALLBACK_CHARS_MAX), FALLBACK_CHARS_MAX),
        "mrkdwn": false,
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn header(headline: &str) -> Value {
    let text = escape(headline, HEADER_CHARS_MAX);
    json!({ "type": "header", "text": { "type": "plain_text", "text": text, "emoji": false } })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": markdown(text) })
}

fn markdown(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

fn summary(alert: &Alert) -> String {
    let description = unformatted(&alert.detection.description, DESCRIPTION_CHARS_MAX);
    match plain::reason(alert) {
        Some(reason) => format!("{reason}\n{description}"),
        None => description,
    }
}

/// The columns that the detection shows, then what every alert has; at most ten in one section.
fn fields(alert: &Alert) -> Vec<Value> {
    let all: Vec<(&str, String)> = alert.shown().into_iter().chain(plain::facts(alert)).collect();
    let mut shown_fields = Vec::new();
    for (name, value) in all.iter().take(FIELDS_MAX) {
        let name = unformatted(name, FIELD_NAME_CHARS_MAX);
        let value = code(value, FIELD_VALUE_CHARS_MAX);
        shown_fields.push(markdown(&format!("*{name}*\n{value}")));
    }
    let sections = shown_fields.chunks(FIELDS_IN_SECTION_MAX);
    sections.map(|fields| json!({ "type": "section", "fields": fields })).collect()
}

fn links(alert: &Alert) -> Option<String> {
    let mut lines = Vec::new();
    for (index, link) in plain::links(alert).enumerate() {
        let is_runbook = index == 0 && alert.detection.runbook.is_some();
        let label = if is_runbook { "Runbook" } else { "Reference" };
        lines.push(match web_link(link) {
            Some(link) => format!("<{link}|{label}>"),
            None => format!("{label}: {}", code(link, LINK_CHARS_MAX)),
        });
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn context(alert: &Alert) -> Value {
    let found = format!("found {} by run {}", alert.found_at, code(&alert.run_id, 80));
    let lake = code(&alert.lake, 200);
    json!({ "type": "context", "elements": [markdown(&format!("{found} in {lake}"))] })
}

/// Returns a link that can stand between `<` and `|`: read and written again by the URL parser, so
/// that nothing in it ends the link.
fn web_link(link: &str) -> Option<String> {
    let url = url::Url::parse(link).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let plain = url.as_str().replace('|', "%7C").replace('&', "&amp;");
    let is_clean = !plain.contains(['<', '>', '`', '"']) && plain.chars().count() <= LINK_CHARS_MAX;
    (is_web && is_clean).then_some(plain)
}

/// Returns the text as a code span; a backtick, which would end it, becomes an apostrophe.
fn code(text: &str, chars_max: usize) -> String {
    let text = shown(text, chars_max).replace('`', "'");
    match text.trim().is_empty() {
        true => "-".to_owned(),
        false => format!("`{}`", escape(&text, chars_max)),
    }
}

/// Returns the text with look-alikes for what would format it.
fn unformatted(text: &str, chars_max: usize) -> String {
    let look_alike = |c: char| match c {
        '*' => '\u{2217}',
        '`' => '\'',
        '~' => '\u{223c}',
        c => c,
    };
    escape(&visible(text).chars().map(look_alike).collect::<String>(), chars_max)
}

fn escape(text: &str, chars_max: usize) -> String {
    escaped(text, chars_max, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        samples::{HOSTILE, alert, hostile},
        text::is_unseen,
    };

    /// All texts of a message, with the limit that Slack sets for each.
    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
            Value::Object(object) => object.values().for_each(|value| texts(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn check(alert: &Alert) -> Result<(), TestCaseError> {
        let message = value(alert);
        let blocks = message["blocks"].as_array().unwrap();
        prop_assert!(blocks.len() <= 50);
        let mut found = Vec::new();
        texts(&message, &mut found);
        let mut formatted = Vec::new();
        blocks.iter().skip(1).for_each(|block| texts(block, &mut formatted));
        for text in formatted {
            prop_assert_eq!(text.matches('`').count() % 2, 0, "{}", text);
        }
        let total: usize = found.iter().map(|text| text.chars().count()).sum();
        prop_assert!(total <= 13_000, "{total}");
        for block in blocks {
            if block["type"] == "header" {
                prop_assert!(block["text"]["text"].as_str().unwrap().chars().count() <= 150);
            }
            if let Some(fields) = block.get("fields") {
                prop_assert!(fields.as_array().unwrap().len() <= 10);
            }
        }
        for text in found {
            prop_assert!(!text.chars().any(|c| c != '\n' && is_unseen(c)), "{text}");
            // What is left without our own links holds nothing that Slack reads as control.
            let mut rest = text.clone();
            while let Some((before, link)) = rest.split_once("<http") {
                let (_, after) = link.split_once('>').unwrap();
                rest = format!("{before}{after}");
            }
            prop_assert!(!rest.contains(['<', '>']), "{text}");
            for (index, _) in rest.match_indices('&') {
                let entity = &rest[index..];
                let is_entity =
                    ["&amp;", "&lt;", "&gt;"].iter().any(|known| entity.starts_with(known));
                prop_assert!(is_entity, "{text}");
            }
        }
        Ok(())
    }

    #[test]
    fn hostile_texts_neither_mention_nor_link() {
        for text in HOSTILE {
            check(&hostile(text)).unwrap();
            check(&hostile(&text.repeat(3_000))).unwrap();
        }
    }

    #[test]
    fn an_alert_shows_its_columns_and_its_runbook() {
        let message = value(&alert());
        assert_eq!(message["text"], "[high] alice stopped org-trail");
        assert_eq!(message["blocks"][2]["fields"][1]["text"], "*source_ip_address*\n`203.0.113.7`");
        let links = message["blocks"][4]["text"]["text"].as_str().unwrap();
        assert!(
            links.starts_with("<https://runbooks.example.com/trail-stopped|Runbook>\n"),
            "{links}"
        );
    }

    #[test]
    fn only_web_addresses_become_links() {
        let link = web_link("https://e.example/a?b=1&c=|x>").unwrap();
        assert_eq!(link, "https://e.example/a?b=1&amp;c=%7Cx%3E");
        for text in ["javascript:alert(1)", "runbooks/trail.md", "", "data:text/html,x"] {
            assert_eq!(web_link(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_out(text in "[<>&|`*!@#a-z\u{202e}\n]{0,300}") {
            check(&hostile(&text))?;
        }
    }
}
