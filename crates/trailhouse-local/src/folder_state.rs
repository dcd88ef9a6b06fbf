//! What is known of a watched folder. Reads no clock and no file.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;
use trailhouse_model::ObjectRef;
use trailhouse_runtime::{QueueMessage, ReceiptHandle};

use crate::{
    file::{FoundFile, Stamp},
    file_path::FilePath,
    listing::{OBJECTS_PER_MESSAGE_MAX, count_within, objects_message},
    walk::Walk,
};

/// A file that was not touched for so long is taken as it is.
const QUIET_AGE: Duration = Duration::from_secs(2);

/// A file is in at most one of `ready`, a lease and `settled` with the same stamp.
#[derive(Debug, Default)]
pub(crate) struct FolderState {
    /// Since when each file looks as it does.
    seen: BTreeMap<FilePath, (Stamp, Instant)>,
    ready: VecDeque<FoundFile>,
    leases: BTreeMap<ReceiptHandle, Lease>,
    settled: BTreeMap<FilePath, Stamp>,
    /// Files that may still be written to.
    settling: u64,
    other_files: u64,
    messages: u64,
}

#[derive(Debug)]
struct Lease {
    files: Vec<FoundFile>,
    /// Absent where the lease does not run out.
    until: Option<Instant>,
}

impl FolderState {
    /// Compares what lies in the folder with what is known. Called only when nothing is ready.
    pub(crate) fn take_in(
        &mut self,
        walk: Walk,
        interval: Duration,
        now: Instant,
        clock: SystemTime,
    ) {
        self.leases.retain(|_, lease| lease.until.is_none_or(|until| until > now));
        let leased = self.leases.values().flat_map(|lease| &lease.files);
        let leased: BTreeSet<(&FilePath, Stamp)> =
            leased.map(|file| (&file.path, file.stamp)).collect();
        let mut seen = BTreeMap::new();
        let mut settled = BTreeMap::new();
        self.settling = 0;
        self.other_files = walk.other_files;
        for file in walk.files {
            let since = match self.seen.get(&file.path) {
                Some((stamp, since)) if *stamp == file.stamp => *since,
                Some(_) | None => now,
            };
            seen.insert(file.path.clone(), (file.stamp, since));
            let is_settled = self.settled.get(&file.path) == Some(&file.stamp);
            if is_settled {
                settled.insert(file.path, file.stamp);
            } else if !leased.contains(&(&file.path, file.stamp)) {
                let is_unchanged = since + interval <= now;
                if is_unchanged || is_quiet(file.stamp, clock) {
                    self.ready.push_back(file);
                } else {
                    self.settling = self.settling.saturating_add(1);
                }
            }
        }
        // Files that are gone are forgotten, so that memory follows the folder.
        self.seen = seen;
        self.settled = settled;
    }

    /// Returns the files to hand out next. They stay ready until they are leased.
    pub(crate) fn next_files(&self, messages_max: u8) -> Vec<FoundFile> {
        let objects_max = usize::from(messages_max).saturating_mul(OBJECTS_PER_MESSAGE_MAX);
        let count = count_within(self.ready.iter().map(|file| file.stamp.bytes), objects_max);
        self.ready.iter().take(count).cloned().collect()
    }

    /// Hands out files that were next; `until` is absent where the lease is not to run out.
    pub(crate) fn lease(
        &mut self,
        named: &[(FoundFile, ObjectRef)],
        until: Option<Instant>,
    ) -> QueueMessage {
        debug_assert!(self.ready.iter().zip(named).all(|(ready, (file, _))| ready == file));
        self.ready.drain(..named.len());
        self.messages = self.messages.saturating_add(1);
        let (files, objects) = named.iter().cloned().unzip();
        let message = objects_message(&format!("folder-{}", self.messages), objects, 1);
        self.leases.insert(message.receipt.clone(), Lease { files, until });
        message
    }

    /// Remembers what was leased as done; says whether there was such a lease.
    pub(crate) fn settle(&mut self, receipt: &ReceiptHandle) -> bool {
        let Some(lease) = self.leases.remove(receipt) else { return false };
        self.settled.extend(lease.files.into_iter().map(|file| (file.path, file.stamp)));
        true
    }

    pub(crate) fn extend(&mut self, receipt: &ReceiptHandle, until: Instant) -> bool {
        let Some(lease) = self.leases.get_mut(receipt) else { return false };
        lease.until = Some(until);
        true
    }

    /// Ends the lease; the next look finds the files neither leased nor settled.
    pub(crate) fn release(&mut self, receipt: &ReceiptHandle) -> bool {
        self.leases.remove(receipt).is_some()
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(crate) fn has_settling(&self) -> bool {
        self.settling > 0
    }

    pub(crate) fn other_files(&self) -> u64 {
        self.other_files
    }
}

/// A time in the future says nothing about how long the file has been left alone.
fn is_quiet(stamp: Stamp, clock: SystemTime) -> bool {
    let age = stamp.modified.and_then(|modified| clock.duration_since(modified).ok());
    age.is_some_and(|age| age >= QUIET_AGE)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    struct World {
        state: FolderState,
        start: Instant,
        clock: SystemTime,
    }

    impl World {
        fn new() -> Self {
            let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
            Self { state: FolderState::default(), start: Instant::now(), clock }
        }

        /// Looks at the folder so many seconds after the start, where files have been left alone
        /// for the given numbers of seconds; returns the names that are handed out.
        fn look(&mut self, second: u64, files: &[(&str, u64, u64)]) -> Vec<String> {
            let files = files.iter().map(|(name, bytes, age)| {
                let modified = self.clock + Duration::from_secs(second) - Duration::from_secs(*age);
                let stamp = Stamp { bytes: *bytes, modified: Some(modified) };
                FoundFile { path: FilePath::from(Path::new(name)), stamp }
            });
            let walk = Walk { files: files.collect(), other_files: 0 };
            let after = Duration::from_secs(second);
            self.state.take_in(walk, INTERVAL, self.start + after, self.clock + after);
            self.hand_out(second)
        }

        fn hand_out(&mut self, second: u64) -> Vec<String> {
            let files = self.state.next_files(10);
            let names = files.iter().map(|file| file.path.path().display().to_string()).collect();
            let named: Vec<_> =
                files.into_iter().map(|file| (file.clone(), file.identify(0))).collect();
            let until = self.start + Duration::from_secs(second + 10);
            for named in named.chunks(OBJECTS_PER_MESSAGE_MAX) {
                let _message = self.state.lease(named, Some(until));
            }
            names
        }
    }

    fn receipt(number: u32) -> ReceiptHandle {
        ReceiptHandle::new(format!("folder-{number}"))
    }

    #[test]
    fn a_file_is_taken_once_it_is_left_alone() {
        let mut world = World::new();
        assert_eq!(world.look(0, &[("new", 1, 0), ("old", 1, 2)]), ["old"]);
        assert!(world.state.has_settling());
        assert!(world.look(1, &[("new", 2, 0), ("old", 1, 3)]).is_empty(), "it grew");
        assert_eq!(world.look(2, &[("new", 2, 1), ("old", 1, 4)]), ["new"]);
        assert!(!world.state.has_settling());
    }

    #[test]
    fn two_looks_in_a_row_do_not_make_a_file_quiet() {
        let mut world = World::new();
        assert!(world.look(0, &[("new", 1, 0)]).is_empty());
        assert!(world.look(0, &[("new", 1, 0)]).is_empty());
    }

    #[test]
    fn an_acknowledged_file_comes_again_only_when_replaced() {
        let mut world = World::new();
        assert_eq!(world.look(0, &[("a", 1, 5)]), ["a"]);
        assert!(world.state.settle(&receipt(1)));
        assert!(!world.state.settle(&receipt(1)));
        assert!(world.look(60, &[("a", 1, 65)]).is_empty());
        assert_eq!(world.look(120, &[("a", 2, 5)]), ["a"]);
        assert!(world.state.settle(&receipt(2)));
        assert!(world.look(130, &[]).is_empty());
        assert_eq!(world.look(140, &[("a", 2, 25)]), ["a"], "gone files are forgotten");
    }

    #[test]
    fn what_is_not_acknowledged_comes_again() {
        let mut world = World::new();
        assert_eq!(world.look(0, &[("a", 1, 5)]), ["a"]);
        assert!(world.look(9, &[("a", 1, 14)]).is_empty());
        assert!(world.state.extend(&receipt(1), world.start + Duration::from_secs(20)));
        assert!(world.look(19, &[("a", 1, 24)]).is_empty());
        assert_eq!(world.look(20, &[("a", 1, 25)]), ["a"]);
        assert!(!world.state.extend(&receipt(1), world.start + Duration::from_secs(60)));
        assert!(world.state.release(&receipt(2)));
        assert_eq!(world.look(21, &[("a", 1, 26)]), ["a"]);
    }
}
