//! In-memory ports that keep the contracts of [`crate::ports`], with faults to order.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;
use trailhouse_model::{
    BatchId, BucketName, CommitOutcome, CommittedObject, Disposition, ObjectId, ObjectKey,
    ObjectRef, QuarantineEntry, QuarantineId, TableVersion,
};

use crate::ports::{
    AcknowledgeReport, CircuitKey, CommitRequest, LakeWriter, MessageBody, NotificationQueue,
    ObjectReader, PortError, PortErrorKind, QueueMessage, ReceiptHandle,
};

/// A queue with leases in memory.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    state: Mutex<QueueState>,
    long_poll: Duration,
    /// How long after the messages were taken a receive answers.
    answer_delay: Duration,
}

#[derive(Debug, Default)]
struct QueueState {
    messages: BTreeMap<String, StoredMessage>,
    sent: u32,
    extensions: u32,
    releases: u32,
    receive_faults: VecDeque<PortErrorKind>,
    acknowledge_faults: u32,
}

#[derive(Debug)]
struct StoredMessage {
    body: MessageBody,
    receive_count: u32,
    hidden_until: Option<Instant>,
}

impl QueueState {
    /// Finds the message if this is its newest delivery.
    fn delivered(&mut self, receipt: &ReceiptHandle) -> Option<&mut StoredMessage> {
        let (id, delivery) = receipt.as_str().split_once('#')?;
        let message = self.messages.get_mut(id)?;
        (message.receive_count.to_string() == delivery).then_some(message)
    }
}

impl MemoryQueue {
    /// Makes a queue whose empty receives wait so long.
    pub fn with_long_poll(long_poll: Duration) -> Self {
        Self { long_poll, ..Self::default() }
    }

    /// Makes a queue whose receives answer so long after they took the messages.
    pub fn with_slow_answers(answer_delay: Duration) -> Self {
        Self { answer_delay, ..Self::default() }
    }

    /// Puts a message in and returns its id.
    pub fn send(&self, body: MessageBody) -> String {
        let mut state = lock(&self.state);
        state.sent += 1;
        let id = format!("message-{:04}", state.sent);
        let message = StoredMessage { body, receive_count: 0, hidden_until: None };
        state.messages.insert(id.clone(), message);
        id
    }

    /// Makes the next receives fail.
    pub fn fail_receives(&self, kinds: impl IntoIterator<Item = PortErrorKind>) {
        lock(&self.state).receive_faults.extend(kinds);
    }

    /// Makes so many of the next acknowledgements, message by message, fail.
    pub fn fail_acknowledgements(&self, count: u32) {
        lock(&self.state).acknowledge_faults = count;
    }

    /// Returns the number of messages not deleted.
    pub fn len(&self) -> usize {
        lock(&self.state).messages.len()
    }

    /// Says whether all messages are deleted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how often leases were extended.
    pub fn extensions(&self) -> u32 {
        lock(&self.state).extensions
    }

    /// Returns how often messages were given back.
    pub fn releases(&self) -> u32 {
        lock(&self.state).releases
    }

    fn take_visible(&self, messages_max: u8, visibility: Duration) -> Vec<QueueMessage> {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let is_visible =
            |message: &StoredMessage| message.hidden_until.is_none_or(|until| until <= now);
        let visible = state.messages.iter_mut().filter(|(_, message)| is_visible(message));
        let mut messages = Vec::new();
        for (id, message) in visible.take(usize::from(messages_max)) {
            message.receive_count += 1;
            message.hidden_until = Some(now + visibility);
            messages.push(QueueMessage {
                id: id.clone(),
                receipt: ReceiptHandle::new(format!("{id}#{}", message.receive_count)),
                body: message.body.clone(),
                receive_count: message.receive_count,
                group: None,
                sent_at: None,
            });
        }
        messages
    }
}

impl NotificationQueue for MemoryQueue {
    async fn receive(
        &self,
        messages_max: u8,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        if let Some(kind) = lock(&self.state).receive_faults.pop_front() {
            return Err(PortError::new(kind, "receive messages"));
        }
        let messages = self.take_visible(messages_max, visibility);
        if messages.is_empty() {
            tokio::time::sleep(self.long_poll).await;
        }
        tokio::time::sleep(self.answer_delay).await;
        Ok(messages)
    }

    async fn acknowledge(&self, receipts: &[ReceiptHandle]) -> AcknowledgeReport {
        let mut state = lock(&self.state);
        let mut report = AcknowledgeReport::default();
        for receipt in receipts {
            if state.acknowledge_faults > 0 {
                state.acknowledge_faults -= 1;
                report.failed.push((receipt.clone(), PortErrorKind::Unavailable));
                continue;
            }
            state.messages.remove(message_id(receipt));
            report.done.push(receipt.clone());
        }
        report
    }

    async fn extend_visibility(
        &self,
        receipt: &ReceiptHandle,
        by: Duration,
    ) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        state.extensions += 1;
        match state.delivered(receipt) {
            Some(message) => message.hidden_until = Some(Instant::now() + by),
            None => return Err(PortError::new(PortErrorKind::NotFound, "extend visibility")),
        }
        Ok(())
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        state.releases += 1;
        if let Some(message) = state.delivered(receipt) {
            message.hidden_until = None;
        }
        Ok(())
    }

    fn name(&self) -> String {
        "memory-queue".to_owned()
    }
}

/// Objects in memory, by key.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<StoreState>,
    latency: Duration,
}

#[derive(Debug, Default)]
struct StoreState {
    objects: BTreeMap<ObjectKey, Bytes>,
    faults: BTreeMap<ObjectKey, VecDeque<PortErrorKind>>,
    /// Reads that are denied still, by bucket.
    denials: BTreeMap<BucketName, u32>,
    reads: u32,
}

impl MemoryStore {
    /// Makes a store whose reads take so long.
    pub fn with_latency(latency: Duration) -> Self {
        Self { latency, ..Self::default() }
    }

    /// Puts an object in.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        lock(&self.state).objects.insert(ObjectKey::new(key), bytes.into());
    }

    /// Makes the next reads of the key fail.
    pub fn fail_reads(&self, key: &str, kinds: impl IntoIterator<Item = PortErrorKind>) {
        let mut state = lock(&self.state);
        state.faults.entry(ObjectKey::new(key)).or_default().extend(kinds);
    }

    /// Denies so many of the next reads in the bucket.
    pub fn shut(&self, bucket: BucketName, reads: u32) {
        lock(&self.state).denials.insert(bucket, reads);
    }

    /// Returns how often objects were read.
    pub fn reads(&self) -> u32 {
        lock(&self.state).reads
    }
}

impl ObjectReader for MemoryStore {
    async fn read(&self, object: &ObjectRef, bytes_max: u64) -> Result<Bytes, PortError> {
        tokio::time::sleep(self.latency).await;
        let mut state = lock(&self.state);
        state.reads += 1;
        if let Some(denials @ 1..) = state.denials.get_mut(&object.bucket) {
            *denials -= 1;
            let circuit = CircuitKey::Bucket(object.bucket.clone());
            let error = PortError::new(PortErrorKind::Denied, "read object");
            return Err(error.concerning(circuit));
        }
        let fault = state.faults.get_mut(&object.key).and_then(VecDeque::pop_front);
        if let Some(kind) = fault {
            return Err(PortError::new(kind, "read object"));
        }
        let Some(bytes) = state.objects.get(&object.key) else {
            return Err(PortError::new(PortErrorKind::NotFound, "read object"));
        };
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max) {
            Ok(bytes.clone())
        } else {
            Err(PortError::new(PortErrorKind::TooLarge, "read object"))
        }
    }
}

/// How a commit goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing is written and the lake says so.
    Failed(Disposition),
    /// It is written, but the answer is lost.
    AppliedUnknown,
    /// Nothing is written and nobody can know.
    LostUnknown,
}

/// A lake in memory: a ledger, the batches that made it, and a quarantine.
#[derive(Debug, Default)]
pub struct MemoryLake {
    state: Mutex<LakeState>,
}

#[derive(Debug, Default)]
struct LakeState {
    ledger: BTreeMap<ObjectId, CommittedObject>,
    batches: BTreeMap<BatchId, TableVersion>,
    quarantine: BTreeMap<QuarantineId, QuarantineEntry>,
    commit_faults: VecDeque<CommitFault>,
    look_up_faults: VecDeque<PortErrorKind>,
    events: u64,
}

impl MemoryLake {
    /// Makes the next commits go wrong.
    pub fn fail_commits(&self, faults: impl IntoIterator<Item = CommitFault>) {
        lock(&self.state).commit_faults.extend(faults);
    }

    /// Makes the next look-ups fail.
    pub fn fail_look_ups(&self, kinds: impl IntoIterator<Item = PortErrorKind>) {
        lock(&self.state).look_up_faults.extend(kinds);
    }

    /// Returns the rows stored.
    pub fn events(&self) -> u64 {
        lock(&self.state).events
    }

    /// Returns what commits have listed.
    pub fn ledger(&self) -> Vec<CommittedObject> {
        lock(&self.state).ledger.values().cloned().collect()
    }

    /// Returns what is in quarantine.
    pub fn quarantined(&self) -> Vec<QuarantineEntry> {
        lock(&self.state).quarantine.values().cloned().collect()
    }

    /// Returns the number of commits.
    pub fn commits(&self) -> usize {
        lock(&self.state).batches.len()
    }
}

impl LakeState {
    fn version(&self) -> TableVersion {
        TableVersion(u64::try_from(self.batches.len()).unwrap_or(u64::MAX))
    }

    fn keep(&mut self, entries: Vec<QuarantineEntry>) {
        for entry in entries {
            self.quarantine.insert(entry.id(), entry);
        }
    }

    fn apply(&mut self, request: CommitRequest) -> CommitOutcome {
        if let Some(version) = self.batches.get(&request.batch) {
            return CommitOutcome::Committed { version: *version };
        }
        let ids = request.objects.iter().map(|object| object.committed.id);
        let stored: Vec<ObjectId> = ids.filter(|id| self.ledger.contains_key(id)).collect();
        if !stored.is_empty() {
            return CommitOutcome::Superseded { objects: stored, version: self.version() };
        }
        for object in request.objects {
            self.keep(object.rejects);
            self.events += u64::try_from(object.events.num_rows()).unwrap_or(u64::MAX);
            self.ledger.insert(object.committed.id, object.committed);
        }
        let version = self.version().next();
        self.batches.insert(request.batch, version);
        CommitOutcome::Committed { version }
    }
}

impl LakeWriter for MemoryLake {
    async fn look_up(&self, objects: &[ObjectRef]) -> Result<Vec<bool>, PortError> {
        let mut state = lock(&self.state);
        if let Some(kind) = state.look_up_faults.pop_front() {
            return Err(PortError::new(kind, "look up objects"));
        }
        Ok(objects.iter().map(|object| state.ledger.contains_key(&object.id())).collect())
    }

    async fn commit(&self, request: CommitRequest) -> CommitOutcome {
        // Others get their turn between the call and its effect.
        tokio::task::yield_now().await;
        let mut state = lock(&self.state);
        match state.commit_faults.pop_front() {
            None => state.apply(request),
            Some(CommitFault::Failed(disposition)) => {
                CommitOutcome::Failed { disposition, detail: "the fake says no".to_owned() }
            }
            Some(CommitFault::LostUnknown) => CommitOutcome::Unknown,
            Some(CommitFault::AppliedUnknown) => match state.apply(request) {
                CommitOutcome::Committed { .. } => CommitOutcome::Unknown,
                outcome @ (CommitOutcome::Superseded { .. }
                | CommitOutcome::Unknown
                | CommitOutcome::Failed { .. }) => outcome,
            },
        }
    }

    async fn probe(&self, batch: &BatchId) -> Result<Option<TableVersion>, PortError> {
        Ok(lock(&self.state).batches.get(batch).copied())
    }

    async fn quarantine(&self, entries: Vec<QuarantineEntry>) -> Result<(), PortError> {
        lock(&self.state).keep(entries);
        Ok(())
    }
}

fn message_id(receipt: &ReceiptHandle) -> &str {
    receipt.as_str().split('#').next().unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
