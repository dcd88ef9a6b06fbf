//! Cases: the events that a detection must and must not find.
//!
//! `<name>.tests.json` holds an array of cases. Events are CloudTrail records as CloudTrail writes
//! them and go through the same decoder as production. To keep cases small, an event may leave
//! out what its detection does not look at:
//!
//! | field | filled in as |
//! | --- | --- |
//! | `eventVersion` | `1.11` |
//! | `eventTime` | `2026-01-01T00:00:00Z` plus one second for each event before it; a day earlier in `history` |
//! | `awsRegion` | `us-east-1` |
//! | `sourceIPAddress` | `198.51.100.7` |
//! | `userAgent` | `aws-cli/2.22.0` |
//! | `requestID`, `eventID` | made from the name of the case and the place of the event |
//! | `readOnly` | `false` |
//! | `eventType` | `AwsApiCall` |
//! | `managementEvent` | `true` |
//! | `recipientAccountId` | `111122223333` |
//! | `eventCategory` | `Management` |
//!
//! Such a field stays out of the record where the case gives it as `null`.
//!
//! A detection that joins with what a site knows brings it in `tables`: rows by the name of their
//! table, `accounts`, `assets`, `honeytokens`, `lookup.<name>` or `intel.indicators`. Other such
//! tables are empty, whatever the site has.
//!
//! A case that fires must not fire other detections, unless it lists them under `also`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use trailhouse_model::{EventTime, ObjectId, Severity};

use crate::{
    context::Site,
    diagnostic::{DetectionErrorCode as Code, DetectionErrors, Report, line_at},
};

/// 2026-01-01T00:00:00Z.
const EVENTS_START: EventTime = EventTime::from_micros(1_767_225_600_000_000);
const DAY_SECONDS: i64 = 86_400;

/// One case of a detection.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What the case shows; unique in its file.
    pub name: String,
    /// Whether the detection must find something.
    pub fires: bool,
    /// The records to judge, with what they left out filled in.
    pub events: Vec<Map<String, Value>>,
    /// The records that came before, for `events_before`.
    pub history: Vec<Map<String, Value>>,
    /// The rows of the tables that a site would bring, by the name of the table.
    pub tables: BTreeMap<String, Vec<Map<String, Value>>>,
    /// What must be found, beyond that something is.
    pub expect: Expectation,
    /// The other detections that find something in the events too, and may.
    pub also: Vec<String>,
    /// Why the case is there.
    pub note: Option<String>,
    /// The line of the file where its name stands.
    pub line: u32,
}

/// What a case expects of the findings. All of it must hold in one and the same finding.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectation {
    /// How many findings there are.
    pub findings: Option<u32>,
    /// The severity of a finding.
    pub severity: Option<Severity>,
    /// The entity of a finding.
    pub entity: Option<String>,
    /// Values in the row of a finding.
    pub columns: BTreeMap<String, Value>,
}

impl Case {
    /// Returns the events as one CloudTrail document.
    pub fn events_document(&self) -> Vec<u8> {
        document(&self.events)
    }

    /// Returns the history as one CloudTrail document.
    pub fn history_document(&self) -> Vec<u8> {
        document(&self.history)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseText {
    name: String,
    fires: bool,
    events: Vec<Map<String, Value>>,
    #[serde(default)]
    history: Vec<Map<String, Value>>,
    #[serde(default)]
    tables: BTreeMap<String, Vec<Map<String, Value>>>,
    #[serde(default)]
    expect: Option<ExpectationText>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectationText {
    findings: Option<u32>,
    severity: Option<String>,
    entity: Option<String>,
    #[serde(default)]
    columns: BTreeMap<String, Value>,
}

/// Reads a file of cases. `origin` only names the file in messages.
pub fn parse_cases(origin: &str, text: &str) -> Result<Vec<Case>, DetectionErrors> {
    let mut report = Report::new(origin, text);
    let texts: Vec<CaseText> = match serde_json::from_str(text) {
        Ok(texts) => texts,
        Err(error) => {
            let at = offset_of(text, error.line(), error.column());
            report.push(Code::Syntax, at..at, without_position(&error), None);
            return report.finish(None);
        }
    };
    let cases = texts.into_iter().map(|case| finish_case(case, text, &mut report)).collect();
    report.finish(Some(cases))
}

fn finish_case(case: CaseText, text: &str, report: &mut Report<'_>) -> Case {
    let at = place_of_name(text, &case.name);
    let mut refuse = |message: String, help: &str| {
        report.push(Code::BadValue, at..at, message, Some(help.to_owned()));
    };
    if case.name.trim().is_empty() {
        refuse("a case has no name".to_owned(), "say in a few words what it shows");
    }
    if let Err(error) = Site::of_case("tables", &case.tables) {
        refuse(error.to_string(), "write them as the files of a site have them");
    }
    if !case.fires && !case.also.is_empty() {
        refuse(
            format!("`{}` must not fire but lists others under `also`", case.name),
            "remove `also`: only cases that fire are shown to other detections",
        );
    }
    let mut expect = Expectation::default();
    if let Some(given) = case.expect {
        if !case.fires {
            refuse(
                format!("`{}` must not fire but expects findings", case.name),
                "remove `expect`",
            );
        }
        let severity = given.severity.map(|word| word.parse::<Severity>()).transpose();
        if let Err(error) = &severity {
            refuse(error.to_string(), "in `expect.severity`");
        }
        expect = Expectation {
            findings: given.findings,
            severity: severity.ok().flatten(),
            entity: given.entity,
            columns: given.columns,
        };
    }
    let history_start = EVENTS_START.plus_seconds(-DAY_SECONDS);
    Case {
        events: fill_all(case.events, &case.name, "events", EVENTS_START),
        history: fill_all(case.history, &case.name, "history", history_start),
        name: case.name,
        fires: case.fires,
        tables: case.tables,
        expect,
        also: case.also,
        note: case.note,
        line: line_at(text, at),
    }
}

fn fill_all(
    records: Vec<Map<String, Value>>,
    case: &str,
    list: &str,
    start: EventTime,
) -> Vec<Map<String, Value>> {
    let mut time = start;
    let mut filled = Vec::with_capacity(records.len());
    for (index, record) in (0_u64..).zip(records) {
        filled.push(fill(record, case, list, index, time));
        time = time.plus_seconds(1);
    }
    filled
}

fn fill(
    mut record: Map<String, Value>,
    case: &str,
    list: &str,
    index: u64,
    time: EventTime,
) -> Map<String, Value> {
    let defaults = [
        ("eventVersion", Value::from("1.11")),
        ("eventTime", Value::from(time.to_string())),
        ("awsRegion", Value::from("us-east-1")),
        ("sourceIPAddress", Value::from("198.51.100.7")),
        ("userAgent", Value::from("aws-cli/2.22.0")),
        ("requestID", Value::from(made_up_id("request", case, list, index))),
        ("eventID", Value::from(made_up_id("event", case, list, index))),
        ("readOnly", Value::from(false)),
        ("eventType", Value::from("AwsApiCall")),
        ("managementEvent", Value::from(true)),
        ("recipientAccountId", Value::from("111122223333")),
        ("eventCategory", Value::from("Management")),
    ];
    for (field, value) in defaults {
        match record.get(field) {
            None => {
                record.insert(field.to_owned(), value);
            }
            Some(given) if given.is_null() => {
                record.shift_remove(field);
            }
            Some(_) => {}
        }
    }
    record
}

/// Makes an id in the form of a UUID that depends on nothing but the case and the place in it.
fn made_up_id(kind: &str, case: &str, list: &str, index: u64) -> String {
    let parts = [kind.as_bytes(), case.as_bytes(), list.as_bytes(), &index.to_be_bytes()];
    let mut id = String::with_capacity(36);
    for (place, digit) in (0_u8..).zip(ObjectId::from_parts(&parts).to_string().chars()) {
        if matches!(place, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}

fn document(records: &[Map<String, Value>]) -> Vec<u8> {
    let mut text = String::from("{\"Records\":[");
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&Value::Object(record.clone()).to_string());
    }
    text.push_str("]}");
    text.into_bytes()
}

/// Finds where the name of a case stands; the start of the file where it is written with escapes.
fn place_of_name(text: &str, name: &str) -> usize {
    let quoted = Value::from(name).to_string();
    text.find(&quoted).unwrap_or(0)
}

/// Turns a line and a column in bytes, both counted from 1, into an offset.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let above: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    above.saturating_add(column.saturating_sub(1)).min(text.len())
}

/// Returns the message without the position, which the caret shows.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&position).map_or(message.clone(), str::to_owned)
}
