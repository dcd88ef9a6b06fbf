//! The words of the domain: identifiers, object references, times, severities, dispositions.
//!
//! Everything here is plain data that every other crate agrees on. Nothing reads a clock, a file
//! or the environment.

pub mod commit;
pub mod disposition;
pub mod ids;
pub mod object;
pub mod quarantine;
pub mod severity;
pub mod time;

pub use commit::{CommitOutcome, CommittedObject, ObjectOutcome};
pub use disposition::{Classify, Disposition};
pub use ids::{BatchId, BucketName, ETag, ObjectKey, TableVersion};
pub use object::{ContentHash, ObjectId, ObjectRef};
pub use quarantine::{QuarantineEntry, QuarantineId, QuarantineReason, QuarantineStage};
pub use severity::Severity;
pub use time::EventTime;
