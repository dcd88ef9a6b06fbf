//! Whether a table is still one that this program may append to.

use deltalake_core::kernel::{Snapshot, StructType, engine::arrow_conversion::TryIntoKernel};
use serde_json::Value;

use crate::{entry::LogEntry, error::LakeError, tables::TableName};

/// The newest protocol whose rules for appends are all kept without a feature list.
const WRITER_VERSION_MAX: i64 = 2;
/// The protocol that lists features one by one.
const WRITER_VERSION_FEATURES: i64 = 7;
/// Features that ask nothing of a program that only appends files of plain rows.
const HARMLESS_FEATURES: [&str; 9] = [
    "appendOnly",
    "changeDataFeed",
    "deletionVectors",
    "domainMetadata",
    "invariants",
    "timestampNtz",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "variantType",
];

/// Returns the columns of a table as Delta's schema text.
pub(crate) fn schema_string(table: TableName) -> Result<String, LakeError> {
    let failed = |error: serde_json::Error| LakeError::rows(table, "describe columns")(error);
    let columns = table.schema();
    let schema: StructType =
        columns.as_ref().try_into_kernel().map_err(LakeError::rows(table, "describe columns"))?;
    serde_json::to_string(&schema).map_err(failed)
}

/// Checks the state that a writer starts from.
pub(crate) fn check_snapshot(table: TableName, snapshot: &Snapshot) -> Result<(), LakeError> {
    let failed = |error: serde_json::Error| LakeError::rows(table, "read state")(error);
    check_protocol(table, &serde_json::to_value(snapshot.protocol()).map_err(failed)?)?;
    check_metadata(table, &serde_json::to_value(snapshot.metadata()).map_err(failed)?)
}

/// Checks what another writer changed since.
pub(crate) fn check_entry(table: TableName, entry: &LogEntry) -> Result<(), LakeError> {
    if let Some(protocol) = &entry.protocol {
        check_protocol(table, protocol)?;
    }
    match &entry.metadata {
        Some(metadata) => check_metadata(table, metadata),
        None => Ok(()),
    }
}

fn check_protocol(table: TableName, protocol: &Value) -> Result<(), LakeError> {
    let version = protocol["minWriterVersion"].as_i64().unwrap_or(i64::MAX);
    let features = protocol["writerFeatures"].as_array();
    let harmless = |feature: &Value| {
        feature.as_str().is_some_and(|feature| HARMLESS_FEATURES.contains(&feature))
    };
    let supported = version <= WRITER_VERSION_MAX
        || version == WRITER_VERSION_FEATURES
            && features.is_none_or(|features| features.iter().all(harmless));
    if supported { Ok(()) } else { Err(LakeError::UnsupportedProtocol { table }) }
}

fn check_metadata(table: TableName, metadata: &Value) -> Result<(), LakeError> {
    let mismatch = |column: &str| LakeError::SchemaMismatch { table, column: column.to_owned() };
    let partitions: Vec<&str> = metadata["partitionColumns"]
        .as_array()
        .map(|columns| columns.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if partitions != table.partition_column().as_slice() {
        return Err(mismatch("(partitions)"));
    }
    let theirs = fields(metadata["schemaString"].as_str().unwrap_or_default());
    let ours = fields(&schema_string(table)?);
    for ours in &ours {
        let same = |field: &&Value| field["name"] == ours["name"] && field["type"] == ours["type"];
        if !theirs.iter().any(|field| same(&field)) {
            return Err(mismatch(name_of(ours)));
        }
    }
    // A column that others added is null in the rows that are written here.
    match theirs.iter().find(|field| demands_values(field)) {
        Some(field) => Err(LakeError::DemandingColumn { table, column: name_of(field).to_owned() }),
        None => Ok(()),
    }
}

/// Says whether rows may be refused for what they hold in this column, or for its absence.
fn demands_values(field: &Value) -> bool {
    field["nullable"] == false || !field["metadata"]["delta.invariants"].is_null()
}

fn name_of(field: &Value) -> &str {
    field["name"].as_str().unwrap_or_default()
}

fn fields(schema: &str) -> Vec<Value> {
    let mut schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let Value::Array(fields) = schema["fields"].take() else { return Vec::new() };
    fields
}
