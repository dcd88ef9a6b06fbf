//! Runs the machines against ports: the traits of the outside, the driver, the decode pool, drain.

pub mod clock;
pub mod commit_object;
pub mod decode_pool;
pub mod drain;
#[cfg(any(test, feature = "testing"))]
pub mod fakes;
pub mod ingest_driver;
pub mod observer;
pub mod ports;

pub use clock::{Clock, FixedClock, SystemClock};
pub use commit_object::{committed_object, decode_context, refused_prefix};
pub use decode_pool::{DecodePool, PoolDecodeError};
pub use drain::{Drain, StopSignal, install_signal_drain};
pub use ingest_driver::{DriveError, IngestPorts, drive_ingest};
pub use observer::{IngestObserver, PortCall, Quarantined, StoredObject, Turn, Unobserved};
pub use ports::{
    AcknowledgeReport, BoxError, CircuitKey, CommitObject, CommitRequest, LakeWriter, MessageBody,
    NotificationQueue, ObjectReader, PortError, PortErrorKind, QueueMessage, ReceiptHandle,
    error_chain,
};
