//! Everything under a prefix as a queue that has an end.

use std::{collections::VecDeque, time::Duration};

use aws_sdk_s3::{Client, operation::list_objects_v2::ListObjectsV2Output, types::Object};
use tokio::sync::Mutex;
use trailhouse_model::{BucketName, ETag, ObjectKey, ObjectRef};
use trailhouse_runtime::{
    AcknowledgeReport, MessageBody, NotificationQueue, PortError, QueueMessage, ReceiptHandle,
};

use crate::{AwsClients, S3Url, classify::classify};

const OBJECTS_PER_MESSAGE_MAX: usize = 100;

/// Lists one or more prefixes, page by page, as messages of at most a hundred objects.
///
/// There are no leases: once all messages are handed out, receives are empty.
#[derive(Debug)]
pub struct S3Listing {
    clients: AwsClients,
    name: String,
    state: Mutex<Listing>,
}

#[derive(Debug)]
struct Listing {
    prefixes: VecDeque<S3Url>,
    /// Where the next page of the first prefix starts.
    continuation: Option<String>,
    listed: VecDeque<ObjectRef>,
    messages: u64,
}

impl S3Listing {
    /// Makes the source; calls nothing yet. Prefixes are listed in the order given.
    pub fn new(clients: &AwsClients, prefixes: Vec<S3Url>) -> Self {
        let names: Vec<String> = prefixes.iter().map(S3Url::to_string).collect();
        let state = Listing {
            prefixes: prefixes.into(),
            continuation: None,
            listed: VecDeque::new(),
            messages: 0,
        };
        Self { clients: clients.clone(), name: names.join(" "), state: Mutex::new(state) }
    }

    async fn page(
        &self,
        prefix: &S3Url,
        continuation: Option<&str>,
    ) -> Result<ListObjectsV2Output, PortError> {
        let bucket = prefix.bucket.as_str();
        let request = |client: Client| async move {
            let request = client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(&prefix.prefix)
                .set_continuation_token(continuation.map(str::to_owned));
            request.send().await.map_err(|error| classify(&error))
        };
        Box::pin(self.clients.buckets().call(bucket, None, request))
            .await
            .map_err(|trouble| trouble.into_port_error("list objects", prefix.to_string()))
    }

    /// Lists until that many objects wait or the end is reached.
    async fn fill(&self, state: &mut Listing, objects_wanted: usize) -> Result<(), PortError> {
        while state.listed.len() < objects_wanted {
            let Some(prefix) = state.prefixes.front() else {
                break;
            };
            let page = self.page(prefix, state.continuation.as_deref()).await?;
            let bucket = prefix.bucket.clone();
            let objects = page.contents.unwrap_or_default();
            state.listed.extend(objects.into_iter().filter_map(|object| listed(&bucket, object)));
            // A page that names no successor is the last, whatever else it says.
            state.continuation =
                page.next_continuation_token.filter(|_| page.is_truncated == Some(true));
            if state.continuation.is_none() {
                state.prefixes.pop_front();
            }
        }
        Ok(())
    }
}

impl NotificationQueue for S3Listing {
    /// Dropping the future loses no object: a page is taken over whole or asked for again.
    async fn receive(
        &self,
        messages_max: u8,
        _visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        let mut state = self.state.lock().await;
        let messages_max = usize::from(messages_max);
        let objects_wanted = messages_max.saturating_mul(OBJECTS_PER_MESSAGE_MAX);
        let filled = self.fill(&mut state, objects_wanted).await;
        let messages = state.take_messages(messages_max);
        match filled {
            // The next receive meets the same trouble and tells it.
            Err(error) if messages.is_empty() => Err(error),
            Err(_) | Ok(()) => Ok(messages),
        }
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
        self.name.clone()
    }
}

impl Listing {
    fn take_messages(&mut self, messages_max: usize) -> Vec<QueueMessage> {
        let mut messages = Vec::new();
        while messages.len() < messages_max
            && let Some(message) = self.next_message()
        {
            messages.push(message);
        }
        messages
    }

    fn next_message(&mut self) -> Option<QueueMessage> {
        let count = self.listed.len().min(OBJECTS_PER_MESSAGE_MAX);
        let objects: Vec<ObjectRef> = self.listed.drain(..count).collect();
        if objects.is_empty() {
            return None;
        }
        self.messages = self.messages.saturating_add(1);
        let id = format!("listing-{}", self.messages);
        Some(QueueMessage {
            receipt: ReceiptHandle::new(id.clone()),
            id,
            body: MessageBody::Objects(objects),
            receive_count: 1,
            group: None,
            sent_at: None,
        })
    }
}

/// Keys that end in a slash stand for folders and hold nothing.
fn listed(bucket: &BucketName, object: Object) -> Option<ObjectRef> {
    let key = object.key.filter(|key| !key.ends_with('/'))?;
    let mut listed = ObjectRef::new(bucket.clone(), ObjectKey::new(key));
    listed.e_tag = object.e_tag.map(|tag| ETag::new(tag.trim_matches('"')));
    listed.size_bytes = object.size.and_then(|size| u64::try_from(size).ok());
    Some(listed)
}
