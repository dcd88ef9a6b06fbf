//! What can go wrong, how likely, and how often it did.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{
    plan::Plan,
    random::{CERTAIN, Random},
};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $odds:literal;)*) => {
        /// One kind of trouble.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the words for the kind.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// Returns the highest odds in a run, in ten thousandths of the calls it can strike.
            fn odds_max(self) -> u32 {
                match self {
                    $(Self::$name => $odds,)*
                }
            }
        }
    };
}

faults! {
    /// A message is handed out while another delivery of it is in work.
    DuplicateDelivery = "message delivered twice at once", 1_500;
    /// A deleted message comes again.
    Resurrection = "deleted message delivered again", 300;
    /// A message becomes visible long after it was sent.
    LateMessage = "message delivered late", 2_000;
    /// A receive is refused.
    ReceiveFailed = "receive refused", 2_000;
    /// Of a batch to delete, some entries are refused.
    PartialDelete = "batch deleted in part", 3_000;
    /// The queue says that it deleted a message by an old receipt, and did not.
    StaleDelete = "delete by an old receipt without effect", 5_000;
    /// A lease is not extended.
    ExtendFailed = "lease extension refused", 2_500;
    /// A request to the queue is lost on its way.
    QueueRequestLost = "queue request lost", 500;
    /// An answer of the queue is lost on its way.
    QueueAnswerLost = "queue answer lost", 500;
    /// The queue takes its time.
    QueueSlow = "queue slow", 1_000;
    /// The store of the objects answers 500 or 503.
    StoreUnavailable = "object read refused (500, 503)", 4_000;
    /// The store of the objects asks to slow down.
    StoreThrottled = "object read throttled", 4_000;
    /// A body ends early.
    TruncatedBody = "object body cut off", 1_000;
    /// A body is damaged.
    CorruptBody = "object body damaged", 1_000;
    /// A read of an object is never answered.
    StoreAnswerLost = "object read timed out", 500;
    /// The store of the objects takes its time.
    StoreSlow = "object read slow", 1_000;
    /// A bucket lets nobody in for a while.
    BucketDenied = "object read denied", 1;
    /// The log answers 409 or 412 though the version is empty.
    ConflictWithoutCause = "log put: 409 or 412 on an empty version", 3_000;
    /// The log answers 412 because its first, silent attempt had stored the entry.
    ConflictOnOwnEntry = "log put: 412 on its own entry", 3_000;
    /// A put to the log is answered 500 and had no effect.
    PutFailed = "log put: 500", 2_000;
    /// A put to the log is denied.
    PutDenied = "log put: 403", 150;
    /// A put to the log takes effect, but nobody hears of it.
    PutTimeoutApplied = "log put: timeout, applied", 2_500;
    /// A put to the log is lost.
    PutTimeoutLost = "log put: timeout, lost", 5_000;
    /// A put to the log times out and takes effect minutes later, if it still can.
    ZombiePut = "log put: timeout, lands minutes later", 5_000;
    /// Nobody reaches the log for a while; what is put meanwhile may land later.
    LogOutage = "log out of reach", 1;
    /// A log entry cannot be read.
    LogUnreadable = "log unreadable", 6_000;
    /// The lake takes its time.
    LakeSlow = "lake slow", 1_000;
    /// Data files cannot be written.
    FilesFailed = "data files not written", 1_500;
    /// The ledger cannot be read.
    LedgerUnreadable = "ledger unreadable", 1_500;
    /// The objects table is not brought up to the commits.
    ProjectionFailed = "objects table lags behind", 4_000;
    /// A write to quarantine is refused.
    QuarantineFailed = "quarantine write refused", 3_000;
    /// A write to quarantine takes effect, but nobody hears of it.
    QuarantineUnknown = "quarantine write: timeout, applied", 3_000;
    /// Another program appends rows.
    ForeignAppend = "foreign commit: append", 1_500;
    /// Another program rewrites the data files.
    ForeignOptimize = "foreign commit: optimize", 800;
    /// Another program sets table properties.
    ForeignProperties = "foreign commit: set properties", 800;
    /// A process ends without a word between two of its actions.
    Crash = "crash", 200;
    /// A process is asked to end.
    Sigterm = "SIGTERM", 60;
    /// A process does not run for a while.
    Stall = "stall", 100;
    /// A machine sleeps: its process does not run, and its clock stands still.
    Suspend = "suspended with its clock", 60;
    /// The wall clock of a machine is set.
    WallClockJump = "wall clock set", 40;
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The faults of one run.
#[derive(Debug)]
pub(crate) struct Faults {
    odds: BTreeMap<Fault, u32>,
    pub(crate) counts: BTreeMap<Fault, u64>,
}

impl Faults {
    /// Draws which faults a run has and how often. Many runs have few: where everything fails,
    /// little comes far enough to fail late.
    pub(crate) fn draw(random: &mut Random, plan: &Plan) -> Self {
        let common = random.count(0, CERTAIN);
        let mut odds = BTreeMap::new();
        for fault in &plan.faults {
            if random.happens(common) {
                odds.insert(*fault, random.count(0, fault.odds_max()));
            }
        }
        Self { odds, counts: BTreeMap::new() }
    }

    /// Says whether the run has the fault.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.odds.contains_key(&fault)
    }

    /// Says whether the fault strikes now, and counts it.
    pub(crate) fn strikes(&mut self, random: &mut Random, fault: Fault) -> bool {
        let strikes = self.odds.get(&fault).is_some_and(|odds| random.happens(*odds));
        if strikes {
            self.count(fault);
        }
        strikes
    }

    pub(crate) fn count(&mut self, fault: Fault) {
        *self.counts.entry(fault).or_default() += 1;
    }

    /// Adds what a slow call takes longer.
    pub(crate) fn delay(&mut self, random: &mut Random, fault: Fault) -> Duration {
        if self.strikes(random, fault) {
            random.duration(Duration::from_secs(1), Duration::from_secs(90))
        } else {
            Duration::ZERO
        }
    }

    /// Ends all trouble.
    pub(crate) fn stop(&mut self) {
        self.odds.clear();
    }
}
