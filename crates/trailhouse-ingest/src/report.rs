//! What a run has done so far: the numbers of the closing summary.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_model::{EventTime, ObjectRef, QuarantineReason};

use crate::{
    input::{DecodedFacts, FetchFailure},
    outcome::{CommitAttempt, DedupeStage, FetchOutcome},
};

/// Examples of quarantined and of failed objects that are kept.
pub const EXAMPLES_MAX: usize = 100;
/// Distinct accounts and distinct regions that are kept.
pub const NAMES_MAX: usize = 1_000;

/// Totals of one machine. Every object that a message named is in exactly one of stored, empty,
/// duplicate, skipped, quarantined, failed, released, or still in work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// Deliveries of messages.
    pub messages: u64,
    /// Messages deleted from the queue.
    pub messages_acknowledged: u64,
    /// Messages that are done but could not be deleted; they come again and are duplicates then.
    pub messages_unacknowledged: u64,
    /// Messages left in the queue because an object of theirs failed.
    pub messages_failed: u64,
    /// Messages given back unfinished.
    pub messages_released: u64,
    /// Messages dropped unfinished because their lease was lost.
    pub messages_lost: u64,
    /// Leases that were extended.
    pub leases_extended: u64,
    /// Leases that the queue would not extend any more.
    pub leases_lost: u64,
    /// Messages that name no object, by kind.
    pub ignored_messages: BTreeMap<String, u64>,
    /// Objects that messages named, repeated deliveries included.
    pub objects_named: u64,
    /// Objects committed with rows or refused records.
    pub objects_stored: u64,
    /// Objects committed that hold no record.
    pub objects_empty: u64,
    /// Objects that were stored before, here or by another writer, or named twice.
    pub objects_duplicate: u64,
    /// Objects that are not for the lake, by kind.
    pub skipped: BTreeMap<String, u64>,
    /// Objects in quarantine as a whole.
    pub objects_quarantined: u64,
    /// Objects given up; their messages are left in the queue.
    pub failed_objects_count: u64,
    /// Objects not finished when their message was given back or lost.
    pub objects_released: u64,
    /// Everything that went to quarantine, by reason: objects, messages, and records.
    pub quarantined: BTreeMap<QuarantineReason, u64>,
    /// The first quarantined objects and messages with what was wrong.
    pub quarantine_examples: Vec<(String, QuarantineReason, String)>,
    /// The first failed objects with what was wrong.
    pub failed_objects: Vec<(String, String)>,
    /// Records that went to quarantine out of stored objects.
    pub rejected_records: u64,
    /// Rows stored.
    pub events: u64,
    /// Earliest event time stored.
    pub first_event_time: Option<EventTime>,
    /// Latest event time stored.
    pub last_event_time: Option<EventTime>,
    /// Accounts whose events were stored.
    pub accounts: BTreeSet<String>,
    /// Regions whose events were stored.
    pub regions: BTreeSet<String>,
    /// Bytes of the stored objects as delivered.
    pub compressed_bytes: u64,
    /// Bytes of the stored objects after inflation.
    pub inflated_bytes: u64,
    /// Commits made.
    pub commits: u64,
    /// Receives that the queue answered, with messages or without.
    pub receives: u64,
    /// Receives that failed.
    pub receive_failures: u64,
    /// Attempts to commit by how they ended.
    pub commit_attempts: BTreeMap<CommitAttempt, u64>,
    /// Duplicate objects by where they were found to be.
    pub dedupe_hits: BTreeMap<DedupeStage, u64>,
    /// Downloads by how they ended.
    pub fetches: BTreeMap<FetchOutcome, u64>,
    /// Downloads that were put off to be repeated.
    pub fetch_retries: u64,
    /// Times that a bucket or a key was found to be closed to us.
    pub circuits_opened: u64,
    /// Times that one was open to us again.
    pub circuits_closed: u64,
}

impl IngestReport {
    /// Says whether something is in quarantine, whole objects, messages or single records.
    pub fn has_quarantined(&self) -> bool {
        !self.quarantined.is_empty()
    }

    /// Returns the number of objects skipped, of all kinds.
    pub fn objects_skipped(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Adds what another run did.
    pub fn absorb(&mut self, other: Self) {
        self.messages += other.messages;
        self.messages_acknowledged += other.messages_acknowledged;
        self.messages_unacknowledged += other.messages_unacknowledged;
        self.messages_failed += other.messages_failed;
        self.messages_released += other.messages_released;
        self.messages_lost += other.messages_lost;
        self.leases_extended += other.leases_extended;
        self.leases_lost += other.leases_lost;
        self.objects_named += other.objects_named;
        self.objects_stored += other.objects_stored;
        self.objects_empty += other.objects_empty;
        self.objects_duplicate += other.objects_duplicate;
        self.objects_quarantined += other.objects_quarantined;
        self.failed_objects_count += other.failed_objects_count;
        self.objects_released += other.objects_released;
        self.rejected_records += other.rejected_records;
        self.events += other.events;
        self.compressed_bytes += other.compressed_bytes;
        self.inflated_bytes += other.inflated_bytes;
        self.commits += other.commits;
        self.receives += other.receives;
        self.receive_failures += other.receive_failures;
        self.fetch_retries += other.fetch_retries;
        add_counts(&mut self.commit_attempts, other.commit_attempts);
        add_counts(&mut self.dedupe_hits, other.dedupe_hits);
        self.circuits_opened += other.circuits_opened;
        self.circuits_closed += other.circuits_closed;
        add_counts(&mut self.fetches, other.fetches);
        self.first_event_time = earliest(self.first_event_time, other.first_event_time);
        self.last_event_time = self.last_event_time.max(other.last_event_time);
        add_counts(&mut self.ignored_messages, other.ignored_messages);
        add_counts(&mut self.skipped, other.skipped);
        add_counts(&mut self.quarantined, other.quarantined);
        add_examples(&mut self.quarantine_examples, other.quarantine_examples);
        add_examples(&mut self.failed_objects, other.failed_objects);
        add_names(&mut self.accounts, &other.accounts);
        add_names(&mut self.regions, &other.regions);
    }

    pub(crate) fn count_stored(&mut self, facts: &DecodedFacts) {
        if facts.events + facts.rejects == 0 {
            self.objects_empty += 1;
        } else {
            self.objects_stored += 1;
        }
        if facts.rejects > 0 {
            *self.quarantined.entry(QuarantineReason::BadRecord).or_default() += facts.rejects;
        }
        self.rejected_records += facts.rejects;
        self.events += facts.events;
        self.compressed_bytes += facts.compressed_bytes;
        self.inflated_bytes += facts.inflated_bytes;
        self.first_event_time = earliest(self.first_event_time, facts.first_event_time);
        self.last_event_time = self.last_event_time.max(facts.last_event_time);
        add_names(&mut self.accounts, &facts.accounts);
        add_names(&mut self.regions, &facts.regions);
    }

    pub(crate) fn count_fetch(&mut self, failure: Option<&FetchFailure>) {
        let outcome = failure.map_or(FetchOutcome::Read, |failure| (&failure.kind).into());
        *self.fetches.entry(outcome).or_default() += 1;
    }

    pub(crate) fn count_commit(&mut self, attempt: CommitAttempt) {
        *self.commit_attempts.entry(attempt).or_default() += 1;
    }

    pub(crate) fn count_duplicate(&mut self, stage: DedupeStage) {
        self.objects_duplicate += 1;
        *self.dedupe_hits.entry(stage).or_default() += 1;
    }

    pub(crate) fn count_skipped(&mut self, kind: &str) {
        *self.skipped.entry(kind.to_owned()).or_default() += 1;
    }

    pub(crate) fn count_ignored(&mut self, kind: &str) {
        *self.ignored_messages.entry(kind.to_owned()).or_default() += 1;
    }

    pub(crate) fn count_quarantined(
        &mut self,
        what: String,
        reason: QuarantineReason,
        detail: String,
    ) {
        *self.quarantined.entry(reason).or_default() += 1;
        if self.quarantine_examples.len() < EXAMPLES_MAX {
            self.quarantine_examples.push((what, reason, detail));
        }
    }

    pub(crate) fn count_failed(&mut self, object: &ObjectRef, detail: String) {
        self.failed_objects_count += 1;
        if self.failed_objects.len() < EXAMPLES_MAX {
            self.failed_objects.push((object.to_string(), detail));
        }
    }
}

fn earliest(one: Option<EventTime>, other: Option<EventTime>) -> Option<EventTime> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn add_counts<K: Ord>(counts: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, count) in more {
        *counts.entry(key).or_default() += count;
    }
}

fn add_examples<T>(examples: &mut Vec<T>, more: Vec<T>) {
    let room = EXAMPLES_MAX.saturating_sub(examples.len());
    examples.extend(more.into_iter().take(room));
}

fn add_names(names: &mut BTreeSet<String>, more: &BTreeSet<String>) {
    for name in more {
        if names.len() >= NAMES_MAX {
            return;
        }
        if !names.contains(name) {
            names.insert(name.clone());
        }
    }
}
