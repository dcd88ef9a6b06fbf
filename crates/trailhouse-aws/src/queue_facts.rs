//! What a queue says of itself.

use std::{collections::HashMap, time::Duration};

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use serde_json::Value;

/// How a queue is set up. What it does not say is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueFacts {
    /// How long a message is hidden where the receive does not say.
    pub visibility: Option<Duration>,
    /// How long a message is kept.
    pub retention: Option<Duration>,
    /// Deliveries after which a message goes to the dead letters; absent where it never does.
    pub receive_count_max: Option<u32>,
    /// The ARN of the queue of dead letters.
    pub dead_letters: Option<String>,
}

impl QueueFacts {
    /// Returns the delivery from which on a message is worked on alone: the last but one, and the
    /// last where there are only two, so that first deliveries never are.
    pub fn isolate_receive_count(&self) -> Option<u32> {
        self.receive_count_max.map(|count| count.saturating_sub(1).max(2))
    }

    pub(crate) fn from_attributes(attributes: &HashMap<Attribute, String>) -> Self {
        let seconds = |name| attributes.get(&name)?.parse().ok().map(Duration::from_secs);
        let redrive = attributes.get(&Attribute::RedrivePolicy);
        let redrive: Option<Value> = redrive.and_then(|text| serde_json::from_str(text).ok());
        let redrive_field = |name| redrive.as_ref()?.get(name);
        Self {
            visibility: seconds(Attribute::VisibilityTimeout),
            retention: seconds(Attribute::MessageRetentionPeriod),
            receive_count_max: redrive_field("maxReceiveCount").and_then(count_in),
            dead_letters: redrive_field("deadLetterTargetArn")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }
}

/// SQS gives the number back as it was set, which may be text.
fn count_in(value: &Value) -> Option<u32> {
    match value.as_str() {
        Some(text) => text.parse().ok(),
        None => value.as_u64().and_then(|count| u32::try_from(count).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(attributes: &[(Attribute, &str)]) -> QueueFacts {
        let pairs = attributes.iter().map(|(name, value)| (name.clone(), (*value).to_owned()));
        QueueFacts::from_attributes(&pairs.collect())
    }

    #[test]
    fn attributes_are_understood() {
        let dead_letters = "arn:aws:sqs:eu-west-1:111122223333:dead";
        for count in ["5", r#""5""#] {
            let redrive =
                format!(r#"{{"deadLetterTargetArn":"{dead_letters}","maxReceiveCount":{count}}}"#);
            let found = facts(&[
                (Attribute::VisibilityTimeout, "300"),
                (Attribute::MessageRetentionPeriod, "345600"),
                (Attribute::RedrivePolicy, &redrive),
            ]);
            let expected = QueueFacts {
                visibility: Some(Duration::from_secs(300)),
                retention: Some(Duration::from_secs(345_600)),
                receive_count_max: Some(5),
                dead_letters: Some(dead_letters.to_owned()),
            };
            assert_eq!(found, expected);
            assert_eq!(found.isolate_receive_count(), Some(4));
        }
    }

    #[test]
    fn what_is_not_said_is_absent() {
        for redrive in ["", "{", "[]", r#"{"maxReceiveCount":-1}"#] {
            let found = facts(&[
                (Attribute::VisibilityTimeout, "soon"),
                (Attribute::RedrivePolicy, redrive),
            ]);
            assert_eq!(found, QueueFacts::default(), "{redrive}");
            assert_eq!(found.isolate_receive_count(), None);
        }
    }

    #[test]
    fn first_deliveries_are_not_worked_on_alone() {
        for (receive_count_max, isolated) in [(1, 2), (2, 2), (3, 2), (10, 9)] {
            let facts =
                QueueFacts { receive_count_max: Some(receive_count_max), ..QueueFacts::default() };
            assert_eq!(facts.isolate_receive_count(), Some(isolated));
        }
    }
}
