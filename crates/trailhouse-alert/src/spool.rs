//! Alerts on disk until they are sent.
//!
//! ```text
//! <root>/<sink>/pending/<enqueued in microseconds>-<hash of the idempotency key>.json
//! <root>/<sink>/dead/<the same name>.json
//! <root>/<sink>/cursor
//! <root>/.lock
//! ```
//!
//! Files appear by rename and are on the disk before a call returns, so after a crash each one is
//! there as a whole or not at all. An alert is taken away after it was sent; a crash in between
//! sends it again, with the same idempotency key.

mod entry;
mod files;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use trailhouse_model::EventTime;

pub use entry::{DeadAlert, EntryId, EntryIdError, PendingAlert};
use files::Files;

use crate::{Alert, SendErrorKind};

/// How much a spool holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolOptions {
    /// The most alerts that wait for one sink.
    pub pending_max: usize,
    /// The most dead letters of one sink; the oldest make room for new ones.
    pub dead_max: usize,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self { pending_max: 10_000, dead_max: 10_000 }
    }
}

/// What became of an alert that was handed to the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Enqueued {
    /// It is on the disk and will be sent.
    Added,
    /// It waits already.
    AlreadyWaiting,
    /// It is a dead letter already.
    AlreadyDead,
}

/// How much waits for a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolDepth {
    /// Alerts that wait.
    pub pending: usize,
    /// Dead letters.
    pub dead: usize,
    /// When the alert that has waited longest was enqueued.
    pub oldest: Option<EventTime>,
}

/// The spool could not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file system refuses.
    #[error("failed to {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Too much waits. The finding is in the lake: come back later.
    #[error("{limit} alerts wait for sink `{sink}` already")]
    Full {
        /// The sink.
        sink: String,
        /// The limit.
        limit: usize,
    },
    /// The name cannot be that of a sink.
    #[error("`{sink}` is no name of a sink")]
    NotASink {
        /// The name.
        sink: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shelf {
    Pending,
    Dead,
}

/// A folder of alerts. Several processes may use it; one of them may send.
#[derive(Debug)]
pub struct Spool {
    root: PathBuf,
    options: SpoolOptions,
    files: Files,
    /// The last place in the order that this process gave away.
    last_place: Mutex<i64>,
}

impl Spool {
    /// Opens the folder; makes it where it is not there.
    pub fn open(root: impl Into<PathBuf>, options: SpoolOptions) -> Result<Self, SpoolError> {
        Self::with_files(root.into(), options, Files::default())
    }

    fn with_files(root: PathBuf, options: SpoolOptions, files: Files) -> Result<Self, SpoolError> {
        let spool = Self { root, options, files, last_place: Mutex::new(0) };
        spool.make_folder(&spool.root)?;
        Ok(spool)
    }

    /// Puts an alert on the disk, behind those that wait already. An alert with an idempotency key
    /// that the spool holds is not added again.
    pub fn enqueue(
        &self,
        sink: &str,
        alert: &Alert,
        now: EventTime,
    ) -> Result<Enqueued, SpoolError> {
        let mut last_place = self.last_place.lock().unwrap_or_else(PoisonError::into_inner);
        let key = hash_of(&alert.idempotency_key());
        let pending = self.listed(sink, Shelf::Pending)?;
        if pending.iter().any(|id| id.key() == key) {
            return Ok(Enqueued::AlreadyWaiting);
        }
        if self.listed(sink, Shelf::Dead)?.iter().any(|id| id.key() == key) {
            return Ok(Enqueued::AlreadyDead);
        }
        if pending.len() >= self.options.pending_max {
            let (sink, limit) = (sink.to_owned(), self.options.pending_max);
            return Err(SpoolError::Full { sink, limit });
        }
        let behind = pending.last().map_or(0, EntryId::place).max(*last_place);
        let place = now.micros().max(behind.saturating_add(1));
        let id = EntryId::new(place, &key);
        let entry = PendingAlert { enqueued_at: now, alert: alert.clone() };
        self.write(&self.folder(sink, Shelf::Pending)?, id.file_name(), &entry)?;
        *last_place = place;
        Ok(Enqueued::Added)
    }

    /// Returns what waits for the sink, in the order of sending.
    pub fn pending(&self, sink: &str) -> Result<Vec<EntryId>, SpoolError> {
        self.listed(sink, Shelf::Pending)
    }

    /// Reads an alert that waits; nothing where it was taken away meanwhile.
    pub fn read(&self, sink: &str, id: &EntryId) -> Result<Option<PendingAlert>, SpoolError> {
        self.read_as(&self.folder(sink, Shelf::Pending)?.join(id.file_name()))
    }

    /// Takes an alert away that was sent.
    pub fn settle(&self, sink: &str, id: &EntryId) -> Result<(), SpoolError> {
        self.remove(&self.folder(sink, Shelf::Pending)?, id)
    }

    /// Makes a dead letter of an alert that waits.
    pub fn bury(
        &self,
        sink: &str,
        id: &EntryId,
        kind: SendErrorKind,
        reason: &str,
        now: EventTime,
    ) -> Result<(), SpoolError> {
        let pending = self.folder(sink, Shelf::Pending)?;
        let alert = match self.read_as::<PendingAlert>(&pending.join(id.file_name())) {
            Ok(Some(entry)) => Some(entry.alert),
            Ok(None) => return Ok(()),
            Err(SpoolError::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        let (kind, reason) = (kind.as_str().to_owned(), reason.to_owned());
        let letter = DeadAlert { id: id.clone(), kind, reason, died_at: now, alert };
        let dead = self.folder(sink, Shelf::Dead)?;
        // The file's name is the id's, so that a crash behind this line leaves both under one name.
        self.write(&dead, id.file_name(), &letter)?;
        self.remove(&pending, id)?;
        self.make_room(sink)
    }

    /// Returns the dead letters of a sink, oldest first. One that cannot be read is left out.
    pub fn dead(&self, sink: &str) -> Result<Vec<DeadAlert>, SpoolError> {
        let folder = self.folder(sink, Shelf::Dead)?;
        let mut letters = Vec::new();
        for id in self.listed(sink, Shelf::Dead)? {
            match self.read_as::<DeadAlert>(&folder.join(id.file_name())) {
                Ok(letter) => letters.extend(letter),
                Err(SpoolError::Damaged { path, source }) => {
                    tracing::warn!(path = %path.display(), error = %source, "skipped dead letter");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(letters)
    }

    /// Puts a dead letter back among those that wait, at the place it had. Says whether it was
    /// there and holds an alert.
    pub fn retry_dead(&self, sink: &str, id: &EntryId, now: EventTime) -> Result<bool, SpoolError> {
        let dead = self.folder(sink, Shelf::Dead)?;
        let letter: Option<DeadAlert> = self.read_as(&dead.join(id.file_name()))?;
        let Some(alert) = letter.and_then(|letter| letter.alert) else {
            return Ok(false);
        };
        let entry = PendingAlert { enqueued_at: now, alert };
        self.write(&self.folder(sink, Shelf::Pending)?, id.file_name(), &entry)?;
        self.remove(&dead, id)?;
        Ok(true)
    }

    /// Throws a dead letter away. Says whether it was there.
    pub fn drop_dead(&self, sink: &str, id: &EntryId) -> Result<bool, SpoolError> {
        let dead = self.folder(sink, Shelf::Dead)?;
        let was_there = self.listed(sink, Shelf::Dead)?.contains(id);
        self.remove(&dead, id)?;
        Ok(was_there)
    }

    /// Returns the names of all sinks that the spool ever held something for.
    pub fn sinks(&self) -> Result<Vec<String>, SpoolError> {
        let names = self.files.list(&self.root);
        let names = names.map_err(io_error("list", &self.root))?;
        Ok(names.into_iter().filter(|name| is_sink(name)).collect())
    }

    /// Returns how much waits for a sink.
    pub fn depth(&self, sink: &str) -> Result<SpoolDepth, SpoolError> {
        let pending = self.listed(sink, Shelf::Pending)?;
        let dead = self.listed(sink, Shelf::Dead)?.len();
        let oldest = pending.first().map(|id| EventTime::from_micros(id.place()));
        Ok(SpoolDepth { pending: pending.len(), dead, oldest })
    }

    /// Returns what [`Spool::set_cursor`] stored last: up to where the caller has enqueued.
    pub fn cursor(&self, sink: &str) -> Result<Option<String>, SpoolError> {
        let path = self.sink_folder(sink)?.join(CURSOR);
        self.read_as(&path)
    }

    /// Stores up to where the caller has enqueued. What it means is the caller's business.
    pub fn set_cursor(&self, sink: &str, cursor: &str) -> Result<(), SpoolError> {
        self.write(&self.sink_folder(sink)?, CURSOR.to_owned(), &cursor)
    }

    /// Takes the right to send from this spool; nothing where another process has it. The right
    /// ends with the file.
    pub(crate) fn lock(&self) -> Result<Option<File>, SpoolError> {
        let path = self.root.join(LOCK);
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
        }
    }

    /// Ends what a crash interrupted: an alert that both waits and is dead only waits, and files
    /// that were never finished go. For the one that has the lock.
    pub(crate) fn recover(&self, sink: &str) -> Result<(), SpoolError> {
        let dead = self.folder(sink, Shelf::Dead)?;
        let pending = self.listed(sink, Shelf::Pending)?;
        for id in self.listed(sink, Shelf::Dead)? {
            if pending.contains(&id) {
                self.remove(&dead, &id)?;
            }
        }
        for folder in [self.folder(sink, Shelf::Pending)?, dead, self.sink_folder(sink)?] {
            self.files.sweep(&folder).map_err(io_error("clean", &folder))?;
        }
        Ok(())
    }

    fn make_room(&self, sink: &str) -> Result<(), SpoolError> {
        let letters = self.listed(sink, Shelf::Dead)?;
        let folder = self.folder(sink, Shelf::Dead)?;
        for id in letters.iter().take(letters.len().saturating_sub(self.options.dead_max)) {
            tracing::warn!(sink, id = %id, "dropped the oldest dead letter to make room");
            self.remove(&folder, id)?;
        }
        Ok(())
    }

    fn listed(&self, sink: &str, which: Shelf) -> Result<Vec<EntryId>, SpoolError> {
        let folder = self.folder(sink, which)?;
        let names = self.files.list(&folder).map_err(io_error("list", &folder))?;
        let mut ids: Vec<EntryId> =
            names.iter().filter_map(|name| EntryId::of_file_name(name)).collect();
        ids.sort();
        Ok(ids)
    }

    fn sink_folder(&self, sink: &str) -> Result<PathBuf, SpoolError> {
        match is_sink(sink) {
            true => Ok(self.root.join(sink)),
            false => Err(SpoolError::NotASink { sink: sink.to_owned() }),
        }
    }

    fn folder(&self, sink: &str, which: Shelf) -> Result<PathBuf, SpoolError> {
        let name = match which {
            Shelf::Pending => "pending",
            Shelf::Dead => "dead",
        };
        Ok(self.sink_folder(sink)?.join(name))
    }

    fn make_folder(&self, folder: &Path) -> Result<(), SpoolError> {
        self.files.make_folder(folder).map_err(io_error("make", folder))
    }

    fn write(
        &self,
        folder: &Path,
        name: String,
        content: &impl Serialize,
    ) -> Result<(), SpoolError> {
        let path = folder.join(&name);
        let bytes = serde_json::to_vec(content)
            .map_err(|source| SpoolError::Damaged { path: path.clone(), source })?;
        self.make_folder(folder)?;
        self.files.write(folder, &name, &bytes).map_err(io_error("write", &path))
    }

    fn read_as<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, SpoolError> {
        let Some(bytes) = self.files.read(path).map_err(io_error("read", path))? else {
            return Ok(None);
        };
        let read = serde_json::from_slice(&bytes);
        read.map(Some).map_err(|source| SpoolError::Damaged { path: path.to_owned(), source })
    }

    fn remove(&self, folder: &Path, id: &EntryId) -> Result<(), SpoolError> {
        let path = folder.join(id.file_name());
        self.files.remove(folder, &path).map_err(io_error("remove", &path))
    }
}

const LOCK: &str = ".lock";
const CURSOR: &str = "cursor";

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_owned();
    move |source| SpoolError::Io { action, path, source }
}

/// The names of sinks are names of folders.
fn is_sink(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

fn hash_of(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
