//! An SNS topic. Who talks to AWS is elsewhere.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{Delivered, SendError, Sink};
use trailhouse_detect::alerts::AlertFormat;

use crate::{
    Alert,
    format::{self, plain},
};

const SUBJECT_CHARS_MAX: usize = 100;
/// SNS takes 256 KiB; attributes count too.
const BODY_BYTES_MAX: usize = 250 * 1024;
const GROUP_CHARS_MAX: usize = 128;

/// A message to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMessage {
    /// The topic.
    pub topic_arn: String,
    /// One line of printable ASCII, at most 100 characters.
    pub subject: String,
    /// What is said.
    pub body: String,
    /// What subscriptions filter by.
    pub attributes: Vec<(&'static str, String)>,
    /// For topics that keep order.
    pub fifo: Option<TopicOrder>,
}

/// What a topic that keeps order wants to know of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicOrder {
    /// Order is kept within a group.
    pub group_id: String,
    /// A message with the same id is dropped for five minutes.
    pub deduplication_id: String,
}

/// Publishes to topics.
#[async_trait]
pub trait TopicPublisher: Send + Sync {
    /// Publishes a message; returns its id.
    async fn publish(&self, message: &TopicMessage) -> Result<String, SendError>;
}

/// Publishes alerts to a topic.
pub(crate) struct SnsSink {
    pub(crate) name: String,
    pub(crate) topic_arn: String,
    pub(crate) format: AlertFormat,
    pub(crate) publisher: Arc<dyn TopicPublisher>,
}

impl fmt::Debug for SnsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnsSink").field("topic_arn", &self.topic_arn).finish_non_exhaustive()
    }
}

#[async_trait]
impl Sink for SnsSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, alert: &Alert) -> Result<Delivered, SendError> {
        let message = self.message(alert);
        let receipt = self.publisher.publish(&message).await?;
        Ok(Delivered { receipt: Some(receipt) })
    }
}

impl SnsSink {
    fn message(&self, alert: &Alert) -> TopicMessage {
        let body = format::write_within(&self.format, alert, BODY_BYTES_MAX);
        TopicMessage {
            topic_arn: self.topic_arn.clone(),
            subject: subject(alert),
            body,
            attributes: vec![
                ("severity", alert.severity.to_string()),
                ("detection_id", id(&alert.detection.id)),
                ("kind", alert.kind.as_str().to_owned()),
            ],
            fifo: self.topic_arn.ends_with(".fifo").then(|| TopicOrder {
                group_id: id(&alert.detection.id),
                deduplication_id: id(&alert.idempotency_key()),
            }),
        }
    }
}

/// The headline in printable ASCII. It begins with a bracket, as SNS wants no space there.
fn subject(alert: &Alert) -> String {
    let headline = plain::headline(alert, SUBJECT_CHARS_MAX);
    let ascii = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    headline.chars().map(ascii).collect::<String>().trim_end().to_owned()
}

/// What SNS allows in ids; our ids and fingerprints are of it.
fn id(text: &str) -> String {
    let allowed: String =
        text.chars().filter(char::is_ascii_graphic).take(GROUP_CHARS_MAX).collect();
    if allowed.is_empty() { "-".to_owned() } else { allowed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{HOSTILE, alert, hostile, object};

    struct Nobody;

    #[async_trait]
    impl TopicPublisher for Nobody {
        async fn publish(&self, _: &TopicMessage) -> Result<String, SendError> {
            Ok(String::new())
        }
    }

    fn sink(topic_arn: &str, format: AlertFormat) -> SnsSink {
        let (name, topic_arn) = ("sns".to_owned(), topic_arn.to_owned());
        SnsSink { name, topic_arn, format, publisher: Arc::new(Nobody) }
    }

    #[test]
    fn a_subject_is_a_line_of_ascii() {
        for text in HOSTILE {
            let message = sink("arn:t", AlertFormat::Text).message(&hostile(&text.repeat(50)));
            assert!(message.subject.len() <= 100, "{}", message.subject);
            assert!(message.subject.chars().all(|c| c == ' ' || c.is_ascii_graphic()));
            assert!(message.subject.starts_with("[high]"));
        }
    }

    #[test]
    fn topics_that_keep_order_are_told_who_repeats() {
        assert_eq!(
            sink("arn:aws:sns:eu-west-1:1:t", AlertFormat::Native).message(&alert()).fifo,
            None
        );
        let order =
            sink("arn:aws:sns:eu-west-1:1:t.fifo", AlertFormat::Native).message(&alert()).fifo;
        let expected = TopicOrder {
            group_id: "aws.cloudtrail.trail-stopped".to_owned(),
            deduplication_id: "4f1c-new".to_owned(),
        };
        assert_eq!(order, Some(expected));
    }

    #[test]
    fn a_large_row_stays_in_the_lake() {
        let row = object(serde_json::json!({ "request_parameters": "x".repeat(600 * 1024) }));
        let message = sink("arn:t", AlertFormat::Native).message(&Alert { row, ..alert() });
        assert!(message.body.len() < BODY_BYTES_MAX);
        assert!(message.body.contains("\"left_out\":true"));
    }
}
