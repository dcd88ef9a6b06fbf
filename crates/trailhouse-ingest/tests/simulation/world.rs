//! A small world around the machine: a queue with leases, a store, a lake that keeps its promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use trailhouse_ingest::{
    Action, CircuitKey, DecodeFailure, DecodedContent, DecodedFacts, Delivery, Failure,
    FetchFailure, FetchFailureKind, Input, MessageBody, MessageTicket, QuarantineSubject,
    QueueMessage, ReceiptHandle, Ticket,
};
use trailhouse_model::{
    BatchId, BucketName, CommitOutcome, Disposition, ObjectId, ObjectKey, ObjectRef,
    QuarantineReason, TableVersion,
};

/// How long a receive waits for messages.
const LONG_POLL: Duration = Duration::from_secs(1);

/// What lies under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Good,
    Empty,
    Corrupt,
    CorruptOnce,
    Missing,
    UnderOtherKey,
    Archived,
    Foreign,
    Digest,
}

/// One of each, and a few plain ones. Messages name objects by their place here.
pub(crate) const NATURES: [Nature; 13] = [
    Nature::Good,
    Nature::Good,
    Nature::Good,
    Nature::Good,
    Nature::Good,
    Nature::Empty,
    Nature::Corrupt,
    Nature::CorruptOnce,
    Nature::Missing,
    Nature::UnderOtherKey,
    Nature::Archived,
    Nature::Foreign,
    Nature::Digest,
];

/// How an action in flight ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Success,
    /// It fails without effect, and may be tried again.
    Temporary,
    /// It takes effect, but the answer is lost.
    AppliedUnknown,
    /// It takes no effect, and nobody can know.
    LostUnknown,
    /// The other side asks to slow down.
    Throttled,
    /// The store does not let us in. Other calls may be tried again.
    Denied,
    /// It fails for good.
    Refused,
}

struct QueuedMessage {
    body: MessageBody,
    objects: Vec<usize>,
    group: Option<String>,
    deliveries: u32,
    visible_at: Instant,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    queue: BTreeMap<String, QueuedMessage>,
    stored: BTreeMap<ObjectId, u32>,
    batches: BTreeSet<BatchId>,
    quarantined: BTreeSet<ObjectId>,
    quarantined_messages: BTreeSet<String>,
    /// Of the machine at work: which object and which message stands behind a ticket.
    tickets: BTreeMap<Ticket, ObjectRef>,
    corrupt_once: BTreeSet<ObjectId>,
    visibility: Duration,
}

pub(crate) fn object(index: usize) -> ObjectRef {
    let folder = if NATURES[index] == Nature::Digest { "CloudTrail-Digest" } else { "CloudTrail" };
    let key = format!("AWSLogs/111111111111/{folder}/eu-west-1/2026/01/02/{index}.json.gz");
    let bucket = if index.is_multiple_of(3) { "one" } else { "other" };
    let mut object = ObjectRef::new(BucketName::new(bucket), ObjectKey::new(key.clone()));
    object.size_bytes = index.is_multiple_of(2).then_some(100);
    if matches!(NATURES[index], Nature::UnderOtherKey | Nature::Missing) {
        object.key_alternative = Some(ObjectKey::new(format!("{key}+")));
    }
    object
}

/// Half of the objects are locked with a key that is used in both buckets.
fn circuit_of(object: &ObjectRef) -> CircuitKey {
    if index_of(object).is_multiple_of(2) {
        CircuitKey::KmsKey("key".to_owned())
    } else {
        CircuitKey::Bucket(object.bucket.clone())
    }
}

fn index_of(object: &ObjectRef) -> usize {
    let name = object.key.as_str().rsplit('/').next().unwrap();
    name.split('.').next().unwrap().parse().unwrap()
}

impl World {
    pub(crate) fn new(messages: &[Vec<usize>], now: Instant, visibility: Duration) -> Self {
        let mut queue = BTreeMap::new();
        for (number, objects) in messages.iter().enumerate() {
            let body = if objects.is_empty() {
                MessageBody::Notification(b"what is this".to_vec())
            } else {
                MessageBody::Objects(objects.iter().map(|index| object(*index)).collect())
            };
            let objects = objects.clone();
            let group = (number % 3 > 0).then(|| format!("g{}", number % 3));
            let message = QueuedMessage { body, objects, group, deliveries: 0, visible_at: now };
            queue.insert(format!("m{number:02}"), message);
        }
        Self {
            now,
            queue,
            stored: BTreeMap::new(),
            batches: BTreeSet::new(),
            quarantined: BTreeSet::new(),
            quarantined_messages: BTreeSet::new(),
            tickets: BTreeMap::new(),
            corrupt_once: BTreeSet::new(),
            visibility,
        }
    }

    pub(crate) fn queue_is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// A machine has gone; its tickets mean nothing to the next.
    pub(crate) fn forget_machine(&mut self) {
        self.tickets.clear();
    }

    /// Makes every message visible at once.
    pub(crate) fn expire_leases(&mut self) {
        for message in self.queue.values_mut() {
            message.visible_at = self.now;
        }
    }

    /// Another writer stores an object.
    pub(crate) fn store_elsewhere(&mut self, index: usize) {
        if matches!(NATURES[index], Nature::Good | Nature::Empty) {
            self.stored.entry(object(index).id()).or_insert(1);
        }
    }

    pub(crate) fn every_object_is_stored_once(&self) -> bool {
        self.stored.values().all(|count| *count == 1)
    }

    /// Says whether nothing more needs to be done for the object.
    pub(crate) fn is_settled(&self, index: usize) -> bool {
        let named = object(index);
        let other = named.key_alternative.clone().map(|key| ObjectRef { key, ..named.clone() });
        match NATURES[index] {
            Nature::Good | Nature::Empty | Nature::CorruptOnce => {
                self.stored.contains_key(&named.id())
            }
            Nature::UnderOtherKey => self.stored.contains_key(&other.unwrap().id()),
            Nature::Corrupt | Nature::Missing | Nature::Archived => {
                self.quarantined.contains(&named.id())
            }
            Nature::Foreign | Nature::Digest => true,
        }
    }

    /// Ends an action in flight.
    pub(crate) fn complete(&mut self, action: Action, fate: Fate) -> Option<Input> {
        let input = match action {
            Action::Receive { messages_max, visibility } => {
                assert_eq!(visibility, self.visibility);
                self.receive(messages_max, fate)
            }
            Action::LookUp { objects } => self.look_up(objects, fate),
            Action::Fetch { ticket, object, .. } => self.fetch(ticket, &object, fate),
            Action::Decode { ticket, object } => self.decode(ticket, &object),
            Action::Quarantine { subjects } => self.quarantine(subjects, fate),
            Action::Commit { batch, tickets } => self.commit(batch, &tickets, fate),
            Action::Probe { batch } => self.probe(batch, fate),
            Action::Acknowledge { deliveries } => self.acknowledge(deliveries, fate),
            Action::ExtendVisibility { delivery, by } => self.extend(&delivery, by, fate),
            Action::Release { delivery, delay } => {
                let until = self.now + delay;
                if let Some(message) = self.delivered(&delivery.receipt) {
                    message.visible_at = until;
                }
                Input::Released { message: delivery.message }
            }
            Action::Forget { .. } => return None,
        };
        Some(input)
    }

    fn receive(&mut self, messages_max: u8, fate: Fate) -> Input {
        if let Err(failure) = without_effect(fate) {
            return Input::ReceiveFailed { failure };
        }
        let (now, visibility) = (self.now, self.visibility);
        // While one of a group is with somebody, the queue keeps the others back.
        let is_hidden = |message: &&QueuedMessage| message.visible_at > now;
        let hidden = self.queue.values().filter(is_hidden);
        let kept_back: BTreeSet<String> =
            hidden.filter_map(|message| message.group.clone()).collect();
        let is_visible = |message: &QueuedMessage| {
            let is_kept_back =
                message.group.as_ref().is_some_and(|group| kept_back.contains(group));
            message.visible_at <= now && !is_kept_back
        };
        let visible = self.queue.iter_mut().filter(|(_, message)| is_visible(message));
        let mut messages = Vec::new();
        for (id, message) in visible.take(usize::from(messages_max)) {
            message.deliveries += 1;
            message.visible_at = now + visibility;
            messages.push(QueueMessage {
                id: id.clone(),
                receipt: ReceiptHandle::new(format!("{id}#{}", message.deliveries)),
                body: message.body.clone(),
                receive_count: message.deliveries,
                group: message.group.clone(),
                sent_at: None,
            });
        }
        if messages.is_empty() {
            self.now += LONG_POLL;
        }
        Input::Received { messages }
    }

    fn look_up(&mut self, objects: Vec<(Ticket, ObjectRef)>, fate: Fate) -> Input {
        let stored = objects
            .iter()
            .filter(|(_, object)| self.stored.contains_key(&object.id()))
            .map(|(ticket, _)| *ticket)
            .collect();
        for (ticket, object) in objects {
            self.tickets.insert(ticket, object);
        }
        Input::LookedUp { outcome: without_effect(fate).map(|()| stored) }
    }

    fn fetch(&mut self, ticket: Ticket, object: &ObjectRef, fate: Fate) -> Input {
        self.tickets.insert(ticket, object.clone());
        let is_other_key = object.key.as_str().ends_with('+');
        let kind = match (fate, NATURES[index_of(object)]) {
            (Fate::Temporary, _) => Some(FetchFailureKind::Temporary),
            (Fate::Throttled, _) => Some(FetchFailureKind::Throttled),
            (Fate::Denied, _) => Some(FetchFailureKind::Denied(circuit_of(object))),
            (Fate::Refused, _) => Some(FetchFailureKind::Hopeless),
            (_, Nature::Missing) => Some(FetchFailureKind::Missing),
            (_, Nature::UnderOtherKey) if !is_other_key => Some(FetchFailureKind::Missing),
            (_, Nature::Archived) => Some(FetchFailureKind::Archived),
            _ => None,
        };
        let outcome = match kind {
            Some(kind) => Err(FetchFailure { kind, detail: "so it is".to_owned() }),
            None => Ok(100),
        };
        Input::Fetched { ticket, outcome }
    }

    fn decode(&mut self, ticket: Ticket, object: &ObjectRef) -> Input {
        let nature = NATURES[index_of(object)];
        let is_corrupt = nature == Nature::Corrupt
            || (nature == Nature::CorruptOnce && self.corrupt_once.insert(object.id()));
        if is_corrupt {
            let detail = "cut off".to_owned();
            let failure = DecodeFailure { reason: QuarantineReason::Corrupt, detail };
            return Input::Decoded { ticket, outcome: Err(failure) };
        }
        let content = if nature == Nature::Foreign {
            DecodedContent::Skipped("foreign")
        } else {
            DecodedContent::Records
        };
        let facts = DecodedFacts {
            content,
            events: if nature == Nature::Empty { 0 } else { 7 },
            rejects: 0,
            compressed_bytes: 100,
            inflated_bytes: 1_000,
            memory_bytes: 900,
            first_event_time: None,
            last_event_time: None,
            accounts: BTreeSet::new(),
            regions: BTreeSet::new(),
        };
        Input::Decoded { ticket, outcome: Ok(Box::new(facts)) }
    }

    fn quarantine(&mut self, subjects: Vec<QuarantineSubject>, fate: Fate) -> Input {
        let outcome = without_effect(fate);
        if outcome.is_ok() || fate == Fate::AppliedUnknown {
            for subject in subjects {
                match subject {
                    QuarantineSubject::Object { object, .. } => {
                        self.quarantined.insert(object.id());
                    }
                    QuarantineSubject::Message { id, .. } => {
                        self.quarantined_messages.insert(id);
                    }
                }
            }
        }
        Input::Quarantined { outcome }
    }

    fn commit(&mut self, batch: BatchId, tickets: &[Ticket], fate: Fate) -> Input {
        let ids: BTreeSet<ObjectId> = tickets.iter().map(|t| self.tickets[t].id()).collect();
        assert_eq!(ids.len(), tickets.len(), "a batch names no object twice");
        let version = TableVersion(1);
        let stored: Vec<ObjectId> =
            ids.iter().copied().filter(|id| self.stored.contains_key(id)).collect();
        let outcome = match fate {
            Fate::Temporary | Fate::Throttled | Fate::Denied => CommitOutcome::Failed {
                disposition: Disposition::RetryLater,
                detail: String::new(),
            },
            Fate::Refused => {
                CommitOutcome::Failed { disposition: Disposition::Stop, detail: String::new() }
            }
            Fate::LostUnknown => CommitOutcome::Unknown,
            Fate::Success | Fate::AppliedUnknown if self.batches.contains(&batch) => {
                CommitOutcome::Committed { version }
            }
            Fate::Success | Fate::AppliedUnknown if !stored.is_empty() => {
                CommitOutcome::Superseded { objects: stored, version }
            }
            Fate::Success | Fate::AppliedUnknown => {
                for id in ids {
                    *self.stored.entry(id).or_default() += 1;
                }
                self.batches.insert(batch.clone());
                if fate == Fate::AppliedUnknown {
                    CommitOutcome::Unknown
                } else {
                    CommitOutcome::Committed { version }
                }
            }
        };
        Input::Committed { batch, outcome }
    }

    fn probe(&mut self, batch: BatchId, fate: Fate) -> Input {
        let version = self.batches.contains(&batch).then_some(TableVersion(1));
        Input::Probed { batch, outcome: without_effect(fate).map(|()| version) }
    }

    fn acknowledge(&mut self, deliveries: Vec<Delivery>, fate: Fate) -> Input {
        assert!((1..=10).contains(&deliveries.len()), "one to ten at a time");
        for delivery in &deliveries {
            self.check_acknowledged(&delivery.receipt);
        }
        let mut messages: Vec<MessageTicket> = Vec::new();
        for (place, delivery) in deliveries.iter().enumerate() {
            let is_deleted = match fate {
                Fate::Success | Fate::AppliedUnknown => true,
                Fate::Temporary | Fate::LostUnknown => place % 2 == 1,
                Fate::Throttled | Fate::Denied | Fate::Refused => false,
            };
            if is_deleted {
                self.queue.remove(message_id(&delivery.receipt));
            }
            messages.push(delivery.message);
        }
        let is_known = |place: usize| match fate {
            Fate::Success => true,
            Fate::Temporary => place % 2 == 1,
            Fate::AppliedUnknown
            | Fate::LostUnknown
            | Fate::Throttled
            | Fate::Denied
            | Fate::Refused => false,
        };
        let (done, failed): (Vec<_>, Vec<_>) =
            messages.into_iter().enumerate().partition(|(place, _)| is_known(*place));
        let strip = |pairs: Vec<(usize, MessageTicket)>| pairs.into_iter().map(|p| p.1).collect();
        Input::Acknowledged { done: strip(done), failed: strip(failed) }
    }

    /// Nothing is acknowledged before it is safe.
    fn check_acknowledged(&self, receipt: &ReceiptHandle) {
        let id = message_id(receipt);
        let Some(message) = self.queue.get(id) else { return };
        let is_safe = match &message.body {
            MessageBody::Notification(_) => self.quarantined_messages.contains(id),
            MessageBody::Objects(_) => message.objects.iter().all(|index| self.is_settled(*index)),
        };
        assert!(is_safe, "{id} was acknowledged too early");
        let group = message.group.as_ref();
        let mut earlier = self.queue.iter().take_while(|(earlier, _)| earlier.as_str() < id);
        let is_in_order =
            group.is_none() || earlier.all(|(_, earlier)| earlier.group.as_ref() != group);
        assert!(is_in_order, "{id} was acknowledged before its turn");
    }

    fn extend(&mut self, delivery: &Delivery, by: Duration, fate: Fate) -> Input {
        let until = self.now + by;
        let mut outcome = without_effect(fate);
        match (&outcome, self.delivered(&delivery.receipt)) {
            (Ok(()), Some(message)) => message.visible_at = until,
            (Ok(()), None) => outcome = Err(receipt_is_stale()),
            (Err(_), _) => {}
        }
        Input::VisibilityExtended { message: delivery.message, outcome }
    }

    /// Finds the message if this is its newest delivery.
    fn delivered(&mut self, receipt: &ReceiptHandle) -> Option<&mut QueuedMessage> {
        let (id, delivery) = receipt.as_str().split_once('#')?;
        let message = self.queue.get_mut(id)?;
        (message.deliveries.to_string() == delivery).then_some(message)
    }
}

fn message_id(receipt: &ReceiptHandle) -> &str {
    receipt.as_str().split('#').next().unwrap()
}

fn receipt_is_stale() -> Failure {
    Failure { disposition: Disposition::Quarantine, detail: "somebody else has it".to_owned() }
}

fn without_effect(fate: Fate) -> Result<(), Failure> {
    let disposition = match fate {
        Fate::Success => return Ok(()),
        Fate::Temporary
        | Fate::AppliedUnknown
        | Fate::LostUnknown
        | Fate::Throttled
        | Fate::Denied => Disposition::RetryLater,
        Fate::Refused => Disposition::Stop,
    };
    Err(Failure { disposition, detail: "the world says no".to_owned() })
}
