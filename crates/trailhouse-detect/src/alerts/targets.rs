//! Reads what sinks of one type have.

use toml::de::DeTable;
use url::Url;

use super::{
    AlertFormat, AsffIdentity, EmailConfig, EmailTls, SecretRef, Setting, SinkTarget,
    WebhookBodyConfig, WebhookConfig,
    addresses::{is_account, topic_arn, web_address},
    headers::headers,
};
use crate::{
    diagnostic::Report,
    section::{Keys, Section},
};

const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// The types of sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetType {
    Stdout,
    File,
    Webhook,
    Slack,
    PagerDuty,
    Sns,
    Email,
}

impl TargetType {
    pub(super) const ALL: [Self; 7] = [
        Self::Stdout,
        Self::File,
        Self::Webhook,
        Self::Slack,
        Self::PagerDuty,
        Self::Sns,
        Self::Email,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File => "file",
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::PagerDuty => "pagerduty",
            Self::Sns => "sns",
            Self::Email => "email",
        }
    }

    /// Returns the type that a table names, if it names one.
    pub(super) fn named_in(table: &DeTable<'_>) -> Option<Self> {
        let (_, value) = table.iter().find(|(key, _)| key.get_ref() == "type")?;
        let word = value.get_ref().as_str()?;
        Self::ALL.into_iter().find(|target| target.as_str() == word)
    }
}

macro_rules! keys {
    ([$($required:literal),*], [$($own:literal),*]) => {
        Keys {
            known: &[
                "name", "type", "min_severity", "rules", "timeout", "allow_private",
                $($required,)* $($own),*
            ],
            required: &["name", "type", $($required),*],
        }
    };
}

const STDOUT: Keys = keys!([], ["format", "asff"]);
const FILE: Keys = keys!(["path"], ["format", "asff"]);
const WEBHOOK: Keys = keys!(
    [],
    [
        "url",
        "url_env",
        "url_file",
        "format",
        "asff",
        "template",
        "headers",
        "secret_env",
        "secret_file",
        "proxy"
    ]
);
const SLACK: Keys = keys!([], ["url", "url_env", "url_file", "proxy"]);
const PAGERDUTY: Keys = keys!([], ["routing_key_env", "routing_key_file", "url", "proxy"]);
const SNS: Keys = keys!(["topic_arn"], ["format", "asff"]);
const EMAIL: Keys =
    keys!(["host", "from", "to"], ["port", "tls", "username", "password_env", "password_file"]);
/// Where the type is not known, no key is to blame.
const ANY: Keys = keys!(
    [],
    [
        "format",
        "asff",
        "path",
        "url",
        "url_env",
        "url_file",
        "template",
        "headers",
        "secret_env",
        "secret_file",
        "proxy",
        "routing_key_env",
        "routing_key_file",
        "topic_arn",
        "host",
        "port",
        "tls",
        "username",
        "password_env",
        "password_file",
        "from",
        "to"
    ]
);

/// Returns the keys that a sink of the type may and must have.
pub(super) fn keys(chosen: Option<TargetType>) -> &'static Keys {
    match chosen {
        Some(TargetType::Stdout) => &STDOUT,
        Some(TargetType::File) => &FILE,
        Some(TargetType::Webhook) => &WEBHOOK,
        Some(TargetType::Slack) => &SLACK,
        Some(TargetType::PagerDuty) => &PAGERDUTY,
        Some(TargetType::Sns) => &SNS,
        Some(TargetType::Email) => &EMAIL,
        None => &ANY,
    }
}

/// Reads what a sink of the type has; nothing where something is wrong, which is reported.
pub(super) fn read(
    chosen: TargetType,
    section: &Section<'_>,
    report: &mut Report<'_>,
) -> Option<SinkTarget> {
    match chosen {
        TargetType::Stdout => Some(SinkTarget::Stdout { format: format(section, report)? }),
        TargetType::File => {
            let format = format(section, report);
            let path = section.text("path", report)?.value.to_owned();
            Some(SinkTarget::File { path, format: format? })
        }
        TargetType::Webhook => webhook(section, report).map(SinkTarget::Webhook),
        TargetType::Slack => {
            if section.value("url").is_some() {
                let help = "put it into a variable and name that: url_env = \"SLACK_URL\"";
                let message = "the URL of a slack sink is a secret".to_owned();
                section.bad_value("url", message, help, report);
            }
            let proxy = proxy(section, report);
            report_absent(["url_env", "url_file", "url"], section, report);
            let url = secret(section, "url_env", "url_file", report)?;
            Some(SinkTarget::Slack { url, proxy })
        }
        TargetType::PagerDuty => pagerduty(section, report),
        TargetType::Sns => {
            let format = format_with_text(section, report);
            let topic_arn = section.parsed("topic_arn", report, topic_arn)?;
            Some(SinkTarget::Sns { topic_arn, format: format? })
        }
        TargetType::Email => email(section, report).map(SinkTarget::Email),
    }
}

fn webhook(section: &Section<'_>, report: &mut Report<'_>) -> Option<WebhookConfig> {
    report_absent(["url", "url_env", "url_file"], section, report);
    let secret_url = secret(section, "url_env", "url_file", report);
    let literal = section.value("url").is_some().then(|| web_address("url", section, report));
    if secret_url.is_some() && literal.is_some() {
        let help = "keep one of them";
        section.bad_value("url", "the URL is given twice".to_owned(), help, report);
    }
    let url = match (secret_url, literal) {
        (Some(place), _) => Some(Setting::Secret(place)),
        (None, Some(url)) => url.map(|url| Setting::Literal(url.to_string())),
        (None, None) => None,
    };
    let body = webhook_body(section, report);
    let headers = headers(section, report);
    let signing_key = secret(section, "secret_env", "secret_file", report);
    let proxy = proxy(section, report);
    Some(WebhookConfig { url: url?, body: body?, headers, signing_key, proxy })
}

fn webhook_body(section: &Section<'_>, report: &mut Report<'_>) -> Option<WebhookBodyConfig> {
    if section.value("template").is_none() {
        return format(section, report).map(WebhookBodyConfig::Format);
    }
    if section.value("format").is_some() {
        let message = "a template takes the place of a format".to_owned();
        section.bad_value("format", message, "keep one of them", report);
    }
    let template = section.text("template", report)?;
    Some(WebhookBodyConfig::Template(template.value.to_owned()))
}

fn pagerduty(section: &Section<'_>, report: &mut Report<'_>) -> Option<SinkTarget> {
    let given = section.value("url").is_some();
    let url = match given {
        true => web_address("url", section, report),
        false => Url::parse(PAGERDUTY_URL).ok(),
    };
    let proxy = proxy(section, report);
    let (env_key, file_key) = ("routing_key_env", "routing_key_file");
    report_absent([env_key, file_key, file_key], section, report);
    let routing_key = secret(section, env_key, file_key, report)?;
    Some(SinkTarget::PagerDuty { routing_key, url: url?, proxy })
}

fn email(section: &Section<'_>, report: &mut Report<'_>) -> Option<EmailConfig> {
    let host = section.parsed("host", report, |text| match url::Host::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("use the name or address of a mail server"),
    });
    let tls = section.choice("tls", &EmailTls::ALL, EmailTls::as_str, report);
    let port = section.count("port", report).map(u16::try_from);
    if matches!(port, Some(Err(_))) {
        section.bad_value("port", "there is no such port".to_owned(), "use 1 to 65535", report);
    }
    let user = section.line("username", report);
    let password = secret(section, "password_env", "password_file", report);
    if user.is_some() != password.is_some() {
        let message = "a login is a username and a password".to_owned();
        section.bad_value("username", message, "give username and password_env", report);
    }
    let from = section.line("from", report);
    let to = section.parsed_list("to", report, |text| match text.contains('@') {
        true => Ok(text.to_owned()),
        false => Err("use NAME@HOST"),
    });
    if to.as_ref().is_some_and(Vec::is_empty) {
        section.bad_value("to", "nobody is named".to_owned(), "name a receiver", report);
    }
    Some(EmailConfig {
        host: host?,
        port: port.and_then(Result::ok),
        tls: tls.unwrap_or(EmailTls::StartTls),
        login: user.zip(password),
        from: from?,
        to: to?,
    })
}

fn format(section: &Section<'_>, report: &mut Report<'_>) -> Option<AlertFormat> {
    chosen_format(section, &["native", "ocsf", "asff"], report)
}

fn format_with_text(section: &Section<'_>, report: &mut Report<'_>) -> Option<AlertFormat> {
    chosen_format(section, &["native", "ocsf", "asff", "text"], report)
}

fn chosen_format(
    section: &Section<'_>,
    words: &[&'static str],
    report: &mut Report<'_>,
) -> Option<AlertFormat> {
    let word = match section.value("format") {
        Some(_) => section.choice("format", words, |word| word, report)?,
        None => "native",
    };
    if word != "asff" {
        if section.value("asff").is_some() {
            let help = "write format = \"asff\" too";
            section.bad_value("asff", "the format is not asff".to_owned(), help, report);
        }
        return Some(match word {
            "ocsf" => AlertFormat::Ocsf,
            "text" => AlertFormat::Text,
            _ => AlertFormat::Native,
        });
    }
    if section.value("asff").is_none() {
        let message = "the format asff needs to know in whose name findings go".to_owned();
        let help = "add asff = { account = \"123456789012\", region = \"eu-west-1\" }";
        section.bad_value("format", message, help, report);
    }
    const ASFF: Keys =
        Keys { known: &["account", "region", "partition"], required: &["account", "region"] };
    let asff = section.child("asff", &ASFF, report)?;
    let account = asff.parsed("account", report, |text| {
        is_account(text).then(|| text.to_owned()).ok_or("use the twelve digits of an account")
    });
    let is_word = |text: &str| {
        text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let region = asff.parsed("region", report, |text| {
        is_word(text).then(|| text.to_owned()).ok_or("use a region like eu-west-1")
    });
    let partition = asff.choice("partition", &["aws", "aws-cn", "aws-us-gov"], |word| word, report);
    let partition = partition.unwrap_or("aws").to_owned();
    Some(AlertFormat::Asff(AsffIdentity { partition, account: account?, region: region? }))
}

/// Returns where a secret stands, if one of the keys says so.
pub(super) fn secret(
    section: &Section<'_>,
    env_key: &str,
    file_key: &str,
    report: &mut Report<'_>,
) -> Option<SecretRef> {
    let env = section.value(env_key).is_some().then(|| section.parsed(env_key, report, variable));
    let file = section.value(file_key).is_some().then(|| section.line(file_key, report));
    match (env, file) {
        (Some(_), Some(_)) => {
            let message = format!("`{env_key}` and `{file_key}` say the same thing");
            section.bad_value(file_key, message, "keep one of them", report);
            None
        }
        (Some(env), None) => env.map(SecretRef::Env),
        (None, Some(file)) => file.map(SecretRef::File),
        (None, None) => None,
    }
}

fn variable(text: &str) -> Result<String, &'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(fits).then(|| text.to_owned()).ok_or("use the name of a variable")
}

/// Reports a key that is missing: neither it nor what may stand in its place is there. What is there
/// and wrong was reported where it was read.
fn report_absent(keys: [&str; 3], section: &Section<'_>, report: &mut Report<'_>) {
    let [wanted, ..] = keys;
    if keys.iter().all(|key| section.value(key).is_none()) {
        let message = format!("the key `sink.{wanted}` is missing");
        section.bad_value(wanted, message, &format!("add `{wanted} = ...`"), report);
    }
}

fn proxy(section: &Section<'_>, report: &mut Report<'_>) -> Option<Url> {
    section.value("proxy")?;
    web_address("proxy", section, report)
}
