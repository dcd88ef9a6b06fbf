//! The program without its command line: puts adapters, machines and packs together.

mod demo;
pub mod detect;
mod error;
mod ingest;
mod lake;
mod packs;
pub mod quarantine;
mod query;
mod repeats;
mod status;
mod telemetry;
mod watch;

pub use demo::{DemoReport, demo};
pub use error::{FailureKind, ServiceError};
pub use ingest::{
    IngestSelection, IngestSettings, IngestSummary, Listed, Progress, Window, ingest,
};
pub use lake::LakeAddress;
pub use packs::{load_pack, read_pack};
pub use query::{query, query_error};
pub use status::{FRESHNESS_SQL, LakeStatus, REPEATS_SQL, status};
pub use telemetry::{LoopbackAddress, LoopbackAddressError, StatusServer};
pub use trailhouse_aws::AwsOptions;
pub use trailhouse_decode::DecodeLimits;
pub use trailhouse_ingest::IngestReport;
pub use trailhouse_lake::Durability;
pub use trailhouse_runtime::{Drain, StopSignal, error_chain, install_signal_drain};
pub use trailhouse_sample::SampleAccount;
pub use watch::{WatchSettings, WatchSource, WatchUntil, watch};
