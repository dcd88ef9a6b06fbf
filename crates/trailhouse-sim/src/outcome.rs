//! How a run ended, and what many runs amount to.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{fault::Fault, invariants::Violation, world::World};

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What it began with.
    pub seed: u64,
    /// The hash of everything that happened.
    pub log_hash: u64,
    /// The invariant that did not hold, if one did not.
    pub violation: Option<Violation>,
    /// What was counted.
    pub totals: Totals,
    /// Everything that happened, where it was asked for.
    pub action_log: Option<String>,
}

/// What was counted, in one run or in many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Ingesters, each through all its restarts.
    pub ingesters: u64,
    /// Processes: first starts and restarts.
    pub processes: u64,
    /// Objects.
    pub objects: u64,
    /// Objects in the table.
    pub objects_stored: u64,
    /// Objects in quarantine.
    pub objects_quarantined: u64,
    /// Times an object came again and was recognised.
    pub duplicates: u64,
    /// Messages.
    pub messages: u64,
    /// Deliveries of messages.
    pub deliveries: u64,
    /// Messages that became dead letters, each time.
    pub dead_letters: u64,
    /// Entries of ingesters that landed in the log.
    pub commits: u64,
    /// Entries of ingesters that found their version taken.
    pub conflicts: u64,
    /// Commits of which nobody could say whether they landed.
    pub commits_unknown: u64,
    /// Commits that found objects of theirs stored.
    pub commits_superseded: u64,
    /// Commits that failed.
    pub commits_failed: u64,
    /// Entries that landed in the log when their writer had stopped waiting.
    pub zombies_landed: u64,
    /// Everything that happened.
    pub events: u64,
    /// Virtual time.
    pub virtual_time: Duration,
    /// The longest that a run took from its last trouble until all was done.
    pub drain_longest: Duration,
    /// Faults by kind.
    pub faults: BTreeMap<Fault, u64>,
}

impl Outcome {
    pub(crate) fn new(seed: u64, world: World, done_at: Option<Duration>) -> Self {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let totals = Totals {
            runs: 1,
            ingesters: count(world.scenario.ingesters),
            processes: world.counts.processes,
            objects: count(world.catalog.objects.len()),
            objects_stored: count(world.table.listed.len()),
            objects_quarantined: count(world.table.quarantined.len()),
            duplicates: world.counts.duplicates,
            messages: count(world.queue.messages.len()),
            deliveries: world.counts.deliveries,
            dead_letters: world.counts.dead_letters,
            commits: world.counts.commits,
            conflicts: world.counts.conflicts,
            commits_unknown: world.counts.commits_unknown,
            commits_superseded: world.counts.commits_superseded,
            commits_failed: world.counts.commits_failed,
            zombies_landed: world.counts.zombies_landed,
            events: world.counts.steps,
            virtual_time: world.now,
            drain_longest: done_at.unwrap_or_default().saturating_sub(world.scenario.calm_at),
            faults: world.faults.counts,
        };
        let (log_hash, action_log) = world.trace.end();
        Self { seed, log_hash, violation: world.violation, totals, action_log }
    }

    /// Returns the command that runs this again and shows what happened.
    pub fn replay_command(&self) -> String {
        format!("cargo run -p trailhouse-sim -- --seed {} --trace", self.seed)
    }
}

impl Totals {
    /// Adds what other runs amount to.
    pub fn absorb(&mut self, other: Self) {
        self.runs += other.runs;
        self.ingesters += other.ingesters;
        self.processes += other.processes;
        self.objects += other.objects;
        self.objects_stored += other.objects_stored;
        self.objects_quarantined += other.objects_quarantined;
        self.duplicates += other.duplicates;
        self.messages += other.messages;
        self.deliveries += other.deliveries;
        self.dead_letters += other.dead_letters;
        self.commits += other.commits;
        self.conflicts += other.conflicts;
        self.commits_unknown += other.commits_unknown;
        self.commits_superseded += other.commits_superseded;
        self.commits_failed += other.commits_failed;
        self.zombies_landed += other.zombies_landed;
        self.events += other.events;
        self.virtual_time += other.virtual_time;
        self.drain_longest = self.drain_longest.max(other.drain_longest);
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [
            ("runs", self.runs),
            ("ingesters", self.ingesters),
            ("processes", self.processes),
            ("objects", self.objects),
            ("objects stored", self.objects_stored),
            ("objects quarantined", self.objects_quarantined),
            ("duplicates recognised", self.duplicates),
            ("messages", self.messages),
            ("deliveries", self.deliveries),
            ("dead letters", self.dead_letters),
            ("commits", self.commits),
            ("conflicts", self.conflicts),
            ("commits unknown", self.commits_unknown),
            ("commits superseded", self.commits_superseded),
            ("commits failed", self.commits_failed),
            ("zombie puts that landed", self.zombies_landed),
            ("events", self.events),
            ("virtual hours", self.virtual_time.as_secs() / 3_600),
            ("longest drain in seconds", self.drain_longest.as_secs()),
            ("faults", self.faults.values().sum()),
        ];
        for (name, number) in numbers {
            writeln!(f, "{name:<42}{number:>14}")?;
        }
        for (fault, number) in &self.faults {
            writeln!(f, "  {fault:<40}{number:>14}")?;
        }
        Ok(())
    }
}
