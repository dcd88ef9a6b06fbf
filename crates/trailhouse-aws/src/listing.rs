//! Everything under a prefix as a queue that has an end.

use std::{collections::VecDeque, time::Duration};

use aws_sdk_s3::{Client, operation::list_objects_v2::ListObjectsV2Output, types::Object};
use tokio::sync::Mutex;
use trailhouse_model::{BucketName, ETag, ObjectKey, ObjectRef};
use trailhouse_runtime::{
    AcknowledgeReport, MessageBody, NotificationQueue, PortError, QueueMessage, ReceiptHandle,
};
use trailhouse_source::KeyFilter;

use crate::{
    AwsClients, S3Url,
    classify::classify,
    listing_counts::ListingCounts,
    listing_steps::{Step, StepKind, Steps},
};

const OBJECTS_PER_MESSAGE_MAX: usize = 100;

/// Lists one or more prefixes, page by page, as messages of at most a hundred objects.
///
/// With a filter, folders are opened down to those of a region, and of a region only the days that
/// are asked for are listed. That takes a request for each folder that is opened and for each
/// region, and one more for every thousand names in them. Where the layout is not CloudTrail's,
/// everything is listed and looked at by name.
///
/// There are no leases: once all messages are handed out, receives are empty.
#[derive(Debug)]
pub struct S3Listing {
    clients: AwsClients,
    name: String,
    filter: KeyFilter,
    counts: ListingCounts,
    state: Mutex<Listing>,
}

#[derive(Debug)]
struct Listing {
    steps: Steps,
    listed: VecDeque<ObjectRef>,
    messages: u64,
}

impl S3Listing {
    /// Makes the source; calls nothing yet. Prefixes are listed in the order given.
    pub fn new(clients: &AwsClients, prefixes: Vec<S3Url>) -> Self {
        Self::filtered(clients, prefixes, KeyFilter::default())
    }

    /// Makes a source of those objects only that the filter picks.
    pub fn filtered(clients: &AwsClients, prefixes: Vec<S3Url>, filter: KeyFilter) -> Self {
        let names: Vec<String> = prefixes.iter().map(S3Url::to_string).collect();
        let steps = Steps::new(prefixes, &filter);
        let state = Listing { steps, listed: VecDeque::new(), messages: 0 };
        Self {
            clients: clients.clone(),
            name: names.join(" "),
            filter,
            counts: ListingCounts::default(),
            state: Mutex::new(state),
        }
    }

    /// Returns the numbers of this listing; they go on counting while it does.
    pub fn counts(&self) -> ListingCounts {
        self.counts.clone()
    }

    async fn page(&self, step: &Step) -> Result<ListObjectsV2Output, PortError> {
        let bucket = step.place.bucket.as_str();
        let (delimiter, start_after) = match &step.kind {
            StepKind::Open { .. } => (Some("/"), None),
            StepKind::List { start_after, .. } => (None, start_after.as_deref()),
        };
        let request = |client: Client| async move {
            let request = client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(&step.place.prefix)
                .set_delimiter(delimiter.map(str::to_owned))
                .set_start_after(start_after.map(str::to_owned))
                .set_continuation_token(step.continuation.clone());
            self.counts.add_request();
            request.send().await.map_err(|error| classify(&error))
        };
        Box::pin(self.clients.buckets().call(bucket, None, request))
            .await
            .map_err(|trouble| trouble.into_port_error("list objects", step.place.to_string()))
    }

    /// Lists until that many objects wait or the end is reached.
    async fn fill(&self, state: &mut Listing, objects_wanted: usize) -> Result<(), PortError> {
        while state.listed.len() < objects_wanted {
            let Some(step) = state.steps.front() else {
                break;
            };
            let page = self.page(step).await?;
            let bucket = step.place.bucket.clone();
            let step_end = step.end().map(str::to_owned);
            let is_past = |key: &str| step_end.as_deref().is_some_and(|end| key >= end);
            let mut reached_end = false;
            for object in page.contents.unwrap_or_default() {
                reached_end |= object.key().is_some_and(is_past);
                let Some(found) = listed(&bucket, object) else { continue };
                if reached_end || !self.filter.picks(found.key.as_str()) {
                    self.counts.add_passed();
                } else {
                    state.listed.push_back(found);
                }
            }
            // A page that names no successor is the last, whatever else it says.
            let next = page
                .next_continuation_token
                .filter(|_| page.is_truncated == Some(true) && !reached_end);
            let folders = page.common_prefixes.unwrap_or_default();
            let folders = folders.into_iter().filter_map(|folder| folder.prefix).collect();
            state.steps.advance(next, folders, &self.filter);
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
