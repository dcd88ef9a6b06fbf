//! E-mail by SMTP.

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};

use trailhouse_detect::alerts::EmailTls;

use super::{Delivered, SendError, Sink};
use crate::{
    Alert,
    config::Secret,
    egress::{EgressPolicy, Transport},
    format::email,
    text::shown,
};

/// Sends alerts to a list of people.
#[derive(Debug)]
pub(crate) struct EmailSink {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: EmailTls,
    pub(crate) login: Option<(String, Secret)>,
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) timeout: Duration,
    pub(crate) policy: EgressPolicy,
}

#[async_trait]
impl Sink for EmailSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, alert: &Alert) -> Result<Delivered, SendError> {
        let message = self.message(alert)?;
        let sending = async {
            let address = self.address().await?;
            let transport = self.transport(address)?;
            transport.send(message).await.map_err(|error| failed(&error))
        };
        match tokio::time::timeout(self.timeout, sending).await {
            Ok(sent) => {
                let first = sent?.first_line().map(|line| shown(line, 200));
                Ok(Delivered { receipt: first })
            }
            Err(_) => Err(SendError::retryable("the mail server takes too long")),
        }
    }
}

impl EmailSink {
    fn message(&self, alert: &Alert) -> Result<Message, SendError> {
        let parts = email::parts(alert);
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(parts.subject)
            .message_id(Some(self.message_id(alert)));
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let body = MultiPart::alternative_plain_html(parts.text, parts.html);
        let made = builder.multipart(body);
        made.map_err(|error| SendError::rejected(format!("failed to write e-mail: {error}")))
    }

    /// The same alert has the same id, by which mail programs drop repeats.
    fn message_id(&self, alert: &Alert) -> String {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let local: String = alert.idempotency_key().chars().filter(is_plain).take(150).collect();
        format!("<{local}.{}@{}>", self.name, self.from.email.domain())
    }

    /// Resolves the server; every address must be allowed, and the first is used.
    async fn address(&self) -> Result<IpAddr, SendError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let found =
            found.map_err(|error| SendError::retryable(format!("{}: {error}", self.host)))?;
        let mut first = None;
        for address in found {
            self.check(address.ip())?;
            first = first.or(Some(address.ip()));
        }
        first.ok_or_else(|| SendError::retryable(format!("{} has no address", self.host)))
    }

    fn check(&self, address: IpAddr) -> Result<(), SendError> {
        let transport = match self.tls {
            EmailTls::StartTls | EmailTls::Tls => Transport::Tls,
            EmailTls::None => Transport::Plain,
        };
        let checked = self.policy.check(&self.host, address, transport);
        checked.map_err(|error| SendError::permanent(error.to_string()))?;
        if self.tls == EmailTls::None && !address.to_canonical().is_loopback() {
            let reason = format!("{} is not on this machine; use starttls or tls", self.host);
            return Err(SendError::permanent(reason));
        }
        Ok(())
    }

    /// Connects to the address that was judged; the certificate must be for the name.
    fn transport(&self, address: IpAddr) -> Result<AsyncSmtpTransport<Tokio1Executor>, SendError> {
        let parameters = || {
            TlsParameters::new(self.host.clone())
                .map_err(|error| SendError::permanent(format!("failed to set up TLS: {error}")))
        };
        let tls = match self.tls {
            EmailTls::StartTls => Tls::Required(parameters()?),
            EmailTls::Tls => Tls::Wrapper(parameters()?),
            EmailTls::None => Tls::None,
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
                .port(self.port)
                .tls(tls)
                .timeout(Some(self.timeout));
        if let Some((user, password)) = &self.login {
            let login = Credentials::new(user.clone(), password.reveal().to_owned());
            builder = builder.credentials(login);
        }
        Ok(builder.build())
    }
}

/// SMTP says by its code whether trying again helps.
fn failed(error: &lettre::transport::smtp::Error) -> SendError {
    let reason = shown(&error.to_string(), 300);
    let code = error.status().map(u16::from);
    match code {
        // Login refused, sender refused: no alert gets through.
        Some(530 | 534 | 535 | 538) => SendError::permanent(reason),
        Some(500..) => SendError::rejected(reason),
        Some(_) | None => SendError::retryable(reason),
    }
}
