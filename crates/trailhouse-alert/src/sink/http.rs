//! One HTTP request to one address that is fixed by the configuration.

use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, Proxy, Response, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use url::{Host, Url};

use super::{SendError, SendErrorKind};
use crate::{
    egress::{EgressError, EgressPolicy, Transport},
    text::shown,
};

/// How much of an answer is looked at.
const ANSWER_BYTES_MAX: usize = 1024;
const ANSWER_CHARS_SHOWN_MAX: usize = 200;
/// However long the other side wants to be left alone, it is asked again after this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Where requests go and under which rules.
pub(crate) struct HttpOptions {
    pub(crate) url: Url,
    pub(crate) timeout: Duration,
    pub(crate) policy: EgressPolicy,
    pub(crate) proxy: Option<Url>,
}

/// Sends requests to one URL. The URL may be a secret: neither `Debug` nor errors show it.
pub(crate) struct HttpTarget {
    client: Client,
    url: Url,
    policy: EgressPolicy,
    proxy: Option<Url>,
    transport: Transport,
}

impl fmt::Debug for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTarget").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl HttpTarget {
    /// Makes a client that follows no redirect, heeds no proxy of the environment and connects to
    /// addresses that the policy allows. With a proxy the policy judges the proxy's address, since
    /// the proxy resolves the target's name.
    pub(crate) fn new(options: HttpOptions) -> Result<Self, reqwest::Error> {
        Self::with_lookup(options, system_lookup)
    }

    fn with_lookup(
        options: HttpOptions,
        lookup: fn(String) -> Lookup,
    ) -> Result<Self, reqwest::Error> {
        let HttpOptions { url, timeout, policy, proxy } = options;
        let is_tls = url.scheme() == "https";
        let transport = if is_tls { Transport::Tls } else { Transport::Plain };
        let resolver = GuardedResolver { policy: policy.clone(), transport, lookup };
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(timeout)
            .user_agent(concat!("trailhouse/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(resolver));
        if let Some(proxy) = &proxy {
            builder = builder.proxy(Proxy::all(proxy.clone())?);
        }
        let client = builder.build()?;
        Ok(Self { client, url, policy, proxy, transport })
    }

    /// Posts a body of JSON.
    pub(crate) async fn post(&self, headers: HeaderMap, body: String) -> Result<(), SendError> {
        self.check_literals()?;
        let request = self.client.post(self.url.clone()).headers(headers).body(body);
        match request.send().await {
            Ok(response) => judge(response).await,
            Err(error) => Err(failed(error)),
        }
    }

    /// The resolver sees names only; addresses in the URL and in that of the proxy are judged here.
    fn check_literals(&self) -> Result<(), SendError> {
        for url in std::iter::once(&self.url).chain(&self.proxy) {
            let address = match url.host() {
                Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
                Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
                Some(Host::Domain(_)) | None => continue,
            };
            let checked = self.policy.check(&address.to_string(), address, self.transport);
            checked.map_err(|error| SendError::permanent(error.to_string()))?;
        }
        Ok(())
    }
}

/// Resolves names to addresses that the policy allows; one that it refuses makes the whole name
/// unusable.
struct GuardedResolver {
    policy: EgressPolicy,
    transport: Transport,
    lookup: fn(String) -> Lookup,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, transport) = (self.policy.clone(), self.transport);
        let host = name.as_str().to_owned();
        let found = (self.lookup)(host.clone());
        Box::pin(async move {
            let mut addresses = Vec::new();
            for address in found.await? {
                policy.check(&host, address, transport)?;
                addresses.push(SocketAddr::new(address, 0));
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

fn system_lookup(host: String) -> Lookup {
    Box::pin(async move {
        let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    })
}

/// Decides by the status; the body is for people and may be cut off, endless or missing.
async fn judge(response: Response) -> Result<(), SendError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| retry_after(text, jiff::Timestamp::now()));
    let kind = match status {
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::CONFLICT
        | StatusCode::TOO_EARLY
        | StatusCode::TOO_MANY_REQUESTS => SendErrorKind::Retryable { after },
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => SendErrorKind::Rejected,
        status if status.is_server_error() => SendErrorKind::Retryable { after },
        _ => SendErrorKind::Permanent,
    };
    let answer = beginning(response).await;
    let hint = if status.is_redirection() { "; redirects are not followed" } else { "" };
    Err(SendError { kind, reason: format!("answered {status}{hint}: {answer}") })
}

async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= ANSWER_BYTES_MAX {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    shown(text.trim(), ANSWER_CHARS_SHOWN_MAX)
}

/// The URL is left out of the text: it may hold a secret.
fn failed(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    let mut causes = vec![error.to_string()];
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(next) = cause {
        if let Some(refused) = next.downcast_ref::<EgressError>() {
            return SendError::permanent(refused.to_string());
        }
        causes.push(next.to_string());
        cause = next.source();
    }
    let reason = shown(&causes.join(": "), 500);
    match error.is_builder() {
        true => SendError::permanent(reason),
        false => SendError::retryable(reason),
    }
}

/// Reads seconds or a date.
fn retry_after(text: &str, now: jiff::Timestamp) -> Option<Duration> {
    let text = text.trim();
    let after = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            Duration::try_from(at.duration_since(now)).unwrap_or_default()
        }
    };
    Some(after.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_says_when_to_come_back() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("30", Some(30)),
            (" 0 ", Some(0)),
            ("999999999", Some(3600)),
            ("Sat, 21 Nov 2026 10:01:00 GMT", Some(60)),
            ("Sat, 21 Nov 2026 09:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    fn target(url: &str, allow: &[&str], lookup: fn(String) -> Lookup) -> HttpTarget {
        let allowed = allow.iter().map(|network| network.parse().unwrap()).collect();
        let policy = EgressPolicy::allowing(allowed);
        let url = url.parse().unwrap();
        let timeout = Duration::from_secs(5);
        HttpTarget::with_lookup(HttpOptions { url, timeout, policy, proxy: None }, lookup).unwrap()
    }

    fn metadata(_: String) -> Lookup {
        Box::pin(async { Ok(vec!["169.254.169.254".parse().unwrap()]) })
    }

    fn public_and_private(_: String) -> Lookup {
        Box::pin(async { Ok(vec!["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()]) })
    }

    fn mapped(_: String) -> Lookup {
        Box::pin(async { Ok(vec!["::ffff:127.0.0.1".parse().unwrap()]) })
    }

    async fn check(url: &str, allow: &[&str], lookup: fn(String) -> Lookup, words: &str) {
        let error = target(url, allow, lookup).post(HeaderMap::new(), String::new()).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Permanent, "{error}");
        assert!(error.reason.contains(words), "{url}: {error}");
        assert!(!error.reason.contains("s3cret"), "{error}");
    }

    #[tokio::test]
    async fn what_is_judged_is_where_the_name_leads() {
        check("https://hooks.example/s3cret", &["169.254.0.0/16"], metadata, "credentials").await;
        check("https://hooks.example/s3cret", &[], public_and_private, "private").await;
        check("https://hooks.example/s3cret", &[], mapped, "loopback").await;
        check("http://localhost:9/s3cret", &[], system_lookup, "loopback").await;
    }

    #[tokio::test]
    async fn a_proxy_opens_no_way_to_credentials() {
        let url = "https://169.254.169.254/s3cret".parse().unwrap();
        let proxy = Some("http://127.0.0.1:9".parse().unwrap());
        let policy = EgressPolicy::allowing(vec!["0.0.0.0/0".parse().unwrap()]);
        let timeout = Duration::from_secs(5);
        let target = HttpTarget::new(HttpOptions { url, timeout, policy, proxy }).unwrap();
        let error = target.post(HeaderMap::new(), String::new()).await.unwrap_err();
        assert!(error.reason.contains("credentials"), "{error}");
    }

    #[tokio::test]
    async fn an_address_in_the_url_is_judged_however_it_is_written() {
        for url in [
            "https://169.254.169.254/s3cret",
            "https://0xa9fea9fe/s3cret",
            "https://2852039166/s3cret",
            "https://[::ffff:a9fe:a9fe]/s3cret",
            "https://[fd00:ec2::254]/s3cret",
        ] {
            check(url, &["0.0.0.0/0", "::/0"], metadata, "credentials").await;
        }
        check("http://127.1/s3cret", &[], metadata, "loopback").await;
        check("http://017700000001/s3cret", &[], metadata, "loopback").await;
        check("http://8.8.8.8/s3cret", &[], metadata, "use TLS").await;
    }
}
