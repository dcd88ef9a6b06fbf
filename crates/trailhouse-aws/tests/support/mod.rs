//! What the integration tests share.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use trailhouse_aws::AwsClients;
use trailhouse_model::{BucketName, ObjectKey, ObjectRef};

/// A configuration with made-up credentials, no retries and no look at the environment.
pub(crate) fn config(region: Option<&'static str>) -> SdkConfig {
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.map(Region::from_static))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().read_timeout(Duration::from_secs(30)).build())
        .build()
}

pub(crate) fn clients(endpoint_url: &str) -> AwsClients {
    AwsClients::from_sdk_config(config(Some("us-east-1")), Some(endpoint_url.to_owned()))
}

pub(crate) fn object(bucket: &str, key: &str) -> ObjectRef {
    ObjectRef::new(BucketName::new(bucket), ObjectKey::new(key))
}
