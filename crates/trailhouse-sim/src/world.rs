//! Everything around the ingesters: time, chance, trouble, queue, objects, lake, and the judge.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use trailhouse_ingest::{Delivery, Input, MessageBody};
use trailhouse_model::{CommitOutcome, ObjectRef};

use crate::{
    calls::{Call, Reply},
    catalog::{Catalog, ObjectNo},
    fault::{Fault, Faults},
    ingester::ProcessId,
    invariants::{Invariant, Violation},
    plan::{Plan, Scenario, Window},
    queue::{MessageContent, MessageState, Queue},
    random::Random,
    table::Table,
    trace::{Trace, Who},
};

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A call reaches the other side.
    Arrive { from: ProcessId, call: Box<Call>, then: Then },
    /// An answer reaches its process.
    Answer { to: ProcessId, reply: Box<Reply> },
    /// A process wants to be woken.
    Wake { to: ProcessId },
    /// A process that did not run for a while goes on.
    Resume { to: ProcessId },
    /// A process of this ingester begins.
    Start { ingester: usize },
    /// The trouble ends.
    Calm,
}

/// What follows when a call has reached the other side.
#[derive(Debug)]
pub(crate) enum Then {
    /// The answer is on its way for so long.
    Answer(Duration),
    /// The answer is lost.
    Nothing,
    /// Something else is said, whatever happened.
    Say(Box<Reply>, Duration),
}

/// The events to come, in order of time; those of one time in the order they were planned.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    events: BTreeMap<(Duration, u64), Event>,
    planned: u64,
}

impl Schedule {
    pub(crate) fn plan(&mut self, at: Duration, event: Event) {
        self.planned += 1;
        self.events.insert((at, self.planned), event);
    }

    pub(crate) fn pop(&mut self) -> Option<(Duration, Event)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }
}

/// What was counted in a run beside the faults.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) deliveries: u64,
    pub(crate) processes: u64,
    pub(crate) commits: u64,
    pub(crate) conflicts: u64,
    pub(crate) commits_unknown: u64,
    pub(crate) commits_superseded: u64,
    pub(crate) commits_failed: u64,
    /// Entries that landed after their writer had stopped waiting.
    pub(crate) zombies_landed: u64,
    pub(crate) dead_letters: u64,
    pub(crate) duplicates: u64,
    pub(crate) steps: u64,
}

impl Counts {
    pub(crate) fn note(&mut self, input: &Input) {
        let Input::Committed { batch: _, outcome } = input else { return };
        match outcome {
            CommitOutcome::Committed { .. } => {}
            CommitOutcome::Unknown => self.commits_unknown += 1,
            CommitOutcome::Superseded { .. } => self.commits_superseded += 1,
            CommitOutcome::Failed { .. } => self.commits_failed += 1,
        }
    }
}

/// The world of one run.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Duration,
    /// Stands for time zero where a machine wants an instant; its value is never looked at.
    pub(crate) origin: Instant,
    pub(crate) random: Random,
    pub(crate) faults: Faults,
    pub(crate) scenario: Scenario,
    pub(crate) schedule: Schedule,
    pub(crate) catalog: Catalog,
    /// When one bucket lets nobody in.
    pub(crate) denial: Option<Window>,
    /// When nobody reaches the log.
    pub(crate) outage: Option<Window>,
    pub(crate) queue: Queue,
    /// Processes that will not finish what they are given, through no fault of theirs.
    pub(crate) troubled: BTreeSet<ProcessId>,
    pub(crate) table: Table,
    pub(crate) trace: Trace,
    pub(crate) counts: Counts,
    pub(crate) violation: Option<Violation>,
}

impl World {
    pub(crate) fn new(seed: u64, plan: &Plan, trace: Trace) -> Self {
        let mut random = Random::new(seed);
        let scenario = Scenario::draw(&mut random, plan);
        let faults = Faults::draw(&mut random, plan);
        let catalog = Catalog::draw(&mut random, &scenario);
        let denial = faults.has(Fault::BucketDenied).then(|| scenario.draw_window(&mut random));
        let outage = faults.has(Fault::LogOutage).then(|| scenario.draw_window(&mut random));
        let queue = Queue::new(scenario.is_fifo, scenario.receives_max);
        let mut world = Self {
            now: Duration::ZERO,
            origin: Instant::now(),
            random,
            faults,
            scenario,
            schedule: Schedule::default(),
            catalog,
            denial,
            outage,
            queue,
            troubled: BTreeSet::new(),
            table: Table::new(),
            trace,
            counts: Counts::default(),
            violation: None,
        };
        world.send_messages();
        world
    }

    /// Says whether the fault strikes now.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        self.faults.strikes(&mut self.random, fault)
    }

    /// Says whether the log cannot be reached now, and counts it.
    pub(crate) fn log_is_out(&mut self) -> bool {
        let is_out = self.outage.as_ref().is_some_and(|outage| outage.contains(&self.now));
        if is_out {
            self.faults.count(Fault::LogOutage);
        }
        is_out
    }

    /// Notes that an invariant does not hold. The first one counts.
    pub(crate) fn violate(&mut self, invariant: Invariant, detail: String) {
        self.trace.note(self.now, Who::World, "VIOLATION", invariant, || detail.clone());
        let at = self.now;
        self.violation.get_or_insert(Violation { invariant, at, detail });
    }

    pub(crate) fn require(
        &mut self,
        holds: bool,
        invariant: Invariant,
        detail: impl FnOnce() -> String,
    ) {
        if !holds {
            self.violate(invariant, detail());
        }
    }

    /// Checks a deletion that a process asks for.
    pub(crate) fn judge_acknowledge(&mut self, delivery: &Delivery) {
        let Some((place, _)) = self.queue.find(&delivery.receipt) else { return };
        if let Some(what) = self.unsettled(place) {
            let detail = format!("message m{place} is deleted, but {what}");
            self.violate(Invariant::DurableBeforeDelete, detail);
        }
    }

    /// Checks every message and every object at the end.
    pub(crate) fn judge_end(&mut self) {
        self.require(self.table.has_no_hole(), Invariant::AcknowledgedIsKept, || {
            "the log has a hole, behind which no reader looks".to_owned()
        });
        let files: Vec<_> = self.table.active_files().collect();
        for file in files {
            self.require(self.table.has_file(file), Invariant::AcknowledgedIsKept, || {
                format!("data file {file} is in the log and was discarded")
            });
        }
        for place in 0..self.queue.messages.len() {
            let state = self.queue.messages.get(place).map(|message| message.state);
            if let (Some(MessageState::Deleted), Some(what)) = (state, self.unsettled(place)) {
                let detail = format!("message m{place} was deleted, but {what}");
                self.violate(Invariant::AcknowledgedIsKept, detail);
            }
        }
        self.judge_objects();
    }

    fn judge_objects(&mut self) {
        let rows = self.table.rows();
        for place in 0..self.catalog.objects.len() {
            let Some(object) = self.catalog.get(place) else { continue };
            let listed = self.table.listed.get(&place).map_or(0, Vec::len);
            let (times, count) = rows.get(&place).copied().unwrap_or_default();
            let is_named = self.queue.messages.iter().any(|message| names(&message.content, place));
            let reasons = self.table.quarantined.get(&place);
            let reasons_fit =
                reasons.into_iter().flatten().all(|reason| object.may_be_quarantined(*reason));
            let is_kept = listed > 0 || reasons.is_some() || !object.is_for_the_lake();
            let may_be_stored = object.may_be_stored();
            // Rewritten objects have one row more after they were rewritten.
            let rows_fit = listed == 0 || count == object.rows || count == object.rows + 1;
            let nature = object.nature;
            self.require(times <= 1 && listed <= 1, Invariant::StoredOnce, || {
                format!("object {place} is {times} times in the files, {listed} times in the log")
            });
            self.require(rows_fit, Invariant::AcknowledgedIsKept, || {
                format!("object {place} has {count} rows in the table, which is not what it holds")
            });
            self.require(!is_named || is_kept, Invariant::Accounted, || {
                format!("object {place} ({nature:?}) is neither stored nor in quarantine")
            });
            self.require(reasons_fit, Invariant::Accounted, || {
                format!("object {place} ({nature:?}) is in quarantine for a wrong reason")
            });
            self.require(listed == 0 || may_be_stored, Invariant::Accounted, || {
                format!("object {place} ({nature:?}) is in the table and cannot be")
            });
        }
    }

    /// Says what of a message is not durable.
    fn unsettled(&self, place: usize) -> Option<String> {
        match &self.queue.messages.get(place)?.content {
            MessageContent::Nothing => None,
            MessageContent::Unreadable => {
                let is_kept = self.table.quarantined_messages.contains(&format!("m{place}"));
                (!is_kept).then(|| "it is unreadable and not in quarantine".to_owned())
            }
            MessageContent::Objects(objects) => objects
                .iter()
                .find(|object| !self.is_settled(**object))
                .map(|object| format!("object {object} is not durable")),
        }
    }

    /// Says whether nothing more needs to be done for an object.
    fn is_settled(&self, place: ObjectNo) -> bool {
        self.table.listed.contains_key(&place)
            || self.table.quarantined.contains_key(&place)
            || self.catalog.get(place).is_some_and(|object| !object.is_for_the_lake())
    }

    fn send_messages(&mut self) {
        let mut unnamed: Vec<ObjectNo> = (0..self.catalog.objects.len()).collect();
        self.random.shuffle(&mut unnamed);
        while let Some(first) = unnamed.pop() {
            let mut named = vec![first];
            while self.random.below(3) == 0 {
                // Some objects are named by two messages, or twice by one.
                let again = self.random.index(self.catalog.objects.len());
                let other = if self.random.below(3) == 0 { Some(again) } else { unnamed.pop() };
                named.extend(other);
            }
            for _ in 0..self.random.count(1, self.scenario.copies_max) {
                self.send_message(named.clone());
            }
        }
        for _ in 0..self.random.below(3) {
            let at = self.random.duration(Duration::ZERO, self.scenario.sending);
            let (body, content): (&[u8], _) = if self.random.below(2) == 0 {
                (TEST_EVENT, MessageContent::Nothing)
            } else {
                (b"what is this", MessageContent::Unreadable)
            };
            let group = self.draw_group();
            self.queue.send(at, MessageBody::Notification(body.to_vec()), content, group);
        }
    }

    fn draw_group(&mut self) -> Option<u64> {
        self.scenario.is_fifo.then(|| self.random.below(3))
    }

    fn send_message(&mut self, named: Vec<ObjectNo>) {
        let at = self.random.duration(Duration::ZERO, self.scenario.sending);
        let late = !self.scenario.is_fifo && self.strikes(Fault::LateMessage);
        let visible_at = if late { self.random.duration(at, self.scenario.calm_at) } else { at };
        let objects: Vec<ObjectRef> = named
            .iter()
            .filter_map(|place| self.catalog.get(*place))
            .map(|object| object.named.clone())
            .collect();
        let body = MessageBody::Objects(objects);
        let group = self.draw_group();
        self.queue.send(visible_at, body, MessageContent::Objects(named), group);
    }
}

/// What S3 sends when a notification is set up.
const TEST_EVENT: &[u8] = br#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"trail"}"#;

fn names(content: &MessageContent, place: ObjectNo) -> bool {
    match content {
        MessageContent::Objects(objects) => objects.contains(&place),
        MessageContent::Nothing | MessageContent::Unreadable => false,
    }
}
