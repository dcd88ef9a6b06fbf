//! From `alerts.toml` to sinks: looks at variables and files.

use std::{
    env, fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use lettre::message::Mailbox;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use trailhouse_detect::{
    DetectionErrors,
    alerts::{
        AlertsConfig, EmailConfig, SecretRef, Setting, SinkConfig, SinkTarget, WebhookBodyConfig,
        WebhookConfig, parse_alerts,
    },
};
use trailhouse_model::EventTime;
use url::Url;

use crate::{
    Alert, Delivered, LineWriter, SendError, Sink, Template, TemplateError, TopicPublisher,
    egress::EgressPolicy,
    sink::{
        email::EmailSink,
        file::FileSink,
        http::{HttpOptions, HttpTarget},
        lines::LinesSink,
        pagerduty::PagerDutySink,
        slack::SlackSink,
        sns::SnsSink,
        webhook::{WebhookBody, WebhookSink},
    },
};

/// The file in the site's folder that names the sinks.
pub const ALERTS_FILE: &str = "alerts.toml";

const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A value that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What sinks need from the program around them.
#[derive(Clone)]
pub struct Surroundings {
    /// The folder of `alerts.toml`; paths in it are seen from there.
    pub folder: PathBuf,
    /// Standard output; sinks of type `stdout` need it.
    pub stdout: Option<Arc<dyn LineWriter>>,
    /// AWS; sinks of type `sns` need it.
    pub topics: Option<Arc<dyn TopicPublisher>>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Why a sink cannot be used. Holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("sink `{sink}`: {reason}")]
pub struct SinkSetupError {
    /// The sink.
    pub sink: String,
    /// What is wrong.
    pub reason: SetupReason,
}

/// What is wrong with a sink.
#[derive(Debug, thiserror::Error)]
pub enum SetupReason {
    /// The environment variable is not set, empty, or not text.
    #[error("the environment variable {variable} is not set")]
    NoVariable {
        /// Its name.
        variable: String,
    },
    /// A file cannot be read.
    #[error("failed to read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What a secret holds cannot be what it is used for.
    #[error("what {place} holds is not {expected}")]
    WrongSecret {
        /// The variable or file.
        place: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The template is wrong.
    #[error("{path}: {source}")]
    Template {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// A mail address is wrong.
    #[error("`{address}` is not a mail address")]
    MailAddress {
        /// What stands there.
        address: String,
    },
    /// The program has no such thing.
    #[error("{what} cannot be used here")]
    NotHere {
        /// What is missing.
        what: &'static str,
    },
    /// A proxy would read the alerts, and where they go on to is not judged.
    #[error("through a proxy the URL must begin with https://")]
    ProxyNeedsTls,
    /// TLS or HTTP cannot be set up.
    #[error("failed to set up TLS and HTTP")]
    Client {
        /// What the library says.
        source: reqwest::Error,
    },
}

/// Why no alerts can be sent.
#[derive(Debug, thiserror::Error)]
pub enum AlertsError {
    /// `alerts.toml` is there and cannot be read.
    #[error(transparent)]
    Unreadable(SetupReason),
    /// It has mistakes.
    #[error(transparent)]
    Mistakes(#[from] DetectionErrors),
    /// Sinks cannot be used; at least one.
    #[error("{} of the sinks cannot be used", .0.len())]
    Sinks(Vec<SinkSetupError>),
}

/// A sink and which alerts go to it.
#[derive(Debug)]
pub struct Route {
    config: SinkConfig,
    sink: Arc<dyn Sink>,
}

impl Route {
    /// Takes a sink that was made elsewhere.
    pub fn new(config: SinkConfig, sink: Arc<dyn Sink>) -> Self {
        Self { config, sink }
    }

    /// Returns the name of the sink.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Says whether the alert goes to the sink. Somebody who tries sinks out means all of them.
    pub fn takes(&self, alert: &Alert) -> bool {
        let detection = &alert.detection;
        matches!(alert.kind, crate::AlertKind::Test)
            || self.config.takes(alert.severity, &detection.id, &detection.tags)
    }

    /// Sends an alert that says that nothing was found, past the spool.
    pub async fn send_test(&self, now: EventTime) -> Result<Delivered, SendError> {
        self.sink.send(&Alert::test(now)).await
    }

    /// Returns the sink.
    pub fn sink(&self) -> &Arc<dyn Sink> {
        &self.sink
    }
}

/// Makes the sinks of a configuration; every sink that cannot be used is reported. Nothing is
/// connected to, so that this checks a configuration too.
pub fn build_routes(
    config: &AlertsConfig,
    around: &Surroundings,
) -> Result<Vec<Route>, Vec<SinkSetupError>> {
    let mut routes = Vec::with_capacity(config.sinks.len());
    let mut errors = Vec::new();
    for sink in &config.sinks {
        match build(sink, around) {
            Ok(built) => routes.push(Route { config: sink.clone(), sink: built }),
            Err(reason) => errors.push(SinkSetupError { sink: sink.name.clone(), reason }),
        }
    }
    if errors.is_empty() { Ok(routes) } else { Err(errors) }
}

/// Reads `alerts.toml` and makes its sinks; none where there is no such file.
pub fn load_routes(
    folder: &Path,
    stdout: Option<Arc<dyn LineWriter>>,
    topics: Option<Arc<dyn TopicPublisher>>,
) -> Result<Vec<Route>, AlertsError> {
    let path = folder.join(ALERTS_FILE);
    let text = match read(&path) {
        Ok(text) => text,
        Err(SetupReason::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(reason) => return Err(AlertsError::Unreadable(reason)),
    };
    let config = parse_alerts(&path.display().to_string(), &text)?;
    let around = Surroundings { folder: folder.to_owned(), stdout, topics };
    build_routes(&config, &around).map_err(AlertsError::Sinks)
}

fn build(config: &SinkConfig, around: &Surroundings) -> Result<Arc<dyn Sink>, SetupReason> {
    let name = config.name.clone();
    Ok(match &config.target {
        SinkTarget::Stdout { format } => {
            let writer = around.stdout.clone();
            let writer = writer.ok_or(SetupReason::NotHere { what: "standard output" })?;
            Arc::new(LinesSink { name, format: format.clone(), writer })
        }
        SinkTarget::File { path, format } => {
            let path = around.folder.join(path);
            Arc::new(FileSink { name, format: format.clone(), path })
        }
        SinkTarget::Webhook(webhook) => Arc::new(build_webhook(config, webhook, around)?),
        SinkTarget::Slack { url, proxy } => {
            let url = web_address(url, around)?;
            Arc::new(SlackSink { name, target: target(config, url, proxy.as_ref())? })
        }
        SinkTarget::PagerDuty { routing_key, url, proxy } => {
            let routing_key = secret(routing_key, around)?;
            let target = target(config, url.clone(), proxy.as_ref())?;
            Arc::new(PagerDutySink { name, target, routing_key })
        }
        SinkTarget::Sns { topic_arn, format } => {
            let publisher = around.topics.clone();
            let publisher = publisher.ok_or(SetupReason::NotHere { what: "AWS" })?;
            let (topic_arn, format) = (topic_arn.clone(), format.clone());
            Arc::new(SnsSink { name, topic_arn, format, publisher })
        }
        SinkTarget::Email(email) => Arc::new(build_email(config, email, around)?),
    })
}

fn build_webhook(
    config: &SinkConfig,
    webhook: &WebhookConfig,
    around: &Surroundings,
) -> Result<WebhookSink, SetupReason> {
    let url = match &webhook.url {
        Setting::Secret(place) => web_address(place, around)?,
        Setting::Literal(text) => parse_url(text, "the URL")?,
    };
    let body = match &webhook.body {
        WebhookBodyConfig::Format(format) => WebhookBody::Format(format.clone()),
        WebhookBodyConfig::Template(path) => {
            let text = read(&around.folder.join(path))?;
            let template = Template::parse(&text);
            WebhookBody::Template(
                template.map_err(|source| SetupReason::Template { path: path.clone(), source })?,
            )
        }
    };
    let mut headers = HeaderMap::new();
    for (header, setting) in &webhook.headers {
        let (value, place) = match setting {
            Setting::Literal(text) => (text.clone(), header.clone()),
            Setting::Secret(place) => {
                (secret(place, around)?.reveal().to_owned(), shown_place(place))
            }
        };
        let wrong = || SetupReason::WrongSecret { place, expected: "the value of a header" };
        let Ok(header) = HeaderName::try_from(header.as_str()) else { return Err(wrong()) };
        let Ok(mut value) = HeaderValue::try_from(value) else { return Err(wrong()) };
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    let signing_key =
        webhook.signing_key.as_ref().map(|place| secret(place, around)).transpose()?;
    let target = target(config, url, webhook.proxy.as_ref())?;
    Ok(WebhookSink { name: config.name.clone(), target, body, headers, signing_key })
}

fn build_email(
    config: &SinkConfig,
    email: &EmailConfig,
    around: &Surroundings,
) -> Result<EmailSink, SetupReason> {
    let mailbox = |address: &String| {
        let parsed = address.parse::<Mailbox>();
        parsed.map_err(|_| SetupReason::MailAddress { address: address.clone() })
    };
    let login = match &email.login {
        Some((user, password)) => Some((user.clone(), secret(password, around)?)),
        None => None,
    };
    Ok(EmailSink {
        name: config.name.clone(),
        host: email.host.trim_matches(['[', ']']).to_owned(),
        port: email.port.unwrap_or(email.tls.default_port()),
        tls: email.tls,
        login,
        from: mailbox(&email.from)?,
        to: email.to.iter().map(mailbox).collect::<Result<_, _>>()?,
        timeout: config.timeout,
        policy: policy(config),
    })
}

fn policy(config: &SinkConfig) -> EgressPolicy {
    EgressPolicy::allowing(config.allow_private.clone())
}

fn target(config: &SinkConfig, url: Url, proxy: Option<&Url>) -> Result<HttpTarget, SetupReason> {
    if proxy.is_some() && url.scheme() != "https" {
        return Err(SetupReason::ProxyNeedsTls);
    }
    let options =
        HttpOptions { url, timeout: config.timeout, policy: policy(config), proxy: proxy.cloned() };
    HttpTarget::new(options).map_err(|error| SetupReason::Client { source: error.without_url() })
}

fn web_address(place: &SecretRef, around: &Surroundings) -> Result<Url, SetupReason> {
    parse_url(secret(place, around)?.reveal(), &shown_place(place))
}

fn parse_url(text: &str, place: &str) -> Result<Url, SetupReason> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let wrong = || SetupReason::WrongSecret { place: place.to_owned(), expected: "a web address" };
    url.filter(Url::has_host).ok_or_else(wrong)
}

fn secret(place: &SecretRef, around: &Surroundings) -> Result<Secret, SetupReason> {
    let text = match place {
        SecretRef::Env(variable) => env::var(variable).unwrap_or_default(),
        SecretRef::File(path) => read(&around.folder.join(path))?,
    };
    let text = text.trim();
    match (text.is_empty(), place) {
        (false, _) => Ok(Secret::new(text.to_owned())),
        (true, SecretRef::Env(variable)) => {
            Err(SetupReason::NoVariable { variable: variable.clone() })
        }
        (true, SecretRef::File(_)) => {
            Err(SetupReason::WrongSecret { place: shown_place(place), expected: "a secret" })
        }
    }
}

fn shown_place(place: &SecretRef) -> String {
    match place {
        SecretRef::Env(variable) => format!("the variable {variable}"),
        SecretRef::File(path) => format!("the file {path}"),
    }
}

fn read(path: &Path) -> Result<String, SetupReason> {
    let unreadable = |source| SetupReason::Unreadable { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(unreadable(io::Error::other("the file is too large")));
    }
    Ok(text)
}
