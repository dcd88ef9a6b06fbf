//! From the user's options to SDK clients.

use std::{sync::Arc, time::Duration};

use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig, default_provider::region::DefaultRegionChain,
    profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig, retry::RetryConfig,
    sts::AssumeRoleProvider, timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::buckets::Buckets;

/// Where S3 looks first, and where STS is asked, when no region is configured anywhere. S3 answers
/// from there with the right one.
pub(crate) const FALLBACK_REGION: &str = "us-east-1";

const ATTEMPTS_MAX: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The SDK heeds it by itself; the store of a lake has to be told.
const S3_ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_S3";
const ROLE_SESSION_NAME: &str = "trailhouse";

/// What the user says about AWS. Everything absent comes from the environment and the profile, as
/// with any AWS tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsOptions {
    /// The profile to use; it wins over credentials in the environment.
    pub profile: Option<String>,
    /// The region to use; it wins over what a queue URL says.
    pub region: Option<String>,
    /// The address of S3 and SQS where they are not those of AWS.
    pub endpoint_url: Option<String>,
    /// The role to assume.
    pub role_arn: Option<String>,
    /// What the role's trust policy wants to hear.
    pub external_id: Option<String>,
}

/// The configuration that all adapters of this crate share; cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsClients {
    config: SdkConfig,
    endpoint_url: Option<String>,
    buckets: Arc<Buckets>,
}

impl AwsClients {
    /// Loads the configuration. Credentials are asked for at the first call, not here.
    pub async fn load(options: &AwsOptions) -> Self {
        let config = with_profile(aws_config::defaults(BehaviorVersion::latest()), options)
            .await
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .read_timeout(READ_TIMEOUT)
                    .build(),
            )
            .load()
            .await;
        let config = with_role(config, options).await;
        Self::from_sdk_config(config, options.endpoint_url.clone())
    }

    /// Takes a configuration that was made elsewhere, with its retries and timeouts.
    pub fn from_sdk_config(config: SdkConfig, endpoint_url: Option<String>) -> Self {
        let mut s3 = aws_sdk_s3::config::Builder::from(&config);
        if endpoint_url.is_some() || config.endpoint_url().is_some() {
            s3 = s3.force_path_style(true);
        }
        if let Some(address) = &endpoint_url {
            s3 = s3.endpoint_url(address);
        }
        let region = config.region().map_or(FALLBACK_REGION, Region::as_ref).to_owned();
        let buckets = Arc::new(Buckets::new(s3.build(), region));
        Self { config, endpoint_url, buckets }
    }

    pub(crate) fn buckets(&self) -> &Arc<Buckets> {
        &self.buckets
    }

    pub(crate) fn region(&self) -> Option<&str> {
        self.config.region().map(Region::as_ref)
    }

    pub(crate) fn credentials_provider(&self) -> Option<SharedCredentialsProvider> {
        self.config.credentials_provider()
    }

    /// Returns the address of S3 that is configured, by option or in the environment.
    pub(crate) fn s3_endpoint_url(&self) -> Option<String> {
        self.endpoint_url
            .clone()
            .or_else(|| std::env::var(S3_ENDPOINT_VARIABLE).ok())
            .or_else(|| self.config.endpoint_url().map(str::to_owned))
    }

    /// Returns whether an address for SQS is configured, by option or in the environment.
    pub(crate) fn has_endpoint_url(&self) -> bool {
        self.endpoint_url.is_some() || self.config.endpoint_url().is_some()
    }

    /// Makes a client whose calls may take `wait` longer than others. `endpoint_url` is used where
    /// the options name none.
    pub(crate) fn sqs(
        &self,
        region: &str,
        endpoint_url: Option<&str>,
        wait: Duration,
    ) -> aws_sdk_sqs::Client {
        let timeouts =
            self.config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled);
        let timeouts =
            timeouts.to_builder().read_timeout(READ_TIMEOUT.saturating_add(wait)).build();
        let mut sqs = aws_sdk_sqs::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .timeout_config(timeouts);
        if let Some(address) = self.endpoint_url.as_deref().or(endpoint_url) {
            sqs = sqs.endpoint_url(address);
        }
        aws_sdk_sqs::Client::from_conf(sqs.build())
    }

    /// Makes a client for the topics of a region.
    pub(crate) fn sns(&self, region: &str) -> aws_sdk_sns::Client {
        let mut sns =
            aws_sdk_sns::config::Builder::from(&self.config).region(Region::new(region.to_owned()));
        if let Some(address) = &self.endpoint_url {
            sns = sns.endpoint_url(address);
        }
        aws_sdk_sns::Client::from_conf(sns.build())
    }
}

/// The SDK prefers credentials in the environment to a profile that is named in code; people who
/// write `--profile` mean the profile.
async fn with_profile(loader: ConfigLoader, options: &AwsOptions) -> ConfigLoader {
    let mut loader = loader;
    let mut region = options.region.clone().map(Region::new);
    if let Some(profile) = &options.profile {
        if region.is_none() {
            region = DefaultRegionChain::builder().profile_name(profile).build().region().await;
        }
        // A profile that assumes a role or signs on needs a region even where nothing names one.
        let sts_region = region.clone().unwrap_or_else(|| Region::from_static(FALLBACK_REGION));
        let provider_config = ProviderConfig::without_region().with_region(Some(sts_region));
        let credentials = ProfileFileCredentialsProvider::builder()
            .configure(&provider_config)
            .profile_name(profile)
            .build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    match region {
        Some(region) => loader.region(region),
        None => loader,
    }
}

async fn with_role(config: SdkConfig, options: &AwsOptions) -> SdkConfig {
    let Some(role_arn) = &options.role_arn else {
        return config;
    };
    let region = config.region().cloned().unwrap_or_else(|| Region::from_static(FALLBACK_REGION));
    let mut role = AssumeRoleProvider::builder(role_arn)
        .configure(&config)
        .region(region)
        .session_name(ROLE_SESSION_NAME);
    if let Some(external_id) = &options.external_id {
        role = role.external_id(external_id);
    }
    let provider = SharedCredentialsProvider::new(role.build().await);
    config.into_builder().credentials_provider(provider).build()
}
