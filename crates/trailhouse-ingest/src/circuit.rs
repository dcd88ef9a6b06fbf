//! What a refusal concerns.

use std::fmt;

use trailhouse_model::BucketName;

/// What has to change before a refused object can be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CircuitKey {
    /// The bucket, or our rights on it.
    Bucket(BucketName),
    /// The KMS key of the object, or our rights on it; by its ARN.
    KmsKey(String),
}

impl fmt::Display for CircuitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket(bucket) => write!(f, "bucket {bucket}"),
            Self::KmsKey(key) => write!(f, "KMS key {key}"),
        }
    }
}
