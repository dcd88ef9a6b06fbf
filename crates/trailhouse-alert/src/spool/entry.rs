//! What the files of a spool hold.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use trailhouse_model::EventTime;

use crate::{Alert, word};

/// The digits of a place; file names sort as places do.
const PLACE_DIGITS: usize = 20;
const KEY_DIGITS: usize = 32;

/// The name of an alert in a spool: its place in the order, and a hash of its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    place: i64,
    key: String,
}

/// The text is no name of an alert in a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an alert in the spool")]
pub struct EntryIdError;

impl EntryId {
    pub(super) fn new(place: i64, key: &str) -> Self {
        Self { place, key: key.to_owned() }
    }

    /// Microseconds at which it was enqueued, or a little more where many came at once.
    pub(super) fn place(&self) -> i64 {
        self.place
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn file_name(&self) -> String {
        format!("{self}.json")
    }

    pub(super) fn of_file_name(name: &str) -> Option<Self> {
        name.strip_suffix(".json")?.parse().ok()
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{}", self.place, self.key)
    }
}

impl FromStr for EntryId {
    type Err = EntryIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, key) = text.split_once('-').ok_or(EntryIdError)?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = place.len() == PLACE_DIGITS
            && place.bytes().all(|byte| byte.is_ascii_digit())
            && key.len() == KEY_DIGITS
            && key.bytes().all(is_hex);
        let place = place.parse().ok().filter(|_| fits);
        place.map(|place| Self::new(place, key)).ok_or(EntryIdError)
    }
}

/// An alert that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAlert {
    /// Since when.
    #[serde(with = "word::time")]
    pub enqueued_at: EventTime,
    /// The alert.
    pub alert: Alert,
}

/// An alert that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadAlert {
    /// Its name in the spool.
    #[serde(with = "id_as_text")]
    pub id: EntryId,
    /// The word of the [`crate::SendErrorKind`].
    pub kind: String,
    /// What the last attempt ended with.
    pub reason: String,
    /// When it was given up.
    #[serde(with = "word::time")]
    pub died_at: EventTime,
    /// The alert; nothing where its file was damaged.
    pub alert: Option<Alert>,
}

mod id_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::EntryId;

    pub(super) fn serialize<S: Serializer>(id: &EntryId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<EntryId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
