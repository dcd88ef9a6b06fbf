//! `alerts.toml`: which alerts go where.
//!
//! ```toml
//! schema = 1
//!
//! [[sink]]
//! name         = "soc-slack"
//! type         = "slack"
//! url_env      = "SOC_SLACK_URL"      # secrets stand in variables and files, never here
//! min_severity = "high"
//! rules        = ["aws.iam.*", "tag:exfiltration"]
//! ```
//!
//! Reading is pure: variables, files and names are looked at by whoever sends alerts.

mod addresses;
mod headers;
mod masking;
mod reading;
mod targets;

use std::time::Duration;

use ipnet::IpNet;
use trailhouse_model::Severity;
use url::Url;

pub use reading::parse_alerts;

use crate::RuleSelector;

/// The content of `alerts.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertsConfig {
    /// The sinks, each with a name of its own.
    pub sinks: Vec<SinkConfig>,
}

/// One sink and which alerts go to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkConfig {
    /// Its name: lower-case letters, digits and hyphens.
    pub name: String,
    /// What it is.
    pub target: SinkTarget,
    /// Alerts below are not sent.
    pub min_severity: Severity,
    /// Alerts of other detections are not sent; empty for all detections.
    pub rules: Vec<RuleSelector>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Networks that are not public and yet allowed.
    pub allow_private: Vec<IpNet>,
}

impl SinkConfig {
    /// Says whether alerts of this severity, by this detection, go to the sink.
    pub fn takes(&self, severity: Severity, detection_id: &str, tags: &[String]) -> bool {
        let is_chosen = |rule: &RuleSelector| rule.matches_named(detection_id, tags);
        severity >= self.min_severity && (self.rules.is_empty() || self.rules.iter().any(is_chosen))
    }
}

/// What a sink is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkTarget {
    /// Standard output.
    Stdout {
        /// How alerts are written.
        format: AlertFormat,
    },
    /// A file that grows by a line for each alert.
    File {
        /// Where it is, seen from the folder of `alerts.toml`.
        path: String,
        /// How alerts are written.
        format: AlertFormat,
    },
    /// Any HTTP service.
    Webhook(WebhookConfig),
    /// An incoming webhook of Slack.
    Slack {
        /// Where it is; whoever knows the URL can post.
        url: SecretRef,
        /// The HTTP proxy on the way.
        proxy: Option<Url>,
    },
    /// A service of PagerDuty.
    PagerDuty {
        /// The integration key of the service.
        routing_key: SecretRef,
        /// Where events go.
        url: Url,
        /// The HTTP proxy on the way.
        proxy: Option<Url>,
    },
    /// An SNS topic.
    Sns {
        /// The topic.
        topic_arn: String,
        /// How alerts are written.
        format: AlertFormat,
    },
    /// People with e-mail.
    Email(EmailConfig),
}

impl SinkTarget {
    /// Returns the word for the type.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stdout { .. } => "stdout",
            Self::File { .. } => "file",
            Self::Webhook(_) => "webhook",
            Self::Slack { .. } => "slack",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Sns { .. } => "sns",
            Self::Email(_) => "email",
        }
    }
}

/// How a webhook is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where it is.
    pub url: Setting,
    /// How alerts are written.
    pub body: WebhookBodyConfig,
    /// Headers that every request carries.
    pub headers: Vec<(String, Setting)>,
    /// The key that bodies are signed with.
    pub signing_key: Option<SecretRef>,
    /// The HTTP proxy on the way.
    pub proxy: Option<Url>,
}

/// How the body of a webhook's request is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookBodyConfig {
    /// In a form that many know.
    Format(AlertFormat),
    /// By a template: a JSON file, seen from the folder of `alerts.toml`.
    Template(String),
}

/// How e-mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailConfig {
    /// The server.
    pub host: String,
    /// Its port; the one that belongs to `tls` where none is given.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: EmailTls,
    /// The name to log in with, and the password.
    pub login: Option<(String, SecretRef)>,
    /// The sender.
    pub from: String,
    /// The receivers, at least one.
    pub to: Vec<String>,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailTls {
    /// Plain at first, then TLS or nothing.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Not at all: to this machine only.
    None,
}

impl EmailTls {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::StartTls, Self::Tls, Self::None];

    /// Returns the word for the choice.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }

    /// Returns the port that mail servers use for it.
    pub fn default_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// The form in which a sink writes alerts, where there is a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertFormat {
    /// The JSON of Trailhouse.
    Native,
    /// OCSF Detection Finding, class 2004.
    Ocsf,
    /// The finding format of AWS Security Hub.
    Asff(AsffIdentity),
    /// Lines for people.
    Text,
}

/// In whose name findings go to Security Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsffIdentity {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The account that imports the findings.
    pub account: String,
    /// The region of its Security Hub.
    pub region: String,
}

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, seen from the folder of `alerts.toml`.
    File(String),
}

/// A value that may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Setting {
    /// Stands in the file.
    Literal(String),
    /// Stands elsewhere.
    Secret(SecretRef),
}

impl std::fmt::Debug for Setting {
    /// People do write secrets where none belong.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(..)"),
            Self::Secret(place) => f.debug_tuple("Secret").field(place).finish(),
        }
    }
}
