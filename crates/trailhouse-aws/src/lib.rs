//! S3 and SQS as queue and object store: the only crate that knows the AWS SDK.
//!
//! SDK errors are looked at in `classify` only; everything else sees a
//! [`trailhouse_runtime::PortErrorKind`].

mod address;
mod buckets;
mod classify;
mod client;
mod lake_store;
mod listing;
mod listing_counts;
mod listing_steps;
mod object;
mod queue;
mod queue_facts;
mod topics;

pub use address::{QueueAddress, QueueAddressError, S3Url, S3UrlError};
pub use client::{AwsClients, AwsOptions};
pub use lake_store::LakeStoreError;
pub use listing::S3Listing;
pub use listing_counts::ListingCounts;
pub use object::S3Reader;
pub use queue::{QueueDepth, SqsQueue};
pub use queue_facts::QueueFacts;
pub use topics::SnsTopics;
