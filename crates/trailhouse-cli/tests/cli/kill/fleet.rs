//! Processes that follow one queue into one lake, and how each of them ends.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use trailhouse_failpoint::{Failpoint, VARIABLE};
use trailhouse_testkit::{CloudStandIn, Random};

use crate::support::command;

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const POLL: Duration = Duration::from_millis(2);
/// A process that has not ended by then hangs; on a starved machine one that works takes minutes.
const ENDS_WITHIN: Duration = Duration::from_secs(600);
/// Done; partly done; done as far as the faults allowed.
const GOOD_CODES: [i32; 3] = [0, 4, 9];

/// How a process is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// When the queue is empty.
    Empty,
    /// By SIGKILL at the nth visit to a place; when the queue is empty if it never gets there.
    KilledAt { place: Failpoint, nth: u32 },
    /// By SIGKILL, a while after so many requests were made.
    KilledAfter { requests: u64, delay: Duration },
    /// By SIGTERM after so many requests, and by SIGKILL at the nth visit to a place where one is
    /// named.
    Drained { requests: u64, killed_at: Option<Failpoint> },
}

impl Fate {
    /// Kills at a place; one that lies behind SIGTERM gets it after so many requests.
    pub(super) fn killed_at(place: Failpoint, nth: u32, requests: u64) -> Self {
        if place == Failpoint::AtDrain {
            Self::Drained { requests, killed_at: Some(place) }
        } else {
            Self::KilledAt { place, nth }
        }
    }

    pub(super) fn draw(random: &mut Random) -> Self {
        let requests = random.between(1, 40);
        match random.between(0, 9) {
            0 => Self::Empty,
            1..=5 => {
                let place = *random.choice(&Failpoint::ALL).unwrap();
                let nth = if random.per_mille(700) { 1 } else { 2 };
                Self::killed_at(place, nth, requests)
            }
            6..=8 => {
                let delay = Duration::from_micros(random.between(0, 60_000));
                // Before the first request it is still opening the lake.
                Self::KilledAfter { requests: requests - 1, delay }
            }
            _ => Self::Drained { requests, killed_at: None },
        }
    }
}

/// What has been done to processes.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) processes: u64,
    pub(super) killed_at: BTreeMap<&'static str, u64>,
    pub(super) killed_at_random: u64,
    pub(super) drained: u64,
    pub(super) frozen: u64,
}

impl Tally {
    pub(super) fn kills(&self) -> u64 {
        self.killed_at.values().sum::<u64>() + self.killed_at_random
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.processes += other.processes;
        self.killed_at_random += other.killed_at_random;
        self.drained += other.drained;
        self.frozen += other.frozen;
        for (place, times) in other.killed_at {
            *self.killed_at.entry(place).or_default() += times;
        }
    }
}

/// A queue and a lake, and the processes between them.
pub(super) struct Fleet {
    cloud: Arc<CloudStandIn>,
    folder: PathBuf,
    pub(super) tally: Tally,
}

/// A process on its way to its fate.
struct Watcher {
    child: Child,
    fate: Fate,
    log: PathBuf,
    acts_at_request: Option<u64>,
    started: Instant,
}

impl Fleet {
    pub(super) fn new(cloud: &Arc<CloudStandIn>, folder: &Path) -> Self {
        Self { cloud: Arc::clone(cloud), folder: folder.to_owned(), tally: Tally::default() }
    }

    pub(super) fn lake(&self) -> PathBuf {
        self.folder.join("lake")
    }

    /// Starts a process for each fate and waits until all have met theirs.
    pub(super) fn run(&mut self, fates: &[Fate]) -> Vec<ExitStatus> {
        let mut watchers: Vec<Watcher> = fates.iter().map(|fate| self.start(*fate, None)).collect();
        let mut ended = Vec::new();
        while !watchers.is_empty() {
            let mut running = Vec::new();
            for mut watcher in watchers {
                match watcher.child.try_wait().unwrap() {
                    Some(status) => {
                        self.note(&watcher, status);
                        ended.push(status);
                    }
                    None => {
                        watcher.act(&self.cloud);
                        running.push(watcher);
                    }
                }
            }
            watchers = running;
            thread::sleep(POLL);
        }
        ended
    }

    /// Freezes a process at its first visit to a place, lets another one do all the work with the
    /// leases of the frozen one expired, and thaws it. Returns whether it got to the place.
    pub(super) fn freeze_and_thaw(&mut self, place: Failpoint) -> bool {
        let mut frozen = self.start(Fate::Empty, Some(format!("{}:1:stop", place.as_str())));
        let pid = frozen.child.id();
        while frozen.child.try_wait().unwrap().is_none() && !is_stopped(pid) {
            frozen.expect_in_time();
            thread::sleep(POLL);
        }
        let is_frozen = is_stopped(pid);
        self.cloud.expire_leases();
        self.run(&[Fate::Empty]);
        if is_frozen {
            self.tally.frozen += 1;
            send_signal(pid, "-CONT");
        }
        let status = frozen.child.wait().unwrap();
        self.note(&frozen, status);
        is_frozen
    }

    fn start(&mut self, fate: Fate, failpoint: Option<String>) -> Watcher {
        self.tally.processes += 1;
        let log = self.folder.join(format!("watch-{}.log", self.tally.processes));
        let mut watch = self.command(&fate);
        match (failpoint, fate) {
            (Some(failpoint), _) => watch.env(VARIABLE, failpoint),
            (None, Fate::KilledAt { place, nth }) => {
                watch.env(VARIABLE, format!("{}:{nth}", place.as_str()))
            }
            (None, Fate::Drained { killed_at: Some(place), .. }) => {
                watch.env(VARIABLE, place.as_str())
            }
            (
                None,
                Fate::Empty | Fate::KilledAfter { .. } | Fate::Drained { killed_at: None, .. },
            ) => watch.env_remove(VARIABLE),
        };
        let child = watch.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn();
        let so_far = self.cloud.counts().requests;
        let acts_at_request = match fate {
            Fate::Empty | Fate::KilledAt { .. } => None,
            Fate::KilledAfter { requests, .. } | Fate::Drained { requests, .. } => {
                Some(so_far + requests)
            }
        };
        Watcher { child: child.unwrap(), fate, log, acts_at_request, started: Instant::now() }
    }

    fn command(&self, fate: &Fate) -> Command {
        let mut watch = command(&["watch", "--commit-interval", "1"]);
        watch.args(["--queue-url", &self.cloud.queue_url(), "--endpoint-url", &self.cloud.url()]);
        watch.args(["--visibility-timeout", "600"]);
        watch.arg("--lake").arg(self.lake());
        match fate {
            Fate::Empty | Fate::KilledAt { .. } | Fate::KilledAfter { .. } => watch.arg("--once"),
            Fate::Drained { .. } => &mut watch,
        };
        watch
    }

    /// Counts how the process ended; one that failed by itself fails the test.
    fn note(&mut self, watcher: &Watcher, status: ExitStatus) {
        match (status.signal(), watcher.fate) {
            (
                Some(SIGKILL),
                Fate::KilledAt { place, .. } | Fate::Drained { killed_at: Some(place), .. },
            ) => *self.tally.killed_at.entry(place.as_str()).or_default() += 1,
            (Some(SIGKILL), Fate::KilledAfter { .. }) => self.tally.killed_at_random += 1,
            // It had not come as far as listening to signals.
            (Some(SIGTERM), Fate::Drained { .. }) => self.tally.drained += 1,
            (None, fate) if status.code().is_some_and(|code| GOOD_CODES.contains(&code)) => {
                self.tally.drained += u64::from(matches!(fate, Fate::Drained { .. }));
            }
            (_, fate) => {
                let log = fs::read_to_string(&watcher.log).unwrap_or_default();
                assert!(status.success(), "{fate:?} ended with {status}:\n{log}");
            }
        }
    }
}

impl Watcher {
    fn expect_in_time(&self) {
        let log = || fs::read_to_string(&self.log).unwrap_or_default();
        assert!(self.started.elapsed() < ENDS_WITHIN, "{:?} hangs:\n{}", self.fate, log());
    }

    fn act(&mut self, cloud: &CloudStandIn) {
        self.expect_in_time();
        // Where nothing waits, only long polls are left to come.
        let is_idle = cloud.depth().waiting == 0;
        let requests = cloud.counts().requests;
        if self.acts_at_request.is_none_or(|at| requests < at && !is_idle) {
            return;
        }
        self.acts_at_request = None;
        match self.fate {
            Fate::KilledAfter { delay, .. } => {
                thread::sleep(delay);
                self.child.kill().unwrap();
            }
            Fate::Drained { .. } => send_signal(self.child.id(), "-TERM"),
            Fate::Empty | Fate::KilledAt { .. } => {}
        }
    }
}

fn send_signal(pid: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "failed to send {signal}");
}

fn is_stopped(pid: u32) -> bool {
    let output = Command::new("ps").args(["-o", "state=", "-p", &pid.to_string()]).output();
    output.unwrap().stdout.trim_ascii().starts_with(b"T")
}
