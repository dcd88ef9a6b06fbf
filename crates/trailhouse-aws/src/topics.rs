//! SNS topics as a place for alerts.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_sns::types::MessageAttributeValue;
use trailhouse_alert::{SendError, TopicMessage, TopicPublisher};
use trailhouse_runtime::PortErrorKind;

use crate::{
    AwsClients,
    classify::{Trouble, classify},
};

/// Publishes to topics of any region that the credentials allow.
#[derive(Debug, Clone)]
pub struct SnsTopics {
    clients: AwsClients,
}

impl SnsTopics {
    /// Uses these clients.
    pub fn new(clients: AwsClients) -> Self {
        Self { clients }
    }
}

#[async_trait]
impl TopicPublisher for SnsTopics {
    /// Dropping the future may or may not have published the message.
    async fn publish(&self, message: &TopicMessage) -> Result<String, SendError> {
        let Some(region) = message.topic_arn.split(':').nth(3) else {
            return Err(SendError::permanent(format!("`{}` is no topic", message.topic_arn)));
        };
        let request = self
            .clients
            .sns(region)
            .publish()
            .topic_arn(&message.topic_arn)
            .subject(&message.subject)
            .message(&message.body)
            .set_message_attributes(Some(attributes(message)?))
            .set_message_group_id(message.fifo.as_ref().map(|order| order.group_id.clone()))
            .set_message_deduplication_id(
                message.fifo.as_ref().map(|order| order.deduplication_id.clone()),
            );
        match Box::pin(request.send()).await {
            Ok(answer) => Ok(answer.message_id.unwrap_or_default()),
            Err(error) => Err(send_error(&classify(&error), &message.topic_arn)),
        }
    }
}

fn attributes(message: &TopicMessage) -> Result<HashMap<String, MessageAttributeValue>, SendError> {
    let mut attributes = HashMap::with_capacity(message.attributes.len());
    for (name, value) in &message.attributes {
        let attribute =
            MessageAttributeValue::builder().data_type("String").string_value(value).build();
        let attribute = attribute.map_err(|error| SendError::rejected(error.to_string()))?;
        attributes.insert((*name).to_owned(), attribute);
    }
    Ok(attributes)
}

fn send_error(trouble: &Trouble, topic_arn: &str) -> SendError {
    let reason = format!("{topic_arn}: {}", trouble.said());
    match trouble.kind {
        PortErrorKind::Throttled | PortErrorKind::Unavailable => SendError::retryable(reason),
        PortErrorKind::TooLarge | PortErrorKind::Corrupt => SendError::rejected(reason),
        // A topic that is not there is missing for all alerts.
        PortErrorKind::NotFound
        | PortErrorKind::Archived
        | PortErrorKind::Denied
        | PortErrorKind::Misconfigured
        | PortErrorKind::Bug => SendError::permanent(reason),
    }
}
