//! Files, folders and standard input as queue and object store.
//!
//! A local object is identified by its content: a moved or copied folder stores nothing twice.

mod file;
mod file_path;
mod folder;
mod folder_state;
mod listing;
mod path_key;
mod plan;
mod read_ahead;
mod reader;
mod walk;

pub use folder::{FolderOptions, FolderQueue, WhenEmpty};
pub use listing::SourceListing;
pub use path_key::{key_of_path, path_of_key};
pub use plan::{SourceError, SourceLimits, SourcePlan, plan};
pub use reader::FileReader;
