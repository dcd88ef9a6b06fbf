//! The program without its command line: puts adapters, machines and packs together.

pub mod alerts;
mod context;
mod count;
mod demo;
pub mod detect;
mod error;
mod ingest;
pub mod intel;
mod lake;
mod packs;
pub mod quarantine;
mod query;
mod site;
mod status;
mod table;
mod telemetry;
mod watch;

pub use context::load_context;
pub use demo::{DemoReport, demo};
pub use error::{FailureKind, ServiceError};
pub use ingest::{
    IngestSelection, IngestSettings, IngestSummary, Listed, Progress, Window, ingest,
};
pub use lake::LakeAddress;
pub use packs::{PackPlace, load_pack, load_packs, read_pack};
pub use query::{query, query_error};
pub use site::SiteFolder;
pub use status::{FRESHNESS_SQL, LakeStatus, REPEATS_SQL, status};
pub use table::{OptimizeSettings, OptimizedGroup, expire, history, optimize, vacuum};
pub use telemetry::{LoopbackAddress, LoopbackAddressError, StatusServer};
pub use trailhouse_alert::{LineWriter, Route};
pub use trailhouse_aws::AwsOptions;
pub use trailhouse_decode::DecodeLimits;
pub use trailhouse_ingest::IngestReport;
pub use trailhouse_lake::{Compacted, CompactionOptions, Durability, TableName, VersionSummary};
pub use trailhouse_runtime::{Drain, StopSignal, error_chain, install_signal_drain};
pub use trailhouse_sample::SampleAccount;
pub use watch::{WatchSettings, WatchSource, WatchUntil, watch};
