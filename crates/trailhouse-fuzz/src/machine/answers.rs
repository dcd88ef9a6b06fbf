//! What the world says to each action: whatever the bytes choose, however unlikely.

use std::collections::BTreeSet;

use serde_json::json;
use trailhouse_ingest::{
    Action, CircuitKey, DecodeFailure, DecodedContent, DecodedFacts, Delivery, Failure,
    FetchFailure, FetchFailureKind, Input, MessageBody, QueueMessage, ReceiptHandle, Ticket,
};
use trailhouse_model::{
    BatchId, BucketName, CommitOutcome, Disposition, ObjectKey, ObjectRef, QuarantineReason,
    TableVersion,
};

use super::{choices::Choices, promises::Promises};

/// The queue is empty for good after so many messages.
const MESSAGES_MAX: u32 = 120;
/// Objects that messages name; few, so that messages share them.
const OBJECTS: usize = 12;
const VERSION: TableVersion = TableVersion(1);

/// Everything around the machine.
pub(super) struct World<'b> {
    pub(super) choices: Choices<'b>,
    pub(super) promises: Promises,
    messages: u32,
}

impl<'b> World<'b> {
    pub(super) fn new(choices: Choices<'b>) -> Self {
        Self { choices, promises: Promises::default(), messages: 0 }
    }

    /// Ends an action in flight.
    pub(super) fn answer(&mut self, action: Action) -> Input {
        match action {
            Action::Receive { messages_max, .. } => self.receive(messages_max),
            Action::LookUp { objects } => self.look_up(&objects),
            Action::Fetch { ticket, .. } => Input::Fetched { ticket, outcome: self.fetch() },
            Action::Decode { ticket, .. } => self.decode(ticket),
            Action::Quarantine { subjects } => {
                let outcome = self.maybe();
                if outcome.is_ok() {
                    self.promises.quarantined(&subjects);
                }
                Input::Quarantined { outcome }
            }
            Action::Commit { batch, tickets } => self.commit(batch, &tickets),
            Action::Probe { batch } => self.probe(batch),
            Action::Acknowledge { deliveries } => self.acknowledge(&deliveries),
            Action::ExtendVisibility { delivery, .. } => {
                Input::VisibilityExtended { message: delivery.message, outcome: self.maybe() }
            }
            Action::Release { delivery, delay: _ } => Input::Released { message: delivery.message },
            Action::Forget { .. } => unreachable!("it is not answered"),
        }
    }

    /// Fails in one case of four, then in one of three for good.
    fn maybe(&mut self) -> Result<(), Failure> {
        let disposition = match self.choices.below(12) {
            0..9 => return Ok(()),
            9..11 => Disposition::RetryLater,
            _ => Disposition::Stop,
        };
        Err(Failure { disposition, detail: "no".to_owned() })
    }

    fn receive(&mut self, messages_max: u8) -> Input {
        if let Err(failure) = self.maybe() {
            return Input::ReceiveFailed { failure };
        }
        let count = self.choices.byte() % (messages_max + 1);
        let messages = (0..count).filter_map(|_| self.message()).collect();
        Input::Received { messages }
    }

    fn message(&mut self) -> Option<QueueMessage> {
        if self.choices.is_over() || self.messages >= MESSAGES_MAX {
            return None;
        }
        self.messages += 1;
        let body = self.body();
        // Few names, so that a message is delivered again while it is in work.
        let id = format!("m{}", self.choices.below(30));
        let receipt = ReceiptHandle::new(format!("receipt {}", self.messages));
        self.promises.delivered(&id, &receipt, &body);
        let receive_count = self.choices.up_to(4).into();
        let group = (self.choices.below(4) == 3).then(|| "group".to_owned());
        Some(QueueMessage { id, receipt, body, receive_count, sent_at: None, group })
    }

    fn body(&mut self) -> MessageBody {
        match self.choices.below(8) {
            0..5 => {
                let count = self.choices.below(5);
                MessageBody::Objects((0..count).map(|_| self.object()).collect())
            }
            5 => MessageBody::Notification(b"what is this".to_vec()),
            6 => MessageBody::Notification(b"{\"Records\":[]}".to_vec()),
            _ => {
                let object = self.object();
                let notice = json!({
                    "s3Bucket": object.bucket.as_str(),
                    "s3ObjectKey": [object.key.as_str()],
                });
                MessageBody::Notification(notice.to_string().into_bytes())
            }
        }
    }

    fn object(&mut self) -> ObjectRef {
        let number = self.choices.below(OBJECTS);
        let folder = if number == 0 { "CloudTrail-Digest" } else { "CloudTrail" };
        let key = |number| format!("AWSLogs/111111111111/{folder}/eu-west-1/2026/01/02/{number}");
        let mut object = ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key(number)));
        // The other reading of one key may be the key of another object.
        object.key_alternative = match number % 4 {
            1 => Some(ObjectKey::new(key(number + 1))),
            2 => Some(ObjectKey::new(format!("{}+", key(number)))),
            _ => None,
        };
        object.size_bytes = number.is_multiple_of(3).then_some(700);
        object
    }

    fn look_up(&mut self, objects: &[(Ticket, ObjectRef)]) -> Input {
        let tickets = objects.iter().map(|(ticket, _)| *ticket);
        let outcome = self.maybe().map(|()| self.choices.some_of(tickets).into_iter().collect());
        if let Ok(stored) = &outcome {
            self.promises.settled(stored);
        }
        Input::LookedUp { outcome }
    }

    fn fetch(&mut self) -> Result<u64, FetchFailure> {
        let kind = match self.choices.below(18) {
            0..9 => return Ok(u64::from(self.choices.byte()) * 20),
            9..11 => FetchFailureKind::Temporary,
            11..13 => FetchFailureKind::Missing,
            13 => FetchFailureKind::Archived,
            14 => FetchFailureKind::Corrupt,
            15 => FetchFailureKind::Throttled,
            16 => FetchFailureKind::Denied(self.refused()),
            _ if self.choices.flag() => FetchFailureKind::TooLarge,
            _ => FetchFailureKind::Hopeless,
        };
        Err(FetchFailure { kind, detail: "no".to_owned() })
    }

    fn refused(&mut self) -> CircuitKey {
        if self.choices.flag() {
            CircuitKey::Bucket(BucketName::new("trail"))
        } else {
            CircuitKey::KmsKey("key".to_owned())
        }
    }

    fn decode(&mut self, ticket: Ticket) -> Input {
        let failed = |reason| Err(DecodeFailure { reason, detail: "no".to_owned() });
        let outcome = match self.choices.below(8) {
            0..5 => Ok(Box::new(self.facts(DecodedContent::Records))),
            5 => {
                self.promises.settled(&BTreeSet::from([ticket]));
                Ok(Box::new(self.facts(DecodedContent::Skipped("foreign"))))
            }
            6 => failed(QuarantineReason::Corrupt),
            _ => failed(QuarantineReason::LimitExceeded),
        };
        Input::Decoded { ticket, outcome }
    }

    fn facts(&mut self, content: DecodedContent) -> DecodedFacts {
        DecodedFacts {
            content,
            events: self.choices.byte().into(),
            rejects: self.choices.byte().into(),
            compressed_bytes: 100,
            inflated_bytes: 50 * u64::from(self.choices.byte()),
            memory_bytes: 50 * u64::from(self.choices.byte()),
            first_event_time: None,
            last_event_time: None,
            accounts: BTreeSet::new(),
            regions: BTreeSet::new(),
        }
    }

    fn commit(&mut self, batch: BatchId, tickets: &[Ticket]) -> Input {
        let failed = |disposition| CommitOutcome::Failed { disposition, detail: "no".to_owned() };
        let outcome = match self.choices.below(12) {
            0..6 => {
                self.promises.settled(tickets);
                CommitOutcome::Committed { version: VERSION }
            }
            6..8 => {
                let superseded = self.choices.some_of(tickets.iter().copied());
                self.promises.settled(&superseded);
                let objects = self.promises.identities(&superseded);
                CommitOutcome::Superseded { objects, version: VERSION }
            }
            8..10 => CommitOutcome::Unknown,
            10 => failed(Disposition::RetryLater),
            _ => failed(Disposition::Stop),
        };
        self.promises.batch = tickets.to_vec();
        Input::Committed { batch, outcome }
    }

    fn probe(&mut self, batch: BatchId) -> Input {
        let outcome = self.maybe().map(|()| self.choices.flag().then_some(VERSION));
        if outcome == Ok(Some(VERSION)) {
            let tickets = self.promises.batch.clone();
            self.promises.settled(&tickets);
        }
        Input::Probed { batch, outcome }
    }

    fn acknowledge(&mut self, deliveries: &[Delivery]) -> Input {
        let messages = deliveries.iter().map(|delivery| delivery.message);
        let failed = self.choices.some_of(messages.clone());
        let done = messages.filter(|message| !failed.contains(message)).collect();
        Input::Acknowledged { done, failed }
    }
}
