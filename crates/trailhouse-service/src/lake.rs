//! Where a lake is, and opening it.

use trailhouse_aws::{AwsClients, AwsOptions, LakeStoreError, S3Url};
use trailhouse_lake::{Durability, Lake, LakeOptions};

use crate::error::{FailureKind, ServiceError};

/// Where a lake is and how to reach it.
#[derive(Debug, Clone, Default)]
pub struct LakeAddress {
    /// A local path, a `file://` URL or `s3://bucket/prefix`.
    pub uri: String,
    /// How to reach S3.
    pub aws: AwsOptions,
    /// What a commit on a local disk survives.
    pub durability: Durability,
}

impl LakeAddress {
    /// Opens the lake that is there.
    pub(crate) async fn open(&self) -> Result<Lake, ServiceError> {
        Ok(Lake::open_with(&self.uri, &self.options().await?).await?)
    }

    /// Opens the lake, making it where there is none.
    pub(crate) async fn create_or_open(&self) -> Result<Lake, ServiceError> {
        Ok(Lake::create_or_open_with(&self.uri, &self.options().await?).await?)
    }

    async fn options(&self) -> Result<LakeOptions, ServiceError> {
        let mut options = LakeOptions { durability: self.durability, ..LakeOptions::default() };
        if self.uri.starts_with("s3://") {
            let place: S3Url = self
                .uri
                .parse()
                .map_err(|error| ServiceError::new(FailureKind::Usage, format!("{error}")))?;
            let clients = AwsClients::load(&self.aws).await;
            options.bucket = Some(clients.lake_store(&place.bucket).await?);
        }
        Ok(options)
    }
}

impl From<LakeStoreError> for ServiceError {
    fn from(error: LakeStoreError) -> Self {
        let hint = match &error {
            LakeStoreError::UnsafeRename | LakeStoreError::Settings { .. } => None,
            LakeStoreError::PlainHttp { .. } => Some("use https, or an endpoint on 127.0.0.1"),
        };
        let made = Self::new(FailureKind::Configuration, trailhouse_runtime::error_chain(&error));
        match hint {
            Some(hint) => made.with_hint(hint),
            None => made,
        }
    }
}
