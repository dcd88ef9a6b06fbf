//! What could not be stored: looking at it, trying it again, taking it out.

mod export;
mod retry;

use std::collections::BTreeSet;

pub use export::{Exported, export};
pub use retry::{Retried, RetryOutcome, retry};
use trailhouse_lake::Lake;
pub use trailhouse_lake::StoredQuarantine;
use trailhouse_model::{ObjectRef, QuarantineEntry, QuarantineReason};

use crate::{
    error::{FailureKind, ServiceError},
    lake::LakeAddress,
};

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those whose identity begins with one of these; all where there is none.
    pub ids: Vec<String>,
    /// Only those that are in quarantine for this reason.
    pub reason: Option<QuarantineReason>,
    /// Only those in this state; an entry that is named by its identity counts in any.
    pub state: EntryState,
}

/// Whether an entry still waits for something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EntryState {
    /// It does.
    #[default]
    Open,
    /// What it is about has been stored since.
    Stored,
    /// Either.
    Any,
}

/// Returns the one entry whose identity begins with the digits, with its raw bytes.
pub async fn find(lake: &LakeAddress, prefix: &str) -> Result<StoredQuarantine, ServiceError> {
    only(lake.open().await?.find_quarantine(prefix).await?, prefix)
}

/// Returns the entries of a selection, oldest first.
pub async fn list(
    lake: &LakeAddress,
    selection: &Selection,
) -> Result<Vec<StoredQuarantine>, ServiceError> {
    select(&lake.open().await?, selection).await
}

/// Takes the entries out of the table and returns how many were there. An object that is delivered
/// again after that is tried like any other.
pub async fn drop_entries(
    lake: &LakeAddress,
    entries: &[StoredQuarantine],
) -> Result<u64, ServiceError> {
    let ids: BTreeSet<_> = entries.iter().map(|entry| entry.id).collect();
    Ok(lake.open().await?.drop_quarantine(&ids).await?)
}

/// Names the place of what was refused, for a person.
pub fn place(entry: &QuarantineEntry) -> String {
    match entry.object_id {
        Some(_) => ObjectRef::new(entry.bucket.clone(), entry.key.clone()).to_string(),
        None => format!("message {} of {}", entry.key, entry.bucket),
    }
}

async fn select(lake: &Lake, selection: &Selection) -> Result<Vec<StoredQuarantine>, ServiceError> {
    let all = lake.list_quarantine().await?;
    let mut chosen = BTreeSet::new();
    for prefix in &selection.ids {
        let digits = prefix.to_ascii_lowercase();
        let found = all.iter().filter(|row| row.id.to_string().starts_with(&digits));
        chosen.insert(only(found.cloned().collect(), prefix)?.id);
    }
    let wanted = |row: &StoredQuarantine| {
        let in_state = match selection.state {
            EntryState::Open => row.is_open,
            EntryState::Stored => !row.is_open,
            EntryState::Any => true,
        };
        let named = if selection.ids.is_empty() { in_state } else { chosen.contains(&row.id) };
        named && selection.reason.is_none_or(|reason| row.entry.reason == reason)
    };
    Ok(all.into_iter().filter(wanted).collect())
}

fn only(mut found: Vec<StoredQuarantine>, prefix: &str) -> Result<StoredQuarantine, ServiceError> {
    match (found.pop(), found.len()) {
        (Some(entry), 0) => Ok(entry),
        (None, _) => Err(ServiceError::new(
            FailureKind::Usage,
            format!("nothing in quarantine begins with `{prefix}`"),
        )
        .with_hint("`trailhouse quarantine ls` lists what is there")),
        (Some(_), others) => {
            let message = format!("`{prefix}` begins {} entries", others.saturating_add(1));
            Err(ServiceError::new(FailureKind::Usage, message).with_hint("give more digits"))
        }
    }
}
