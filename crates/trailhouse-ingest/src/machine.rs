//! The machine: takes in what happened, queues what to do, keeps the deadlines.
//!
//! Every input ends in one call of `advance`, which starts whatever the limits allow. An input that
//! answers work that was dropped meanwhile changes nothing.

mod committing;
mod fetching;
mod holding;
mod isolating;
mod leasing;
mod quarantining;
mod receiving;
mod settling;

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use trailhouse_model::{Disposition, EventTime};

pub(crate) use self::isolating::Lane;
use self::{committing::CommitFlight, quarantining::Penned};
use crate::{
    action::{Action, MachineStop, Stage},
    budget::Budget,
    circuit::CircuitTable,
    deadline::{Deadlines, Wake},
    input::{Failure, Input},
    invariants,
    jitter::Jitter,
    limits::IngestLimits,
    message::{MessageStage, MessageTable},
    object::{ObjectStage, ObjectTable},
    report::IngestReport,
    ticket::{MessageTicket, Ticket},
    window::FetchWindow,
};

/// Decides what an ingest does next. Holds tickets and sizes, no payloads.
#[derive(Debug)]
pub struct IngestMachine {
    pub(crate) limits: IngestLimits,
    pub(crate) messages: MessageTable,
    pub(crate) objects: ObjectTable,
    pub(crate) budget: Budget,
    pub(crate) window: FetchWindow,
    pub(crate) circuits: CircuitTable,
    pub(crate) deadlines: Deadlines,
    pub(crate) report: IngestReport,
    jitter: Jitter,
    actions: VecDeque<Action>,
    /// Settled objects that the driver has not been told to forget.
    forgotten: Vec<Ticket>,
    pub(crate) receives_in_flight: u32,
    /// How many receives there may be at the same time.
    receive_window: u32,
    /// Downloads without an answer, those included whose object was dropped meanwhile.
    pub(crate) fetches_in_flight: u32,
    receive_failures: u32,
    empty_receives: u32,
    look_up_in_flight: bool,
    look_up_failures: u32,
    /// Messages that wait to be written to quarantine.
    pub(crate) unreadable: BTreeSet<MessageTicket>,
    pub(crate) quarantine_in_flight: Option<Vec<Penned>>,
    quarantine_failures: u32,
    /// Inflated bytes of the objects that wait to be committed.
    pub(crate) batch_bytes: u64,
    pub(crate) commit: Option<CommitFlight>,
    run_id: String,
    batches: u64,
    /// Settled messages that wait to be acknowledged.
    pub(crate) to_acknowledge: BTreeSet<MessageTicket>,
    pub(crate) acknowledges_in_flight: u32,
    releasing: BTreeSet<MessageTicket>,
    /// Messages that are to be worked on alone.
    pub(crate) suspects: BTreeSet<MessageTicket>,
    pub(crate) lane: Lane,
    pub(crate) is_draining: bool,
    /// Whether a drain has come so far that it only waits for messages to be given back.
    is_overdue: bool,
    is_halted: bool,
    stop: Option<MachineStop>,
}

impl IngestMachine {
    /// Makes a machine that begins to receive at once. `run_id` begins the names of its batches
    /// and must be unlike that of any other run on the same lake; what is random in a machine
    /// follows from it alone.
    pub fn new(limits: IngestLimits, run_id: &str, now: Instant) -> Self {
        let budget = Budget::new(limits.bytes_in_flight_max, limits.compressed_bytes_max);
        let window = FetchWindow::new(limits.fetch_window_first, limits.fetches_in_flight_max);
        let receive_window = limits.receive_window_first();
        let mut machine = Self {
            limits,
            messages: MessageTable::new(),
            objects: ObjectTable::new(),
            budget,
            window,
            circuits: CircuitTable::new(),
            deadlines: Deadlines::default(),
            report: IngestReport::default(),
            jitter: Jitter::seeded(run_id),
            actions: VecDeque::new(),
            forgotten: Vec::new(),
            receives_in_flight: 0,
            receive_window,
            fetches_in_flight: 0,
            receive_failures: 0,
            empty_receives: 0,
            look_up_in_flight: false,
            look_up_failures: 0,
            unreadable: BTreeSet::new(),
            quarantine_in_flight: None,
            quarantine_failures: 0,
            batch_bytes: 0,
            commit: None,
            run_id: run_id.to_owned(),
            batches: 0,
            to_acknowledge: BTreeSet::new(),
            acknowledges_in_flight: 0,
            releasing: BTreeSet::new(),
            suspects: BTreeSet::new(),
            lane: Lane::Shared,
            is_draining: false,
            is_overdue: false,
            is_halted: false,
            stop: None,
        };
        machine.advance(now);
        machine
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        if self.is_halted {
            return;
        }
        match input {
            Input::Received { messages } => self.received(now, messages),
            Input::ReceiveFailed { failure } => self.receive_failed(now, failure),
            Input::LookedUp { outcome } => self.looked_up(now, outcome),
            Input::Fetched { ticket, outcome } => self.fetched(now, ticket, outcome),
            Input::Decoded { ticket, outcome } => self.decoded(now, ticket, outcome),
            Input::Quarantined { outcome } => self.quarantined(now, outcome),
            Input::Committed { batch, outcome } => self.committed(now, &batch, outcome),
            Input::Probed { batch, outcome } => self.probed(now, &batch, outcome),
            Input::Acknowledged { done, failed } => self.acknowledged(now, &done, &failed),
            Input::VisibilityExtended { message, outcome } => {
                self.visibility_extended(now, message, outcome);
            }
            Input::Released { message } => self.released(message),
            Input::Drain => self.drain(now),
        }
        self.advance(now);
    }

    /// Does what is due at this time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(wake) = self.deadlines.pop_due(now) {
            match wake {
                // What these held back is started by `advance`.
                Wake::Receive | Wake::LookUp | Wake::Quarantine | Wake::Linger => {}
                // The receives that it waited for no longer count.
                Wake::ReceiveDrain => {}
                Wake::Commit => self.resume_commit(),
                Wake::Circuit(id) => self.make_probe_due(id),
                Wake::Drain => self.give_up_drain(),
                Wake::DrainEnd => self.is_halted = true,
                Wake::Object(ticket) => self.retry_fetch(ticket),
                Wake::Acknowledge(message) => self.retry_acknowledge(message),
                Wake::Lease(message) => self.extend_lease(now, message),
            }
        }
        self.advance(now);
    }

    /// Returns the next thing to do. Ask until there is none.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        if self.is_halted { None } else { self.actions.pop_front() }
    }

    /// Returns when [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_halted { None } else { self.deadlines.next() }
    }

    /// Says whether nothing is left to do or to wait for.
    pub fn is_finished(&self) -> bool {
        let is_idle = self.messages.is_empty()
            && self.objects.is_empty()
            && self.quarantine_in_flight.is_none()
            && self.releasing.is_empty()
            && self.actions.is_empty();
        let is_given_back = self.releasing.is_empty() && self.actions.is_empty();
        self.is_halted
            || (self.is_overdue && is_given_back)
            || (self.is_closing() && !self.awaits_receives() && is_idle)
    }

    /// Returns why the machine stopped early, if it did. It may still be finishing what it holds.
    pub fn stop(&self) -> Option<&MachineStop> {
        self.stop.as_ref()
    }

    /// Returns what was done so far.
    pub fn report(&self) -> &IngestReport {
        &self.report
    }

    /// Returns when the oldest message in work was put into the queue, where the queue says so.
    pub fn oldest_sent_at(&self) -> Option<EventTime> {
        self.messages.iter().filter_map(|(_, work)| work.sent_at).min()
    }

    /// Says whether no further message will come.
    fn is_closing(&self) -> bool {
        self.is_draining || (self.is_exhausted() && self.receives_in_flight == 0)
    }

    /// Says whether a drain still expects messages, to give them back.
    fn awaits_receives(&self) -> bool {
        self.receives_in_flight > 0 && self.deadlines.waits_for(Wake::ReceiveDrain)
    }

    fn is_exhausted(&self) -> bool {
        self.limits.finish_after_empty_receives.is_some_and(|empty| self.empty_receives >= empty)
    }

    /// Starts everything that the limits allow.
    fn advance(&mut self, now: Instant) {
        if self.is_halted || self.is_overdue {
            return;
        }
        // First, because objects that are given up make room for others to be looked up.
        self.start_fetches();
        self.start_look_up();
        self.start_commit(now);
        self.start_quarantine();
        self.start_acknowledges();
        self.start_receives();
        if !self.forgotten.is_empty() {
            let tickets = std::mem::take(&mut self.forgotten);
            self.actions.push_back(Action::Forget { tickets });
        }
        debug_assert_eq!(invariants::check_limits(self), Ok(()));
    }

    /// Begins no more work: gives back what is not decoded, commits what is.
    fn drain(&mut self, now: Instant) {
        if self.is_draining {
            return;
        }
        self.is_draining = true;
        let end = now + self.limits.drain_max;
        self.deadlines.set(Wake::Drain, end - self.limits.release_time());
        self.deadlines.set(Wake::DrainEnd, end);
        if self.limits.visibility.is_some() {
            self.deadlines.set(Wake::ReceiveDrain, now + self.limits.receive_drain_max);
        }
        let unfinished = [
            ObjectStage::Queued,
            ObjectStage::LookingUp,
            ObjectStage::Ready,
            ObjectStage::Fetching,
            ObjectStage::Waiting,
            ObjectStage::Held,
        ];
        for stage in unfinished {
            while let Some(ticket) = self.objects.first(stage) {
                self.abandon(ticket);
            }
        }
    }

    /// Gives back what is not done by now. What a commit in flight holds may be stored all the same:
    /// whoever gets its messages next finds that out.
    fn give_up_drain(&mut self) {
        self.is_overdue = true;
        let is_kept = |stage: &MessageStage| matches!(stage, MessageStage::Acknowledging);
        let unfinished: Vec<MessageTicket> = self
            .messages
            .iter()
            .filter(|(_, work)| !is_kept(&work.stage))
            .map(|(message, _)| message)
            .collect();
        for message in unfinished {
            self.release(message);
        }
    }

    /// Decides whether a failed call to the lake is repeated or ends the run.
    fn lake_failed(&mut self, now: Instant, wake: Wake, failures: u32, stage: Stage, why: Failure) {
        match why.disposition {
            Disposition::RetryLater if failures < self.limits.lake_failures_max => {
                let delay = self.retry_delay(failures);
                self.deadlines.set(wake, now + delay);
            }
            Disposition::RetryLater | Disposition::Quarantine | Disposition::Stop => {
                self.halt(stage, why);
            }
        }
    }

    /// Draws the delay before the next repetition after so many failures in a row.
    fn retry_delay(&mut self, failures: u32) -> Duration {
        self.jitter.up_to(self.limits.retry_delay_longest(failures))
    }

    /// Stops at once. Nothing that is held was acknowledged, so all of it comes again.
    fn halt(&mut self, stage: Stage, why: Failure) {
        self.note_stop(stage, why);
        self.is_halted = true;
    }

    fn note_stop(&mut self, stage: Stage, why: Failure) {
        let Failure { disposition, detail } = why;
        self.stop.get_or_insert(MachineStop { stage, disposition, detail });
    }
}
