//! What a parsed document is: a wrapper of records, one record, or something else.

use crate::value::{Elements, Members, Shape, Value};

/// A parsed document, told apart.
pub(crate) enum Document<'t> {
    /// `{"Records": [record]}`
    Records(Elements<'t>),
    /// `{"Records": other}`
    BadRecords(Value<'t>),
    /// `[document]`
    Array(Elements<'t>),
    /// `{"logEvents": [{"message": "record"}]}` of CloudWatch Logs.
    LogEvents(Elements<'t>),
    /// `{"Events": [{"CloudTrailEvent": "record"}]}` of LookupEvents.
    LookupEvents(Elements<'t>),
    /// One element of the former by itself.
    LookupEvent(&'t str),
    /// The `detail` of an EventBridge event.
    Detail(Members<'t>),
    /// An object that wraps nothing.
    Record(Members<'t>),
    /// A digest of log files.
    Digest,
    /// A probe of CloudWatch Logs.
    Control,
    /// A wrapper that holds nothing.
    Nothing,
    /// No object and no array.
    Scalar,
}

/// Says whether only CloudTrail records have a member of this name.
pub(crate) fn marks_event(name: &[u8]) -> bool {
    matches!(name, b"eventName" | b"eventID" | b"eventSource" | b"eventVersion")
}

/// Tells what the document is by the names of its members. The first name that marks an event
/// decides; else the last one of a wrapper does.
pub(crate) fn classify(document: Value<'_>) -> Document<'_> {
    let members = match document.shape() {
        Shape::Object(members) => members,
        Shape::Array(elements) => return Document::Array(elements),
        Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::String(_) => {
            return Document::Scalar;
        }
    };
    let mut found = Document::Record(members);
    let mut is_control = false;
    for (name, value) in members {
        if marks_event(name.as_bytes()) {
            return Document::Record(members);
        }
        match (name, value.shape()) {
            ("Records", Shape::Array(elements)) => found = Document::Records(elements),
            ("Records", Shape::Null) => found = Document::Nothing,
            ("Records", _) => found = Document::BadRecords(value),
            ("logEvents", Shape::Array(elements)) => found = Document::LogEvents(elements),
            ("Events", Shape::Array(elements)) => found = Document::LookupEvents(elements),
            ("CloudTrailEvent", Shape::String(text)) => found = Document::LookupEvent(text),
            ("detail", Shape::Object(detail)) => found = Document::Detail(detail),
            ("messageType", Shape::String("CONTROL_MESSAGE")) => is_control = true,
            ("digestS3Object", _) => found = Document::Digest,
            _ => {}
        }
    }
    if is_control { Document::Control } else { found }
}

/// Returns the text of the member, where the element is an object that has it.
pub(crate) fn text_member<'t>(element: Value<'t>, name: &str) -> Option<&'t str> {
    let (_, value) = element.members()?.filter(|(found, _)| *found == name).last()?;
    value.text()
}
