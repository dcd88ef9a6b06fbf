//! Reads what one output row says about its evidence.

use std::str::FromStr;

use serde_json::Value;
use trailhouse_model::{EventTime, Severity};

use crate::finding::{FindingError, Row};

/// What one row stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) event_ids: Vec<String>,
    /// Events that have no id in the row: the id is null, or the query cut its list.
    pub(crate) unlisted: u64,
    pub(crate) first: Option<EventTime>,
    pub(crate) last: Option<EventTime>,
}

/// Reads the evidence of a row in either shape; the list wins where a row has both.
pub(crate) fn evidence_of(row: &Row) -> Result<Evidence, FindingError> {
    if row.contains_key("event_ids") {
        aggregated(row)
    } else if row.contains_key("event_id") {
        single(row)
    } else {
        Err(FindingError::NoEvidence)
    }
}

/// Returns the severity that the row itself names.
pub(crate) fn severity_of(row: &Row) -> Result<Option<Severity>, FindingError> {
    let Some(value) = row.get("severity").filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let severity = value.as_str().and_then(|word| Severity::from_str(word).ok());
    let expected = "info, low, medium, high or critical";
    severity.map(Some).ok_or_else(|| wrong_type("severity", expected))
}

/// Returns the texts of a column that holds one and of a column that holds a list of them.
pub(crate) fn texts_of<'r>(row: &'r Row, one: &str, many: &str) -> impl Iterator<Item = &'r str> {
    let single = row.get(one).and_then(Value::as_str);
    let list = row.get(many).and_then(Value::as_array);
    single.into_iter().chain(list.into_iter().flatten().filter_map(Value::as_str))
}

fn single(row: &Row) -> Result<Evidence, FindingError> {
    let time = time_of(row, "event_time")?;
    let id = text_of(row, "event_id")?;
    Ok(Evidence {
        unlisted: u64::from(id.is_none()),
        event_ids: id.into_iter().collect(),
        first: time,
        last: time,
    })
}

fn aggregated(row: &Row) -> Result<Evidence, FindingError> {
    let ids = column(row, "event_ids")?;
    // An aggregate over no rows is null: that is how the absence of events looks.
    let ids = if ids.is_null() { Some(&[][..]) } else { ids.as_array().map(Vec::as_slice) };
    let ids = ids.ok_or_else(|| wrong_type("event_ids", "a list of event ids"))?;
    let mut event_ids = Vec::with_capacity(ids.len());
    for id in ids.iter().filter(|id| !id.is_null()) {
        let id = id.as_str().ok_or_else(|| wrong_type("event_ids", "a list of event ids"))?;
        event_ids.push(id.to_owned());
    }
    event_ids.sort_unstable();
    event_ids.dedup();
    let events = column(row, "events")?.as_u64();
    let events = events.ok_or_else(|| wrong_type("events", "a count of events"))?;
    let unlisted = unlisted(events, ids, event_ids.len());
    Ok(Evidence {
        event_ids,
        unlisted,
        first: time_of(row, "first_event_time")?,
        last: time_of(row, "last_event_time")?,
    })
}

/// Counts the events that the list does not name. In a list as long as the count nothing was cut
/// off: an id that stands in it twice is one event that was delivered twice.
fn unlisted(events: u64, ids: &[Value], distinct: usize) -> u64 {
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let others = events.saturating_sub(count(distinct));
    if count(ids.len()) < events {
        return others;
    }
    others.min(count(ids.iter().filter(|id| id.is_null()).count()))
}

fn column<'r>(row: &'r Row, name: &str) -> Result<&'r Value, FindingError> {
    row.get(name).ok_or_else(|| FindingError::MissingColumn { column: name.to_owned() })
}

fn text_of(row: &Row, name: &str) -> Result<Option<String>, FindingError> {
    let value = column(row, name)?;
    if value.is_null() {
        return Ok(None);
    }
    let text = value.as_str().ok_or_else(|| wrong_type(name, "a text"))?;
    Ok(Some(text.to_owned()))
}

fn time_of(row: &Row, name: &str) -> Result<Option<EventTime>, FindingError> {
    let Some(text) = text_of(row, name)? else {
        return Ok(None);
    };
    let time = EventTime::parse_rfc3339(&text);
    time.map(Some).map_err(|_| wrong_type(name, "an RFC 3339 time"))
}

fn wrong_type(column: &str, expected: &'static str) -> FindingError {
    FindingError::WrongType { column: column.to_owned(), expected }
}
