//! The lake: Delta tables that hold events, what became of every source object, what could not be
//! used, and what detections found.
//!
//! What is in a table's log is the truth. A commit is one log entry, put where no entry is yet: a
//! compare-and-swap on the table's version. The entry of an events commit lists its objects, so
//! data and ledger are one atomic write; duplicates are dropped against the very version that the
//! commit builds on. An error is never taken for an answer: what stands in the log decides.

mod clock;
mod compaction;
mod conditional_put;
mod data_file;
pub mod disk;
pub mod durable_files;
mod encoders;
mod entry;
pub mod error;
mod event_files;
pub mod event_writer;
mod filter_blocks;
pub mod finding_rows;
mod findings;
mod history;
mod keyed;
pub mod lake;
mod ledger;
mod log;
pub mod maintenance;
mod object_line;
mod projection;
pub mod quarantine;
mod quarantine_rows;
mod resident;
mod retention;
mod rewrite;
pub mod run_record;
mod runs;
mod same_event;
mod scan;
mod schema_check;
mod spill;
mod stats;
pub mod status;
pub mod store;
mod table_states;
mod tables;
mod tally;
mod uri;
mod writer_state;

pub use compaction::{Compacted, CompactionGroup, CompactionOptions};
pub use error::LakeError;
pub use event_writer::EventWriter;
pub use filter_blocks::{BLOCK_BYTES, FilterBlocks, blocks_in_footer, blocks_in_tags};
pub use findings::{AlertKind, Appended, FindingRow};
pub use history::VersionSummary;
pub use lake::{AddedFile, Lake};
pub use quarantine::{FailedAttempt, Refusal, StoredQuarantine};
pub use retention::{Expired, Vacuumed};
pub use run_record::{RunCounts, RunKind, RunRecord, RunStatus};
pub use runs::{Coverage, Covered};
pub use same_event::{EVENT_IDENTITY, EVENT_PROVENANCE};
pub use spill::spill_files;
pub use status::TableStatus;
pub use store::{Durability, LakeOptions, WrapStore};
pub use tables::TableName;
pub use tally::Added;
