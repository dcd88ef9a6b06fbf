//! From the body of a queue message to the objects that it names.

use serde_json::Value;
use trailhouse_model::{Classify, Disposition, ObjectRef};

use crate::{
    key_encoding::KeyEncoding,
    record::{self, RecordOutcome},
};

/// The largest body that is read; also the largest that SQS carries.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How many wrappings are undone before giving up.
pub const LAYERS_MAX: u8 = 3;
/// The most objects that one message may name; a body of S3's own size holds far fewer.
pub const OBJECTS_MAX: usize = 10_000;

const VALIDATION_TEXT: &str = "CloudTrail validation message.";

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// These objects are there to be read; never empty, in the order of the message. An object
    /// that the message names twice is in it twice.
    Objects(Vec<ObjectRef>),
    /// Nothing is to be read, and that is as it should be: acknowledge.
    Ignored {
        /// Why nothing is to be read.
        why: IgnoredMessage,
    },
}

/// Why a message that we understand names nothing to read. Where its records differ, the first
/// one speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IgnoredMessage {
    /// S3 tried out its notification configuration.
    TestEvent,
    /// CloudTrail tried out its topic.
    ValidationMessage,
    /// SNS asks to confirm or has confirmed a change of subscription. Its URL is never followed.
    SubscriptionChange,
    /// Something happened to objects, but none was created.
    NotACreation {
        /// The name of what happened, cut to 64 characters.
        event_name: String,
    },
    /// Objects of size zero.
    EmptyObjects,
    /// Keys that end in a slash.
    FolderMarkers,
    /// A list with nothing in it.
    NoRecords,
}

impl IgnoredMessage {
    /// Returns the word that stands for the reason in counters and summaries.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::TestEvent => "test_event",
            Self::ValidationMessage => "validation_message",
            Self::SubscriptionChange => "subscription_change",
            Self::NotACreation { .. } => "not_a_creation",
            Self::EmptyObjects => "empty_objects",
            Self::FolderMarkers => "folder_markers",
            Self::NoRecords => "no_records",
        }
    }
}

/// The message is none that we understand. Such a message is kept aside whole, with its body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// The body is larger than any queue carries.
    #[error("message body exceeds {limit_bytes} bytes")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: usize,
    },
    /// The body, or what it wraps, is not JSON.
    #[error("message is not JSON at line {line}, column {column}")]
    NotJson {
        /// Where the reader gave up, counted from 1.
        line: usize,
        /// Where on that line.
        column: usize,
    },
    /// Wrapped again and again.
    #[error("message is wrapped more than {layers_max} times")]
    TooManyLayers {
        /// The limit that was passed.
        layers_max: u8,
    },
    /// More objects than one notice can honestly name.
    #[error("message names more than {objects_max} objects")]
    TooManyObjects {
        /// The limit that was passed.
        objects_max: usize,
    },
    /// JSON, but no notice of any known shape.
    #[error("message has no known shape")]
    UnknownShape,
    /// The shape is known, but one of its records lacks what makes it usable.
    #[error("record {record_index} of the message has no usable `{member}`")]
    IncompleteRecord {
        /// Which record, counted from 0.
        record_index: usize,
        /// What is missing or of the wrong type.
        member: &'static str,
    },
}

impl Classify for NotificationError {
    fn disposition(&self) -> Disposition {
        Disposition::Quarantine
    }
}

/// Reads the body of one message, whatever of the known shapes it has: S3's own notice directly
/// or through SNS, CloudTrail's own notice likewise, EventBridge, test and validation messages,
/// subscription changes, and lists of queue messages that hold any of these.
///
/// All records of a message are read, or none: where one is unusable, the error keeps the message
/// whole, so that nothing of it is lost.
pub fn parse_notification(body: &[u8]) -> Result<Notification, NotificationError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(NotificationError::TooLarge { limit_bytes: BODY_BYTES_MAX });
    }
    let mut collected = Collected::default();
    collected.read_layer(body, LAYERS_MAX)?;
    Ok(collected.into_notification())
}

/// What the records read so far amount to.
#[derive(Default)]
struct Collected {
    objects: Vec<ObjectRef>,
    ignored: Option<IgnoredMessage>,
}

impl Collected {
    fn into_notification(self) -> Notification {
        if self.objects.is_empty() {
            Notification::Ignored { why: self.ignored.unwrap_or(IgnoredMessage::NoRecords) }
        } else {
            Notification::Objects(self.objects)
        }
    }

    fn ignore(&mut self, why: IgnoredMessage) {
        self.ignored.get_or_insert(why);
    }

    fn add(&mut self, outcome: RecordOutcome) -> Result<(), NotificationError> {
        match outcome {
            RecordOutcome::Object(_) if self.objects.len() >= OBJECTS_MAX => {
                return Err(NotificationError::TooManyObjects { objects_max: OBJECTS_MAX });
            }
            RecordOutcome::Object(object) => self.objects.push(object),
            RecordOutcome::Ignored(why) => self.ignore(why),
        }
        Ok(())
    }

    /// Reads one wrapping. Each is shorter than the one around it, so the work is bounded by the
    /// size of the body times the layers.
    fn read_layer(&mut self, text: &[u8], layers_left: u8) -> Result<(), NotificationError> {
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text).trim_ascii();
        if text == VALIDATION_TEXT.as_bytes() {
            self.ignore(IgnoredMessage::ValidationMessage);
            return Ok(());
        }
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            NotificationError::NotJson { line: error.line(), column: error.column() }
        })?;
        if let Some(records) = value.get("Records").and_then(Value::as_array) {
            return self.read_records(records, layers_left);
        }
        if let Some(kind) = text_of(&value, "Type") {
            return self.read_topic_message(kind, &value, layers_left);
        }
        if let Some(bucket) = text_of(&value, "s3Bucket") {
            return self.read_trail_notice(bucket, &value);
        }
        if text_of(&value, "source") == Some("aws.s3") {
            return self.add(record::read_bus_event(&value)?);
        }
        if text_of(&value, "Event") == Some("s3:TestEvent") {
            self.ignore(IgnoredMessage::TestEvent);
            return Ok(());
        }
        Err(NotificationError::UnknownShape)
    }

    /// Reads S3's own records and, among or instead of them, whole queue messages.
    fn read_records(&mut self, records: &[Value], left: u8) -> Result<(), NotificationError> {
        for (record_index, item) in records.iter().enumerate() {
            if item.get("s3").is_some() {
                self.add(record::read_s3_record(item, record_index)?)?;
            } else if let Some(body) = text_of(item, "body") {
                self.unwrap_layer(body, left)?;
            } else {
                return Err(NotificationError::IncompleteRecord { record_index, member: "s3" });
            }
        }
        Ok(())
    }

    fn read_topic_message(
        &mut self,
        kind: &str,
        value: &Value,
        layers_left: u8,
    ) -> Result<(), NotificationError> {
        match (kind, text_of(value, "Message")) {
            ("Notification", Some(message)) => self.unwrap_layer(message, layers_left),
            ("SubscriptionConfirmation" | "UnsubscribeConfirmation", _) => {
                self.ignore(IgnoredMessage::SubscriptionChange);
                Ok(())
            }
            _ => Err(NotificationError::UnknownShape),
        }
    }

    fn read_trail_notice(&mut self, bucket: &str, value: &Value) -> Result<(), NotificationError> {
        let keys = value.get("s3ObjectKey").and_then(Value::as_array);
        let keys = keys.ok_or(NotificationError::UnknownShape)?;
        for (record_index, key) in keys.iter().enumerate() {
            let place = record::Place {
                bucket: Some(bucket),
                key: key.as_str(),
                encoding: KeyEncoding::Plain,
                record_index,
            };
            self.add(place.read(record::Details::default())?)?;
        }
        Ok(())
    }

    fn unwrap_layer(&mut self, text: &str, layers_left: u8) -> Result<(), NotificationError> {
        let Some(layers_left) = layers_left.checked_sub(1) else {
            return Err(NotificationError::TooManyLayers { layers_max: LAYERS_MAX });
        };
        self.read_layer(text.as_bytes(), layers_left)
    }
}

fn text_of<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}
