//! An SQS queue as the source of notifications.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_sqs::{
    Client,
    operation::delete_message_batch::DeleteMessageBatchOutput,
    types::{
        DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName as Attribute,
        QueueAttributeName,
    },
};
use tracing::warn;
use trailhouse_failpoint::{Failpoint, reach};
use trailhouse_model::EventTime;
use trailhouse_runtime::{
    AcknowledgeReport, MessageBody, NotificationQueue, PortError, PortErrorKind, QueueMessage,
    ReceiptHandle,
};
use uuid::Uuid;

use crate::{
    AwsClients, QueueAddress, QueueFacts,
    classify::{Trouble, classify, classify_entry},
    client::FALLBACK_REGION,
};

/// What SQS takes in one call.
const BATCH_MAX: usize = 10;
const WAIT_MAX: Duration = Duration::from_secs(20);
const VISIBILITY_MAX: Duration = Duration::from_secs(43_200);

/// How many messages a queue holds. SQS counts approximately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// May be received.
    pub waiting: u64,
    /// Received and not yet deleted or visible again.
    pub in_flight: u64,
    /// Not to be received yet.
    pub delayed: u64,
}

/// One SQS queue.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    name: String,
    wait: Duration,
    /// Ids of receives that failed, to be used again; as many as there were at the same time.
    failed_attempts: Arc<Mutex<Vec<String>>>,
}

impl SqsQueue {
    /// The longest time that SQS waits for a message.
    pub const WAIT_DEFAULT: Duration = WAIT_MAX;

    /// Opens the queue; asks SQS for the URL where the address is an ARN.
    ///
    /// `wait` is how long a receive waits for a message, at most 20 seconds. With less than a
    /// second SQS asks only some of its servers, and an empty answer does not mean an empty queue.
    pub async fn open(
        clients: &AwsClients,
        address: &QueueAddress,
        wait: Duration,
    ) -> Result<Self, PortError> {
        let wait = wait.min(WAIT_MAX);
        let region = region_for(clients, address);
        let endpoint_url = if clients.has_endpoint_url() { None } else { address.endpoint_url() };
        let client = clients.sqs(&region, endpoint_url.as_deref(), wait);
        let url = match address {
            QueueAddress::Url(url) => url.to_string(),
            QueueAddress::Arn { account, name, .. } => resolve(&client, account, name).await?,
        };
        let name = address.name().to_owned();
        Ok(Self { client, url, name, wait, failed_attempts: Arc::default() })
    }

    /// Says whether the queue keeps order. SQS tells such queues by their name.
    pub fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }

    /// Asks the queue how it is set up; nothing where we may not ask.
    pub async fn facts(&self) -> Result<Option<QueueFacts>, PortError> {
        let request = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::VisibilityTimeout)
            .attribute_names(QueueAttributeName::MessageRetentionPeriod)
            .attribute_names(QueueAttributeName::RedrivePolicy);
        match Box::pin(request.send()).await {
            Ok(answer) => {
                let attributes = answer.attributes.unwrap_or_default();
                Ok(Some(QueueFacts::from_attributes(&attributes)))
            }
            Err(error) => match classify(&error) {
                trouble if trouble.kind == PortErrorKind::Denied => Ok(None),
                trouble => Err(self.failed(trouble, "read queue attributes")),
            },
        }
    }

    /// Returns the id of the next receive: that of one whose answer was lost, if there is one, so
    /// that a queue that keeps order hands out the same messages again instead of hiding them.
    fn next_attempt(&self) -> Option<String> {
        let failed = || self.attempts().pop();
        self.is_fifo().then(|| failed().unwrap_or_else(|| Uuid::now_v7().to_string()))
    }

    fn attempts(&self) -> MutexGuard<'_, Vec<String>> {
        // The list is whole after every call that holds the lock.
        self.failed_attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks how many messages there are.
    pub async fn depth(&self) -> Result<QueueDepth, PortError> {
        let request = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesDelayed);
        let answer = match Box::pin(request.send()).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.failed(classify(&error), "ask for the queue's depth")),
        };
        let counts = answer.attributes.unwrap_or_default();
        let count = |name| counts.get(&name).and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(QueueDepth {
            waiting: count(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            delayed: count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        })
    }

    fn failed(&self, trouble: Trouble, action: &'static str) -> PortError {
        trouble.into_port_error(action, self.url.clone())
    }

    async fn change_visibility(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
        action: &'static str,
    ) -> Result<(), PortError> {
        let request = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt.as_str())
            .visibility_timeout(whole_seconds(visibility.min(VISIBILITY_MAX)));
        match Box::pin(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed(classify(&error), action)),
        }
    }

    async fn delete(&self, receipts: &[ReceiptHandle], report: &mut AcknowledgeReport) {
        let fail_all = |report: &mut AcknowledgeReport, kind: PortErrorKind| {
            report.failed.extend(receipts.iter().map(|receipt| (receipt.clone(), kind)));
        };
        let Some(entries) = delete_entries(receipts) else {
            return fail_all(report, PortErrorKind::Bug);
        };
        let request =
            self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = Box::pin(request.send()).await;
        reach(Failpoint::MidDelete);
        match answer {
            Ok(answer) => sort_out(receipts, &answer, report),
            Err(error) => {
                let trouble = classify(&error);
                let kind = trouble.kind;
                let error = self.failed(trouble, "delete messages");
                warn!(queue = %self.name, error = %error.chain(), "deleted no message of a batch");
                fail_all(report, kind);
            }
        }
    }
}

impl NotificationQueue for SqsQueue {
    /// Dropping the future may leave messages invisible until their visibility runs out.
    async fn receive(
        &self,
        messages_max: u8,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        let attempt = self.next_attempt();
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::from(messages_max.clamp(1, 10)))
            .visibility_timeout(whole_seconds(visibility.min(VISIBILITY_MAX)))
            .wait_time_seconds(whole_seconds(self.wait))
            .message_system_attribute_names(Attribute::SentTimestamp)
            .message_system_attribute_names(Attribute::ApproximateReceiveCount)
            .message_system_attribute_names(Attribute::MessageGroupId)
            .set_receive_request_attempt_id(attempt.clone());
        match Box::pin(request.send()).await {
            Ok(answer) => {
                let messages = answer.messages.unwrap_or_default();
                Ok(messages.into_iter().filter_map(queue_message).collect())
            }
            Err(error) => {
                self.attempts().extend(attempt);
                Err(self.failed(classify(&error), "receive messages"))
            }
        }
    }

    async fn acknowledge(&self, receipts: &[ReceiptHandle]) -> AcknowledgeReport {
        let mut report = AcknowledgeReport::default();
        for batch in receipts.chunks(BATCH_MAX) {
            self.delete(batch, &mut report).await;
        }
        report
    }

    async fn extend_visibility(
        &self,
        receipt: &ReceiptHandle,
        by: Duration,
    ) -> Result<(), PortError> {
        self.change_visibility(receipt, by, "extend visibility").await
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), PortError> {
        self.change_visibility(receipt, Duration::ZERO, "release message").await
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// A region from options, environment or profile wins: a queue URL may name a host that stands in
/// for another region.
fn region_for(clients: &AwsClients, address: &QueueAddress) -> String {
    let named = address.region();
    match clients.region() {
        None => named.unwrap_or(FALLBACK_REGION).to_owned(),
        Some(region) => {
            if let Some(other) = named.filter(|named| *named != region) {
                warn!(region, queue_region = other, "queue address names another region");
            }
            region.to_owned()
        }
    }
}

async fn resolve(client: &Client, account: &str, name: &str) -> Result<String, PortError> {
    let request = client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account);
    let trouble = match Box::pin(request.send()).await {
        Ok(answer) => match answer.queue_url {
            Some(url) => return Ok(url),
            None => {
                let message = "the answer holds no URL".to_owned();
                let advice = "pass the URL of the queue instead of its ARN";
                Trouble::new(PortErrorKind::Misconfigured, "NoQueueUrl", message, advice)
            }
        },
        Err(error) => classify(&error),
    };
    Err(trouble.into_port_error("find queue", format!("{name} of account {account}")))
}

/// SQS counts whole seconds; the part of a second is dropped.
fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

/// A message without a receipt cannot be deleted and would come back anyway.
fn queue_message(message: Message) -> Option<QueueMessage> {
    let attribute = |name: Attribute| message.attributes.as_ref()?.get(&name);
    let number = |name: Attribute| attribute(name)?.parse::<i64>().ok();
    let receive_count = number(Attribute::ApproximateReceiveCount);
    let sent_at_ms = number(Attribute::SentTimestamp);
    let group = attribute(Attribute::MessageGroupId).cloned();
    let receipt = message.receipt_handle?;
    Some(QueueMessage {
        id: message.message_id.unwrap_or_default(),
        receipt: ReceiptHandle::new(receipt),
        body: MessageBody::Notification(message.body.unwrap_or_default().into_bytes()),
        receive_count: receive_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        group,
        sent_at: sent_at_ms.map(|ms| EventTime::from_micros(ms.saturating_mul(1_000))),
    })
}

/// An entry's id is its place in the batch.
fn delete_entries(receipts: &[ReceiptHandle]) -> Option<Vec<DeleteMessageBatchRequestEntry>> {
    let mut entries = Vec::with_capacity(receipts.len());
    for (index, receipt) in receipts.iter().enumerate() {
        let entry = DeleteMessageBatchRequestEntry::builder()
            .id(index.to_string())
            .receipt_handle(receipt.as_str())
            .build();
        entries.push(entry.ok()?);
    }
    Some(entries)
}

/// What the answer leaves out counts as failed: it is safe to delete a message twice.
fn sort_out(
    receipts: &[ReceiptHandle],
    answer: &DeleteMessageBatchOutput,
    report: &mut AcknowledgeReport,
) {
    for (index, receipt) in receipts.iter().enumerate() {
        let id = index.to_string();
        let refusal = answer.failed().iter().find(|entry| entry.id() == id);
        let is_done = answer.successful().iter().any(|entry| entry.id() == id);
        match refusal {
            Some(entry) => {
                let kind = classify_entry(entry.code(), entry.sender_fault());
                report.failed.push((receipt.clone(), kind));
            }
            None if is_done => report.done.push(receipt.clone()),
            None => report.failed.push((receipt.clone(), PortErrorKind::Unavailable)),
        }
    }
}
