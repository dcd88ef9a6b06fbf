//! The bucket of a lake as the store that the Delta library writes to.
//!
//! Its region, endpoint and credentials are those of the other adapters, so what `--profile` and
//! the environment say holds for the lake as well.

use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError},
};
use object_store::{
    ClientOptions, CredentialProvider, Error, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, S3ConditionalPut},
};
use tokio::sync::Mutex;
use trailhouse_model::BucketName;
use trailhouse_runtime::PortErrorKind;
use url::{Host, Url};

use crate::{
    classify::classify_credentials,
    client::{AwsClients, FALLBACK_REGION},
};

/// What other writers of Delta tables take as leave to overwrite each other's log entries.
const UNSAFE_RENAME_VARIABLE: &str = "AWS_S3_ALLOW_UNSAFE_RENAME";
const TRUE_VALUES: [&str; 5] = ["1", "true", "on", "yes", "y"];

/// How the objects of a lake are encrypted, by the names that other Delta writers use too. Without
/// any, the bucket's own default applies.
const ENCRYPTION_VARIABLES: [&str; 3] =
    ["AWS_SERVER_SIDE_ENCRYPTION", "AWS_SSE_KMS_KEY_ID", "AWS_SSE_BUCKET_KEY_ENABLED"];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A data file is sent in one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// What repeats a commit knows more about it than a repeated request does.
const RETRIES_MAX: usize = 3;

/// How long before their end credentials are asked for again.
const RENEWED_BEFORE_END: Duration = Duration::from_secs(5 * 60);
/// How long credentials without an end are kept: their source may hold others by then.
const KEPT_MAX: Duration = Duration::from_secs(15 * 60);

/// No store can be made for the bucket.
#[derive(Debug, thiserror::Error)]
pub enum LakeStoreError {
    /// Somebody allowed what would lose commits.
    #[error(
        "AWS_S3_ALLOW_UNSAFE_RENAME is set: it lets writers overwrite each other's commits; unset it"
    )]
    UnsafeRename,
    /// Everything would cross a network in the clear.
    #[error("a lake is not written over plain HTTP to another machine: {endpoint_url}")]
    PlainHttp {
        /// The endpoint.
        endpoint_url: String,
    },
    /// The settings do not fit together.
    #[error("failed to set up the store of bucket {bucket}")]
    Settings {
        /// The bucket.
        bucket: BucketName,
        /// What does not fit.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl AwsClients {
    /// Makes the store of a lake's bucket; its root is the root of the bucket. Asks S3 for the
    /// bucket's region, unless there is an endpoint of its own.
    pub async fn lake_store(
        &self,
        bucket: &BucketName,
    ) -> Result<Arc<dyn ObjectStore>, LakeStoreError> {
        let variable = |name: &str| std::env::var(name).ok();
        refuse_unsafe_rename(variable(UNSAFE_RENAME_VARIABLE).as_deref())?;
        let endpoint_url = self.s3_endpoint_url();
        let region = match &endpoint_url {
            Some(_) => self.region().unwrap_or(FALLBACK_REGION).to_owned(),
            None => self.buckets().region_for(bucket.as_str()).await,
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket.as_str())
            .with_region(region)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(client_options())
            .with_retry(RetryConfig { max_retries: RETRIES_MAX, ..RetryConfig::default() });
        if let Some(provider) = self.credentials_provider() {
            builder = builder.with_credentials(Arc::new(LakeCredentials::new(provider)));
        }
        for name in ENCRYPTION_VARIABLES {
            if let Some(value) = variable(name) {
                let key: AmazonS3ConfigKey =
                    name.to_ascii_lowercase().parse().map_err(|error| settings(bucket, error))?;
                builder = builder.with_config(key, value);
            }
        }
        if let Some(endpoint_url) = endpoint_url {
            builder = with_endpoint(builder, endpoint_url)?;
        }
        Ok(Arc::new(builder.build().map_err(|error| settings(bucket, error))?))
    }
}

fn settings(bucket: &BucketName, error: Error) -> LakeStoreError {
    LakeStoreError::Settings { bucket: bucket.clone(), source: Box::new(error) }
}

fn refuse_unsafe_rename(value: Option<&str>) -> Result<(), LakeStoreError> {
    let is_true = value.is_some_and(|value| {
        TRUE_VALUES.iter().any(|word| word.eq_ignore_ascii_case(value.trim()))
    });
    if is_true { Err(LakeStoreError::UnsafeRename) } else { Ok(()) }
}

fn client_options() -> ClientOptions {
    ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT).with_timeout(REQUEST_TIMEOUT)
}

fn with_endpoint(
    builder: AmazonS3Builder,
    endpoint_url: String,
) -> Result<AmazonS3Builder, LakeStoreError> {
    let is_plain = endpoint_url.to_ascii_lowercase().starts_with("http:");
    if is_plain && !is_this_machine(&endpoint_url) {
        return Err(LakeStoreError::PlainHttp { endpoint_url });
    }
    let options = client_options().with_allow_http(is_plain);
    // Stand-ins for S3 have no name for each bucket.
    Ok(builder
        .with_endpoint(endpoint_url)
        .with_virtual_hosted_style_request(false)
        .with_client_options(options))
}

fn is_this_machine(endpoint_url: &str) -> bool {
    let url = Url::parse(endpoint_url).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Credentials of the SDK, kept until shortly before they end.
struct LakeCredentials {
    provider: SharedCredentialsProvider,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    credential: Arc<AwsCredential>,
    renew_at: SystemTime,
    ends_at: Option<SystemTime>,
}

impl LakeCredentials {
    fn new(provider: SharedCredentialsProvider) -> Self {
        Self { provider, kept: Mutex::default() }
    }

    async fn at(&self, now: SystemTime) -> Result<Arc<AwsCredential>, CredentialsError> {
        let mut kept = self.kept.lock().await;
        if let Some(fresh) = kept.as_ref().filter(|kept| now < kept.renew_at) {
            return Ok(Arc::clone(&fresh.credential));
        }
        match self.provider.provide_credentials().await {
            Ok(credentials) => {
                let renewed = Kept::new(&credentials, now);
                let credential = Arc::clone(&renewed.credential);
                *kept = Some(renewed);
                Ok(credential)
            }
            // Their source is out of reach for a moment; they are still good.
            Err(error) => match kept.as_ref() {
                Some(old) if old.ends_at.is_some_and(|end| now < end) => {
                    tracing::warn!(%error, "failed to renew credentials before their end");
                    Ok(Arc::clone(&old.credential))
                }
                Some(_) | None => Err(error),
            },
        }
    }
}

impl Kept {
    fn new(credentials: &Credentials, now: SystemTime) -> Self {
        let ends_at = credentials.expiry();
        let before_end = ends_at.and_then(|end| end.checked_sub(RENEWED_BEFORE_END));
        let credential = AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        };
        Self {
            credential: Arc::new(credential),
            renew_at: before_end.unwrap_or(now + KEPT_MAX),
            ends_at,
        }
    }
}

impl fmt::Debug for LakeCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LakeCredentials")
    }
}

#[async_trait]
impl CredentialProvider for LakeCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.at(SystemTime::now()).await.map_err(|error| credentials_error(&error))
    }
}

/// What may pass is an error of the store; what will not is a refusal.
fn credentials_error(error: &CredentialsError) -> Error {
    let trouble = classify_credentials(error);
    let kind = trouble.kind;
    let source = Box::new(trouble.into_port_error("sign request", "credentials".to_owned()));
    match kind {
        PortErrorKind::Unavailable | PortErrorKind::Throttled => {
            Error::Generic { store: "S3", source }
        }
        PortErrorKind::NotFound
        | PortErrorKind::Archived
        | PortErrorKind::Denied
        | PortErrorKind::TooLarge
        | PortErrorKind::Corrupt
        | PortErrorKind::Misconfigured
        | PortErrorKind::Bug => Error::Unauthenticated { path: "S3".to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use aws_credential_types::provider::{SharedCredentialsProvider, future};

    use super::*;

    /// Gives numbered credentials that end at a time; out of reach from a call on.
    #[derive(Debug)]
    struct Source {
        calls: Arc<AtomicU64>,
        ends_at: Option<SystemTime>,
        fails_from: u64,
    }

    impl ProvideCredentials for Source {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let call = self.calls.fetch_add(1, Ordering::SeqCst);
            future::ProvideCredentials::ready(if call < self.fails_from {
                let id = format!("key-{call}");
                Ok(Credentials::new(id, "secret", None, self.ends_at, "test"))
            } else {
                Err(CredentialsError::provider_timed_out(Duration::from_secs(1)))
            })
        }
    }

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    /// Asks at each second and compares the key that comes, `None` for an error.
    async fn check(ends_at: Option<u64>, fails_from: u64, expected: &[(u64, Option<&str>)]) {
        let source = Source { calls: Arc::default(), ends_at: ends_at.map(at), fails_from };
        let credentials = LakeCredentials::new(SharedCredentialsProvider::new(source));
        for (secs, key) in expected {
            let got = credentials.at(at(*secs)).await.ok();
            assert_eq!(got.as_ref().map(|got| got.key_id.as_str()), *key, "at {secs} s");
        }
    }

    #[tokio::test]
    async fn credentials_are_renewed_before_their_end() {
        let expected = [(0, Some("key-0")), (699, Some("key-0")), (700, Some("key-1"))];
        check(Some(1_000), u64::MAX, &expected).await;
    }

    #[tokio::test]
    async fn credentials_without_an_end_are_asked_for_again() {
        let expected = [(0, Some("key-0")), (899, Some("key-0")), (900, Some("key-1"))];
        check(None, u64::MAX, &expected).await;
    }

    #[tokio::test]
    async fn good_credentials_outlive_an_outage_of_their_source() {
        let expected = [(0, Some("key-0")), (800, Some("key-0")), (1_000, None)];
        check(Some(1_000), 1, &expected).await;
        check(None, 0, &[(0, None)]).await;
    }

    #[test]
    fn missing_credentials_are_a_refusal_and_silence_is_not() {
        let missing = credentials_error(&CredentialsError::not_loaded_no_source());
        assert!(matches!(missing, Error::Unauthenticated { .. }), "{missing}");
        let silence = CredentialsError::provider_timed_out(Duration::from_secs(1));
        let silence = credentials_error(&silence);
        assert!(matches!(silence, Error::Generic { .. }), "{silence}");
    }

    #[test]
    fn unsafe_renames_are_refused_in_every_spelling() {
        for value in ["1", "true", "TRUE", "on", "Yes", " y "] {
            assert!(refuse_unsafe_rename(Some(value)).is_err(), "{value}");
        }
        for value in [None, Some(""), Some("0"), Some("false"), Some("no")] {
            assert!(refuse_unsafe_rename(value).is_ok(), "{value:?}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let accepts = |endpoint_url: &str| {
            with_endpoint(AmazonS3Builder::new(), endpoint_url.to_owned()).is_ok()
        };
        for endpoint_url in
            ["http://127.0.0.1:1", "http://localhost", "http://[::1]:1", "https://s3.example.com"]
        {
            assert!(accepts(endpoint_url), "{endpoint_url}");
        }
        for endpoint_url in
            ["http://s3.example.com", "HTTP://10.0.0.1", "http://127.0.0.1.example.com", "http:"]
        {
            assert!(!accepts(endpoint_url), "{endpoint_url}");
        }
    }
}
