//! A webhook of any kind: JSON by POST, signed.

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sha2::Sha256;

use super::{Delivered, SendError, Sink, http::HttpTarget};
use trailhouse_detect::alerts::AlertFormat;

use crate::{Alert, Template, config::Secret, format};

/// The header with the time of signing and the signature.
pub(crate) const SIGNATURE_HEADER: &str = "trailhouse-signature";
/// The header by which the receiver tells repeats.
pub(crate) const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// Many servers take no more. A larger row stays in the lake.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What a body is made of.
#[derive(Debug)]
pub(crate) enum WebhookBody {
    Format(AlertFormat),
    Template(Template),
}

impl WebhookBody {
    fn write(&self, alert: &Alert) -> String {
        match self {
            Self::Format(format) => format::write_within(format, alert, BODY_BYTES_MAX),
            Self::Template(template) => {
                let full = template.fill(alert);
                let fits = full.len() <= BODY_BYTES_MAX;
                if fits { full } else { template.fill(&alert.without_row()) }
            }
        }
    }
}

/// Posts alerts to a URL.
#[derive(Debug)]
pub(crate) struct WebhookSink {
    pub(crate) name: String,
    pub(crate) target: HttpTarget,
    pub(crate) body: WebhookBody,
    /// Marked as sensitive where they come from the environment or a file.
    pub(crate) headers: HeaderMap,
    pub(crate) signing_key: Option<Secret>,
}

#[async_trait]
impl Sink for WebhookSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, alert: &Alert) -> Result<Delivered, SendError> {
        let body = self.body.write(alert);
        let mut headers = json_headers(alert);
        if let Some(key) = &self.signing_key {
            let signed = signature(key, jiff::Timestamp::now().as_second(), &body);
            let signed = HeaderValue::try_from(signed);
            headers.extend(signed.ok().map(|value| (header(SIGNATURE_HEADER), value)));
        }
        headers.extend(self.headers.clone());
        self.target.post(headers, body).await.map(|()| Delivered::default())
    }
}

/// Returns the headers that every request of JSON has.
pub(crate) fn json_headers(alert: &Alert) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // A fingerprint that no header can hold is not ours; the body names it anyway.
    if let Ok(key) = HeaderValue::try_from(alert.idempotency_key()) {
        headers.insert(header(IDEMPOTENCY_HEADER), key);
    }
    headers
}

fn header(name: &'static str) -> reqwest::header::HeaderName {
    reqwest::header::HeaderName::from_static(name)
}

/// Signs a body: `t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of `SECONDS.BODY`.
pub(crate) fn signature(key: &Secret, seconds: i64, body: &str) -> String {
    // Every length of key is taken; the error type is that of other algorithms.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()) else {
        return String::new();
    };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let signed = signature(&Secret::new("key".to_owned()), 1_700_000_000, "{\"a\":1}");
        let expected =
            "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        assert_eq!(signed, expected);
    }
}
