//! A folder that is watched: a queue without an end.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};
use trailhouse_model::ObjectRef;
use trailhouse_runtime::{
    AcknowledgeReport, NotificationQueue, PortError, PortErrorKind, QueueMessage, ReceiptHandle,
};

use crate::{
    file::{FoundFile, kind_of},
    folder_state::FolderState,
    listing::OBJECTS_PER_MESSAGE_MAX,
    walk::walk,
};

const ACTION: &str = "look through folder";
/// How often a single pass looks again for files that are still being written.
const SETTLING_POLLS_MAX: u32 = 10;

/// What a receive does when there is nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenEmpty {
    /// It waits one interval and looks again.
    Wait,
    /// It returns, unless files are still being written; those it waits for a few intervals.
    Return,
}

/// How a folder is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderOptions {
    /// The time between two looks at the folder.
    pub interval: Duration,
    /// What to do when there is nothing new.
    pub when_empty: WhenEmpty,
    /// Bytes of a file; larger ones are named by their path and refused by the reader.
    pub file_bytes_max: u64,
}

impl Default for FolderOptions {
    fn default() -> Self {
        let file_bytes_max = 128 * 1024 * 1024;
        Self { interval: Duration::from_secs(1), when_empty: WhenEmpty::Wait, file_bytes_max }
    }
}

/// Hands out the files of a folder once they are no longer written to, and again when they were
/// replaced.
///
/// What was acknowledged is remembered until the process ends; after that the lake knows. Messages
/// have leases: one that is neither acknowledged nor extended comes again when its visibility has
/// run out, or never where the visibility is zero.
#[derive(Debug)]
pub struct FolderQueue {
    root: PathBuf,
    options: FolderOptions,
    /// Held while looking, so that two receives do not hand out the same files.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<FolderState>,
}

impl FolderQueue {
    /// Opens the folder; fails where it is not there or cannot be read.
    pub fn open(folder: &Path, options: FolderOptions) -> Result<Self, PortError> {
        let fail = |error: io::Error| port_error(folder, error);
        let root = std::path::absolute(folder).map_err(fail)?;
        std::fs::read_dir(&root).map_err(fail)?;
        Ok(Self { root, options, turn: tokio::sync::Mutex::default(), state: Mutex::default() })
    }

    /// Returns how many files the last look passed over because their name is not that of a log.
    pub fn other_files(&self) -> u64 {
        self.state().other_files()
    }

    async fn poll(&self) -> Result<(), PortError> {
        let root = self.root.clone();
        let found = run_blocking(move || walk(&root)).await?;
        let walk = found.map_err(|error| port_error(&self.root, error))?;
        self.state().take_in(walk, self.options.interval, Instant::now(), SystemTime::now());
        Ok(())
    }

    /// Hands out what is ready. The files stay ready until they are leased, so that dropping the
    /// future loses nothing.
    async fn hand_out(
        &self,
        messages_max: u8,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        let files = self.state().next_files(messages_max);
        let bytes_max = self.options.file_bytes_max;
        let named: Vec<(FoundFile, ObjectRef)> = run_blocking(move || {
            files
                .into_iter()
                .map(|file| {
                    let object = file.identify(bytes_max);
                    (file, object)
                })
                .collect()
        })
        .await?;
        let until = (!visibility.is_zero()).then(|| Instant::now() + visibility);
        let mut state = self.state();
        let messages = named.chunks(OBJECTS_PER_MESSAGE_MAX);
        Ok(messages.map(|named| state.lease(named, until)).collect())
    }

    fn state(&self) -> MutexGuard<'_, FolderState> {
        // The state is whole after every call that holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn should_look_again(&self, looks: u32) -> bool {
        match self.options.when_empty {
            WhenEmpty::Wait => looks < 2,
            WhenEmpty::Return => self.state().has_settling() && looks < SETTLING_POLLS_MAX,
        }
    }
}

impl NotificationQueue for FolderQueue {
    async fn receive(
        &self,
        messages_max: u8,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        let _turn = self.turn.lock().await;
        let mut looks = 0;
        loop {
            if !self.state().has_ready() {
                self.poll().await?;
                looks += 1;
            }
            let messages = self.hand_out(messages_max, visibility).await?;
            if !messages.is_empty() || !self.should_look_again(looks) {
                return Ok(messages);
            }
            sleep(self.options.interval).await;
        }
    }

    async fn acknowledge(&self, receipts: &[ReceiptHandle]) -> AcknowledgeReport {
        let mut state = self.state();
        let mut report = AcknowledgeReport::default();
        for receipt in receipts {
            if state.settle(receipt) {
                report.done.push(receipt.clone());
            } else {
                report.failed.push((receipt.clone(), PortErrorKind::NotFound));
            }
        }
        report
    }

    async fn extend_visibility(
        &self,
        receipt: &ReceiptHandle,
        by: Duration,
    ) -> Result<(), PortError> {
        let is_held = self.state().extend(receipt, Instant::now() + by);
        if is_held { Ok(()) } else { Err(no_lease("extend visibility")) }
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), PortError> {
        let is_held = self.state().release(receipt);
        if is_held { Ok(()) } else { Err(no_lease("release message")) }
    }

    fn name(&self) -> String {
        self.root.display().to_string()
    }
}

fn no_lease(action: &'static str) -> PortError {
    PortError::new(PortErrorKind::NotFound, action)
}

fn port_error(folder: &Path, error: io::Error) -> PortError {
    let kind = kind_of(&error);
    let source = format!("{}: {error}", folder.display());
    PortError::with_source(kind, ACTION, source)
}

async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PortError> {
    spawn_blocking(work)
        .await
        .map_err(|error| PortError::with_source(PortErrorKind::Bug, ACTION, error))
}
