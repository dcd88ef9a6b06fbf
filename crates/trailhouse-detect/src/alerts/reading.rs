//! Reads `alerts.toml` as a whole: the list of sinks and what all sinks have.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use toml::de::DeTable;
use trailhouse_model::Severity;

use super::{
    AlertsConfig, SinkConfig,
    addresses::{networks, report_value},
    masking::masked,
    targets::{self, TargetType},
};
use crate::{
    RuleSelector,
    diagnostic::{DetectionErrors, Report},
    section::{Keys, Section, read_document},
};

const ROOT_KEYS: Keys = Keys { known: &["schema", "sink"], required: &["schema"] };
const SINKS_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 64;
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
const TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// Reads `alerts.toml`; every mistake is reported. `origin` only names the file in messages, which
/// show no value that may be a secret.
pub fn parse_alerts(origin: &str, text: &str) -> Result<AlertsConfig, DetectionErrors> {
    let shown = masked(text);
    read_document(text, Report::new(origin, &shown), |table, first_line, report| {
        let root = Section::open(String::new(), table, first_line, &ROOT_KEYS, report);
        check_schema(&root, report);
        Some(AlertsConfig { sinks: read_sinks(&root, report) })
    })
}

fn check_schema(root: &Section<'_>, report: &mut Report<'_>) {
    if let Some(schema) = root.count("schema", report)
        && schema != 1
    {
        root.bad_value("schema", format!("schema {schema} is not known"), "write 1", report);
    }
}

fn read_sinks(root: &Section<'_>, report: &mut Report<'_>) -> Vec<SinkConfig> {
    let Some(found) = root.value("sink") else {
        return Vec::new();
    };
    let Some(list) = found.value.as_array() else {
        root.wrong_type("sink", &found, "a list of tables: [[sink]]", report);
        return Vec::new();
    };
    if list.len() > SINKS_MAX {
        let message = format!("there are more than {SINKS_MAX} sinks");
        root.bad_value("sink", message, "drop some", report);
        return Vec::new();
    }
    let mut names = BTreeSet::new();
    let mut sinks = Vec::with_capacity(list.len());
    for entry in list.iter() {
        let Some(table) = entry.get_ref().as_table() else {
            report_value(entry.span(), "a sink is a table", "write [[sink]]", report);
            continue;
        };
        let Some(sink) = read_sink(table, entry.span(), report) else {
            continue;
        };
        if !names.insert(sink.name.clone()) {
            let message = format!("another sink is called `{}` too", sink.name);
            report_value(name_span(table, entry.span()), &message, "choose another name", report);
        }
        sinks.push(sink);
    }
    sinks
}

fn name_span(table: &DeTable<'_>, whole: Range<usize>) -> Range<usize> {
    let name = table.iter().find(|(key, _)| key.get_ref() == "name");
    name.map_or(whole, |(_, value)| value.span())
}

fn read_sink(
    table: &DeTable<'_>,
    span: Range<usize>,
    report: &mut Report<'_>,
) -> Option<SinkConfig> {
    let chosen = TargetType::named_in(table);
    let section = Section::open("sink".to_owned(), table, span, targets::keys(chosen), report);
    // Reported here where the word is missing or unknown.
    let chosen = section.choice("type", &TargetType::ALL, TargetType::as_str, report);
    let name = section.parsed("name", report, parse_name);
    let min_severity = section.parsed("min_severity", report, |text| {
        text.parse().map_err(|_| "use info, low, medium, high or critical")
    });
    let rules = section.parsed_list("rules", report, RuleSelector::parse).unwrap_or_default();
    if rules.is_empty() && section.value("rules").is_some_and(|rules| is_empty_list(rules.value)) {
        let help = "leave it out for all detections";
        section.bad_value("rules", "an empty list chooses nothing".to_owned(), help, report);
    }
    let timeout = section.period("timeout", report).unwrap_or(TIMEOUT_DEFAULT);
    if timeout > TIMEOUT_MAX {
        section.bad_value("timeout", "the timeout is too long".to_owned(), "use up to 5m", report);
    }
    let allow_private = networks(&section, report);
    let target = chosen.and_then(|chosen| targets::read(chosen, &section, report));
    Some(SinkConfig {
        name: name?,
        target: target?,
        min_severity: min_severity.unwrap_or(Severity::Info),
        rules,
        timeout,
        allow_private,
    })
}

fn is_empty_list(value: &toml::de::DeValue<'_>) -> bool {
    value.as_array().is_some_and(|list| list.is_empty())
}

/// A name is also that of a folder.
fn parse_name(text: &str) -> Result<String, &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = text.len() <= NAME_CHARS_MAX
        && text.bytes().all(fits)
        && text.bytes().next().is_some_and(|first| first != b'-');
    is_name.then(|| text.to_owned()).ok_or("use lower-case letters, digits and hyphens")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{AlertFormat, SecretRef, Setting, SinkTarget, WebhookBodyConfig};

    fn rendered(text: &str) -> String {
        let errors = parse_alerts("alerts.toml", &format!("schema = 1\n{text}")).unwrap_err();
        errors.iter().map(|error| format!("{}\n", error.rendered)).collect()
    }

    fn check(text: &str, expected: &[&str]) {
        let errors = parse_alerts("alerts.toml", &format!("schema = 1\n{text}")).unwrap_err();
        let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(messages, expected, "{text}");
    }

    #[test]
    fn every_type_of_sink_is_read() {
        let text = r#"
schema = 1
[[sink]]
name = "out"
type = "stdout"
[[sink]]
name = "log"
type = "file"
path = "alerts.ndjson"
format = "ocsf"
[[sink]]
name = "hook"
type = "webhook"
url_env = "HOOK"
template = "hook.json"
headers = { x-team = "soc", authorization = { env = "TOKEN" } }
secret_file = "hook.key"
timeout = "5s"
allow_private = ["10.0.0.0/8", "127.0.0.1"]
[[sink]]
name = "soc-slack"
type = "slack"
url_env = "SLACK"
min_severity = "high"
rules = ["aws.iam.*", "tag:exfiltration"]
[[sink]]
name = "pager"
type = "pagerduty"
routing_key_env = "PD"
[[sink]]
name = "topic"
type = "sns"
topic_arn = "arn:aws:sns:eu-west-1:123456789012:alerts.fifo"
format = "asff"
asff = { account = "111122223333", region = "eu-west-1" }
[[sink]]
name = "mail"
type = "email"
host = "smtp.example.com"
username = "u"
password_env = "P"
from = "Trailhouse <trailhouse@example.com>"
to = ["soc@example.com"]
"#;
        let config = parse_alerts("alerts.toml", text).unwrap();
        let types: Vec<&str> = config.sinks.iter().map(|sink| sink.target.as_str()).collect();
        assert_eq!(types, ["stdout", "file", "webhook", "slack", "pagerduty", "sns", "email"]);
        let SinkTarget::Webhook(hook) = &config.sinks[2].target else { panic!("{config:?}") };
        assert_eq!(hook.url, Setting::Secret(SecretRef::Env("HOOK".to_owned())));
        assert_eq!(hook.body, WebhookBodyConfig::Template("hook.json".to_owned()));
        assert_eq!(hook.signing_key, Some(SecretRef::File("hook.key".to_owned())));
        assert_eq!(config.sinks[2].allow_private.len(), 2);
        let slack = &config.sinks[3];
        assert!(slack.takes(Severity::High, "aws.iam.x", &[]));
        assert!(!slack.takes(Severity::Medium, "aws.iam.x", &[]));
        assert!(!slack.takes(Severity::High, "aws.s3.x", &[]));
        assert!(slack.takes(Severity::High, "aws.s3.x", &["exfiltration".to_owned()]));
        let SinkTarget::Sns { format: AlertFormat::Asff(identity), .. } = &config.sinks[5].target
        else {
            panic!("{config:?}")
        };
        assert_eq!(identity.partition, "aws");
    }

    #[test]
    fn every_mistake_is_reported() {
        check("[[sink]]\nname = \"a\"\n", &["the key `sink.type` is missing"]);
        check(
            "[[sink]]\nname = \"a\"\ntype = \"stdout\"\nurl = \"https://h\"\n",
            &["unknown key `sink.url`"],
        );
        check(
            "[[sink]]\nname = \"A b\"\ntype = \"stdout\"\n",
            &["`A b` is not a value of `sink.name`"],
        );
        check(
            "[[sink]]\nname = \"a\"\ntype = \"stdout\"\n[[sink]]\nname = \"a\"\ntype = \"stdout\"\n",
            &["another sink is called `a` too"],
        );
        check(
            "[[sink]]\nname = \"a\"\ntype = \"file\"\npath = \"x\"\nformat = \"asff\"\n",
            &["the format asff needs to know in whose name findings go"],
        );
        check(
            "[[sink]]\nname = \"a\"\ntype = \"file\"\npath = \"x\"\nformat = \"text\"\n",
            &["`text` is not a value of `sink.format`"],
        );
        check(
            "[[sink]]\nname = \"a\"\ntype = \"slack\"\nurl = \"https://h/s3cret\"\n",
            &["the URL of a slack sink is a secret"],
        );
        check(
            "[[sink]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"ftp://h\"\nallow_private = [\"10.0.0\"]\n",
            &["`url` is not a web address", "`10.0.0` is not a value of `sink.allow_private`"],
        );
        check(
            "[[sink]]\nname = \"a\"\ntype = \"stdout\"\nrules = []\n",
            &["an empty list chooses nothing"],
        );
        check("sink = 1\n", &["`sink` must be a list of tables: [[sink]], not a number"]);
    }

    #[test]
    fn no_message_shows_a_secret() {
        for text in [
            "[[sink]]\nname = \"a\"\ntype = \"slack\"\nurl = \"https://h/s3cret\"\n",
            "[[sink]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"s3cret\"\n",
            "[[sink]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"https://s3cret:s3cret@h\"\n",
            "[[sink]]\nname = \"a\"\ntype = \"pagerduty\"\nrouting_key = \"s3cret\"\n",
            "[[sink]]\nname = \"a\"\ntype = \"webhook\"\nurl = [\"s3cret\"]\n",
            "[[sink]]\nname = \"a\"\ntype = \"webhook\"\nurl_env = \"U\"\nheaders = { a = 1, b = \"s3cret\" }\n",
            "[[sink]]\nname = \"a\ntype = s3cret\n",
        ] {
            let shown = rendered(text);
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(shown.contains("alerts.toml:"), "{shown}");
        }
    }

    #[test]
    fn a_mistake_is_shown_with_its_place() {
        let shown = rendered("[[sink]]\nname = \"a\"\ntype = \"slak\"\n");
        assert!(shown.contains("type = \"slak\"\n"), "{shown}");
        assert!(shown.contains("^^^^^^"), "{shown}");
    }
}
