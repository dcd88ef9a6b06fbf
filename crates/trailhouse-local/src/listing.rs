//! Planned objects as a queue that has an end.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::Mutex, task::spawn_blocking};
use trailhouse_model::ObjectRef;
use trailhouse_runtime::{
    AcknowledgeReport, MessageBody, NotificationQueue, PortError, PortErrorKind, QueueMessage,
    ReceiptHandle,
};

use crate::{plan::PlannedObject, read_ahead::ReadAhead};

/// Objects of one message.
pub(crate) const OBJECTS_PER_MESSAGE_MAX: usize = 50;
/// Bytes that one receive hashes before it hands out what it has.
pub(crate) const HASHED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Hands out the objects of a [`crate::SourcePlan`], hashing them on the way.
///
/// There are no leases: once all messages are handed out, receives are empty.
#[derive(Debug)]
pub struct SourceListing {
    file_bytes_max: u64,
    ahead: ReadAhead,
    state: Mutex<Remaining>,
}

#[derive(Debug)]
struct Remaining {
    objects: VecDeque<PlannedObject>,
    messages: u64,
}

impl SourceListing {
    pub(crate) fn new(objects: Vec<PlannedObject>, file_bytes_max: u64, ahead: ReadAhead) -> Self {
        let state = Remaining { objects: objects.into(), messages: 0 };
        Self { file_bytes_max, ahead, state: Mutex::new(state) }
    }
}

impl NotificationQueue for SourceListing {
    /// Dropping the future loses no object.
    async fn receive(
        &self,
        messages_max: u8,
        _visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        let mut state = self.state.lock().await;
        let objects_max = usize::from(messages_max).saturating_mul(OBJECTS_PER_MESSAGE_MAX);
        let count = count_within(state.objects.iter().map(PlannedObject::bytes), objects_max);
        let next: Vec<PlannedObject> = state.objects.iter().take(count).cloned().collect();
        let (bytes_max, ahead) = (self.file_bytes_max, self.ahead.clone());
        let hashing = spawn_blocking(move || -> Vec<ObjectRef> {
            next.iter().map(|object| object.identify(bytes_max, &ahead)).collect()
        });
        let objects = hashing
            .await
            .map_err(|error| PortError::with_source(PortErrorKind::Bug, "hash files", error))?;
        state.objects.drain(..count);
        let messages = objects.chunks(OBJECTS_PER_MESSAGE_MAX);
        Ok(messages.map(|objects| state.message(objects.to_vec())).collect())
    }

    async fn acknowledge(&self, receipts: &[ReceiptHandle]) -> AcknowledgeReport {
        AcknowledgeReport { done: receipts.to_vec(), failed: Vec::new() }
    }

    async fn extend_visibility(
        &self,
        _receipt: &ReceiptHandle,
        _by: Duration,
    ) -> Result<(), PortError> {
        Ok(())
    }

    async fn release(&self, _receipt: &ReceiptHandle) -> Result<(), PortError> {
        Ok(())
    }

    fn name(&self) -> String {
        "local files".to_owned()
    }
}

impl Remaining {
    fn message(&mut self, objects: Vec<ObjectRef>) -> QueueMessage {
        self.messages = self.messages.saturating_add(1);
        objects_message(&format!("listing-{}", self.messages), objects, 1)
    }
}

pub(crate) fn objects_message(
    name: &str,
    objects: Vec<ObjectRef>,
    receive_count: u32,
) -> QueueMessage {
    QueueMessage {
        id: name.to_owned(),
        receipt: ReceiptHandle::new(name),
        body: MessageBody::Objects(objects),
        receive_count,
        group: None,
        sent_at: None,
    }
}

/// Returns how many of the next objects one receive takes: at least one where there are any.
pub(crate) fn count_within(sizes: impl Iterator<Item = u64>, objects_max: usize) -> usize {
    let mut hashed_bytes = 0_u64;
    let mut count = 0_usize;
    for bytes in sizes.take(objects_max) {
        hashed_bytes = hashed_bytes.saturating_add(bytes);
        if count > 0 && hashed_bytes > HASHED_BYTES_MAX {
            break;
        }
        count = count.saturating_add(1);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receive_takes_at_least_one_object_and_stops_at_its_limits() {
        let check = |sizes: &[u64], objects_max, count| {
            assert_eq!(count_within(sizes.iter().copied(), objects_max), count, "{sizes:?}");
        };
        check(&[], 10, 0);
        check(&[u64::MAX, 1], 10, 1);
        check(&[1, u64::MAX, 1], 10, 1);
        check(&[1, 1, 1], 2, 2);
        check(&[0, HASHED_BYTES_MAX, 0], 10, 3);
    }
}
