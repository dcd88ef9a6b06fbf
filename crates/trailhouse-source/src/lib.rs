//! Where CloudTrail objects come from: queue messages that name them and the keys they lie under.
//!
//! Messages are recognised by their content, never by configuration. Keys are read leniently: a
//! key that says nothing is still a good key, because the content decides what an object is.

pub mod filter;
pub mod key;
mod key_encoding;
pub mod layout;
pub mod ledger;
pub mod notification;
mod record;

pub use filter::KeyFilter;
pub use key::{KeyFacts, KeyKind, classify_key};
pub use layout::{FolderPlan, plan_folder};
pub use ledger::ledger_partition;
pub use notification::{IgnoredMessage, Notification, NotificationError, parse_notification};
