//! Log entries: the lines of one version of a table.

use std::collections::BTreeMap;

use deltalake_core::kernel::{Add, Remove};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trailhouse_model::{EventTime, TableVersion};

use crate::{error::LakeError, object_line::ObjectLine, run_record::RunRecord, tables::TableName};

/// What our own commits say about themselves, under `trailhouse` in `commitInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Payload {
    /// Names the attempt, so that it is found again when the outcome was not heard.
    pub(crate) batch_id: String,
    /// The objects whose events the commit holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) objects: Vec<ObjectLine>,
    /// Events that the commit leaves out, because they repeat another that is in it.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) repeats: u64,
    /// The identities of the rows, in tables whose rows have one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ids: Vec<String>,
    /// The identities of the rows that the commit takes out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dropped: Vec<String>,
    /// The detection runs whose findings the commit holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) runs: Vec<RunRecord>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Operations whose files hold rows that were there before.
const REWRITES: [&str; 2] = ["DELETE", "UPDATE"];

/// One version of a table as its log entry tells it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogEntry {
    pub(crate) version: TableVersion,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) operation: Option<String>,
    pub(crate) engine: Option<String>,
    pub(crate) operation_parameters: Value,
    pub(crate) payload: Option<Payload>,
    pub(crate) transactions: BTreeMap<String, i64>,
    pub(crate) metadata: Option<Value>,
    pub(crate) protocol: Option<Value>,
    adds: Vec<Value>,
    /// Paths as they stand in the log.
    removes: Vec<String>,
}

impl LogEntry {
    /// Reads the lines of an entry. Actions that do not matter here are skipped.
    pub(crate) fn parse(
        table: TableName,
        version: TableVersion,
        bytes: &[u8],
    ) -> Result<Self, LakeError> {
        let damaged = |reason: String| LakeError::Damaged { table, version, reason };
        let mut entry = Self::empty(version);
        for line in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
            let line = line.map_err(|error| damaged(error.to_string()))?;
            let Value::Object(line) = line else {
                return Err(damaged("a line is no action".to_owned()));
            };
            for (action, body) in line {
                entry.apply(&action, body).map_err(|error| damaged(error.to_string()))?;
            }
        }
        Ok(entry)
    }

    fn empty(version: TableVersion) -> Self {
        Self {
            version,
            timestamp_ms: None,
            operation: None,
            engine: None,
            operation_parameters: Value::Null,
            payload: None,
            transactions: BTreeMap::new(),
            metadata: None,
            protocol: None,
            adds: Vec::new(),
            removes: Vec::new(),
        }
    }

    fn apply(&mut self, action: &str, mut body: Value) -> Result<(), serde_json::Error> {
        match action {
            "add" => self.adds.push(body),
            "remove" => self.removes.push(body["path"].as_str().unwrap_or_default().to_owned()),
            "metaData" => self.metadata = Some(body),
            "protocol" => self.protocol = Some(body),
            "txn" => {
                if let (Some(app), Some(version)) =
                    (body["appId"].as_str(), body["version"].as_i64())
                {
                    self.transactions.insert(app.to_owned(), version);
                }
            }
            "commitInfo" => {
                self.timestamp_ms = body["timestamp"].as_i64();
                self.operation = body["operation"].as_str().map(str::to_owned);
                self.engine = body["engineInfo"].as_str().map(str::to_owned);
                self.operation_parameters = body["operationParameters"].take();
                let ours = body["trailhouse"].take();
                if !ours.is_null() {
                    self.payload = Some(serde_json::from_value(ours)?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the version to which the entry rolled the table back, or `Err` where the entry names
    /// a time; `None` where it is another operation.
    pub(crate) fn restored(&self) -> Option<Result<TableVersion, i64>> {
        if self.operation.as_deref() != Some("RESTORE") {
            return None;
        }
        let parameter = |name: &str| {
            let value = &self.operation_parameters[name];
            value.as_u64().or_else(|| value.as_str()?.parse().ok())
        };
        match (parameter("version"), parameter("datetime")) {
            (Some(version), _) => Some(Ok(TableVersion(version))),
            (None, time) => {
                Some(Err(time.and_then(|time| i64::try_from(time).ok()).unwrap_or(i64::MIN)))
            }
        }
    }

    /// Returns the files that this version brought new rows with. A compaction brings none, nor does
    /// what takes rows out or changes them: it writes what is left of a file anew.
    pub(crate) fn new_files(&self) -> Result<Vec<Add>, serde_json::Error> {
        if self.operation.as_deref().is_some_and(|done| REWRITES.contains(&done)) {
            return Ok(Vec::new());
        }
        let changing = self.adds.iter().filter(|add| add["dataChange"].as_bool() != Some(false));
        changing.map(Add::deserialize).collect()
    }

    /// Returns all files that this version brought.
    pub(crate) fn added_files(&self) -> Result<Vec<Add>, serde_json::Error> {
        self.adds.iter().map(Add::deserialize).collect()
    }

    /// Returns the files that this version took out of the table, by their paths in the log.
    pub(crate) fn removed_files(&self) -> &[String] {
        &self.removes
    }

    pub(crate) fn changes_files(&self) -> bool {
        !self.adds.is_empty() || !self.removes.is_empty()
    }

    pub(crate) fn committed_at(&self) -> Option<EventTime> {
        Some(EventTime::from_micros(self.timestamp_ms?.checked_mul(1000)?))
    }
}

/// A log entry of ours, before it has a version.
pub(crate) struct NewEntry<'a> {
    pub(crate) payload: &'a Payload,
    pub(crate) transaction: Option<(&'a str, TableVersion)>,
    pub(crate) adds: &'a [Add],
    pub(crate) now: EventTime,
}

impl NewEntry<'_> {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut lines = vec![json!({ "commitInfo": {
            "timestamp": millis(self.now),
            "operation": "WRITE",
            "operationParameters": { "mode": "Append" },
            "isBlindAppend": true,
            "engineInfo": engine_info(),
            "trailhouse": self.payload,
        }})];
        if let Some((app, version)) = self.transaction {
            lines.push(json!({ "txn": {
                "appId": app,
                "version": version.0,
                "lastUpdated": millis(self.now),
            }}));
        }
        for add in self.adds {
            lines.push(json!({ "add": add }));
        }
        to_lines(&lines)
    }
}

/// A log entry of ours that puts files in the place of others, before it has a version.
pub(crate) struct RewriteEntry<'a> {
    pub(crate) operation: &'static str,
    pub(crate) payload: &'a Payload,
    pub(crate) removes: &'a [Remove],
    pub(crate) adds: &'a [Add],
    pub(crate) now: EventTime,
}

impl RewriteEntry<'_> {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut lines = vec![json!({ "commitInfo": {
            "timestamp": millis(self.now),
            "operation": self.operation,
            "operationParameters": {},
            "isBlindAppend": false,
            "engineInfo": engine_info(),
            "trailhouse": self.payload,
        }})];
        lines.extend(self.removes.iter().map(|remove| json!({ "remove": remove })));
        lines.extend(self.adds.iter().map(|add| json!({ "add": add })));
        to_lines(&lines)
    }
}

/// Writes the entry of version 0.
pub(crate) fn creation_entry(
    table: TableName,
    schema_string: &str,
    id: &str,
    now: EventTime,
) -> Result<Vec<u8>, serde_json::Error> {
    let configuration: BTreeMap<_, _> = table.properties().into_iter().collect();
    to_lines(&[
        json!({ "commitInfo": {
            "timestamp": millis(now),
            "operation": "CREATE TABLE",
            "operationParameters": {},
            "engineInfo": engine_info(),
        }}),
        json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } }),
        json!({ "metaData": {
            "id": id,
            "name": table.as_str(),
            "format": { "provider": "parquet", "options": {} },
            "schemaString": schema_string,
            "partitionColumns": table.partition_column().as_slice(),
            "configuration": configuration,
            "createdTime": millis(now),
        }}),
    ])
}

fn engine_info() -> String {
    format!("trailhouse/{}", env!("CARGO_PKG_VERSION"))
}

fn to_lines(lines: &[Value]) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, line)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Returns milliseconds since the epoch, which is how the log tells time.
pub(crate) fn millis(time: EventTime) -> i64 {
    time.micros().div_euclid(1000)
}
