//! A machine on the bench: tell it what happened, see what it asks for.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use trailhouse_ingest::{
    Action, DecodedContent, DecodedFacts, Failure, FetchFailure, FetchFailureKind, IngestLimits,
    IngestMachine, Input, MessageBody, MessageTicket, QueueMessage, ReceiptHandle, Ticket,
    invariants,
};
use trailhouse_model::{
    BatchId, BucketName, CommitOutcome, Disposition, ObjectKey, ObjectRef, TableVersion,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A machine with its clock and what it asked for last.
pub(crate) struct Bench {
    pub(crate) machine: IngestMachine,
    pub(crate) actions: Vec<Action>,
    now: Instant,
}

impl Bench {
    pub(crate) fn new(limits: IngestLimits) -> Self {
        Self::named("run", limits)
    }

    pub(crate) fn named(run_id: &str, limits: IngestLimits) -> Self {
        let now = Instant::now();
        let machine = IngestMachine::new(limits, run_id, now);
        let mut bench = Self { machine, now, actions: Vec::new() };
        bench.collect();
        bench
    }

    fn collect(&mut self) {
        self.actions.clear();
        while let Some(action) = self.machine.poll_action() {
            self.actions.push(action);
        }
        invariants::check(&self.machine).unwrap();
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        self.collect();
    }

    pub(crate) fn wait(&mut self, pause: Duration) {
        self.now += pause;
        self.machine.handle_timeout(self.now);
        self.collect();
    }

    /// Waits until the machine wants to be woken and returns how long that took.
    pub(crate) fn wait_for_deadline(&mut self) -> Duration {
        let pause = self.machine.poll_timeout().unwrap() - self.now;
        self.wait(pause);
        pause
    }

    /// Delivers one message and returns what is asked about its objects.
    pub(crate) fn deliver(&mut self, id: &str, objects: Vec<ObjectRef>) -> Vec<Ticket> {
        self.tell(Input::Received { messages: vec![message(id, objects)] });
        self.looked_up()
    }

    pub(crate) fn looked_up(&self) -> Vec<Ticket> {
        let asked = self.actions.iter().find_map(|action| {
            if let Action::LookUp { objects } = action {
                Some(objects.iter().map(|(ticket, _)| *ticket))
            } else {
                None
            }
        });
        asked.map(Iterator::collect).unwrap_or_default()
    }

    pub(crate) fn none_is_stored(&mut self) {
        self.tell(Input::LookedUp { outcome: Ok(BTreeSet::new()) });
    }

    pub(crate) fn fetch_and_decode(&mut self, ticket: Ticket) {
        self.fetch_succeeds(ticket);
        self.tell(Input::Decoded { ticket, outcome: Ok(Box::new(facts(1_000))) });
    }

    pub(crate) fn fetch_succeeds(&mut self, ticket: Ticket) {
        self.tell(Input::Fetched { ticket, outcome: Ok(100) });
    }

    pub(crate) fn fetch_fails(&mut self, ticket: Ticket, kind: FetchFailureKind) {
        let outcome = Err(FetchFailure { kind, detail: "no".to_owned() });
        self.tell(Input::Fetched { ticket, outcome });
    }

    /// Returns the tickets of the objects that are to be fetched now.
    pub(crate) fn fetches(&self) -> Vec<Ticket> {
        let ticket_of = |action: &Action| {
            if let Action::Fetch { ticket, .. } = action { Some(*ticket) } else { None }
        };
        self.actions.iter().filter_map(ticket_of).collect()
    }

    pub(crate) fn batch(&self) -> Option<(BatchId, Vec<Ticket>)> {
        self.actions.iter().find_map(|action| {
            if let Action::Commit { batch, tickets } = action {
                Some((batch.clone(), tickets.clone()))
            } else {
                None
            }
        })
    }

    pub(crate) fn acknowledged(&self) -> Vec<(MessageTicket, String)> {
        let mut found = Vec::new();
        for action in &self.actions {
            if let Action::Acknowledge { deliveries } = action {
                for delivery in deliveries {
                    found.push((delivery.message, delivery.receipt.to_string()));
                }
            }
        }
        found
    }

    pub(crate) fn receipts(&self) -> Vec<String> {
        self.acknowledged().into_iter().map(|(_, receipt)| receipt).collect()
    }

    pub(crate) fn count(&self, is_wanted: impl Fn(&Action) -> bool) -> usize {
        self.actions.iter().filter(|action| is_wanted(action)).count()
    }
}

pub(crate) fn message(id: &str, objects: Vec<ObjectRef>) -> QueueMessage {
    QueueMessage {
        id: id.to_owned(),
        receipt: ReceiptHandle::new(id),
        body: MessageBody::Objects(objects),
        receive_count: 1,
        group: None,
        sent_at: None,
    }
}

pub(crate) fn object(key: &str) -> ObjectRef {
    object_in("bucket", key)
}

pub(crate) fn object_in(bucket: &str, key: &str) -> ObjectRef {
    ObjectRef::new(BucketName::new(bucket), ObjectKey::new(key))
}

pub(crate) fn facts(inflated_bytes: u64) -> DecodedFacts {
    DecodedFacts {
        content: DecodedContent::Records,
        events: 5,
        rejects: 0,
        compressed_bytes: 100,
        inflated_bytes,
        memory_bytes: inflated_bytes,
        first_event_time: None,
        last_event_time: None,
        accounts: BTreeSet::new(),
        regions: BTreeSet::new(),
    }
}

pub(crate) fn committed(batch: BatchId) -> Input {
    Input::Committed { batch, outcome: CommitOutcome::Committed { version: TableVersion(1) } }
}

pub(crate) fn failure(disposition: Disposition) -> Failure {
    Failure { disposition, detail: "no".to_owned() }
}

pub(crate) fn is_receive(action: &Action) -> bool {
    matches!(action, Action::Receive { .. })
}

pub(crate) fn is_fetch(action: &Action) -> bool {
    matches!(action, Action::Fetch { .. })
}

/// A service with one object decoded that waits for company.
pub(crate) fn with_one_decoded() -> Bench {
    let mut bench = Bench::new(IngestLimits::default());
    let tickets = bench.deliver("m", vec![object("a")]);
    bench.none_is_stored();
    bench.fetch_and_decode(tickets[0]);
    bench
}
