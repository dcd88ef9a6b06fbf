//! A row back into its record, and what makes two readings of a record the same: the test oracle
//! of "row plus `_extra` gives the record back".

#![expect(clippy::unwrap_used, clippy::panic, reason = "an oracle fails loudly")]

use arrow_array::{
    Array, BooleanArray, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray, cast::AsArray,
};
use serde_json::{Map, Value, json};
use trailhouse_model::EventTime;

use crate::{
    ColumnKind, ColumnSpec,
    schema::{COLUMNS, RESOURCE_MEMBERS},
};

/// The members that are structs with columns of their own; free-form values lie beside them.
const STRUCTS: &[&str] = &[
    "",
    "userIdentity",
    "userIdentity.sessionContext",
    "userIdentity.sessionContext.sessionIssuer",
    "userIdentity.sessionContext.attributes",
    "userIdentity.sessionContext.webIdFederationData",
    "userIdentity.invokedByDelegate",
    "userIdentity.onBehalfOf",
    "userIdentity.inScopeOf",
    "tlsDetails",
    "addendum",
];

/// Returns the record that the row stands for: its columns, overlaid by `_extra`.
pub fn rebuild(batch: &RecordBatch, row: usize) -> Value {
    let mut record = json!({});
    for (spec, column) in COLUMNS.iter().zip(batch.columns()) {
        if !spec.path.is_empty() && column.is_valid(row) {
            insert(&mut record, spec.path, cell(spec, column, row));
        }
    }
    let extra: &StringArray = batch.column_by_name("_extra").unwrap().as_string();
    if extra.is_valid(row) {
        overlay(&mut record, serde_json::from_str(extra.value(row)).unwrap());
    }
    record
}

/// Brings a record into the form in which equal records are equal texts: in structs, members are
/// sorted and null or empty ones dropped; elsewhere the order counts.
pub fn normal(record: &Value) -> String {
    normal_value(record, Some("")).to_string()
}

fn cell(spec: &ColumnSpec, column: &dyn Array, row: usize) -> Value {
    match spec.kind {
        ColumnKind::Text => json!(column.as_string::<i32>().value(row)),
        ColumnKind::Json => serde_json::from_str(column.as_string::<i32>().value(row)).unwrap(),
        ColumnKind::Boolean => json!(boolean(column, row)),
        ColumnKind::BooleanText => json!(boolean(column, row).to_string()),
        ColumnKind::Time => {
            let times: &TimestampMicrosecondArray = column.as_any().downcast_ref().unwrap();
            json!(EventTime::from_micros(times.value(row)).to_string())
        }
        ColumnKind::Resources => {
            let list: &ListArray = column.as_list();
            let items = list.value(row);
            let items: &StructArray = items.as_struct();
            (0..items.len()).map(|item| resource(items, item)).collect()
        }
        ColumnKind::Date | ColumnKind::Integer => panic!("in no record: {}", spec.name),
    }
}

fn boolean(column: &dyn Array, row: usize) -> bool {
    let booleans: &BooleanArray = column.as_boolean();
    booleans.value(row)
}

fn resource(items: &StructArray, item: usize) -> Value {
    let mut members = Map::new();
    for (name, member) in RESOURCE_MEMBERS {
        let column: &StringArray = items.column_by_name(name).unwrap().as_string();
        if column.is_valid(item) {
            members.insert(member.to_owned(), json!(column.value(item)));
        }
    }
    Value::Object(members)
}

fn insert(record: &mut Value, path: &str, value: Value) {
    match path.split_once('.') {
        Some((name, rest)) => {
            let members = record.as_object_mut().unwrap();
            insert(members.entry(name).or_insert_with(|| json!({})), rest, value);
        }
        None => {
            record[path] = value;
        }
    }
}

fn overlay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                match under.get_mut(&name) {
                    Some(slot) => overlay(slot, value),
                    None => {
                        under.insert(name, value);
                    }
                }
            }
        }
        (under, over) => *under = over,
    }
}

fn normal_value(value: &Value, place: Option<&str>) -> Value {
    match (value, place) {
        (Value::Object(members), Some(place)) if STRUCTS.contains(&place) => {
            normal_struct(members, place)
        }
        (Value::Array(items), Some("resources")) => items.iter().map(normal_resource).collect(),
        (Value::Object(members), _) => {
            let members = members.iter();
            members.map(|(name, member)| (name.clone(), normal_value(member, None))).collect()
        }
        (Value::Array(items), _) => items.iter().map(|item| normal_value(item, None)).collect(),
        (Value::Number(number), _) => Value::String(normal_number(&number.to_string())),
        (Value::String(text), _) => Value::String(format!("text:{text}")),
        (Value::Null | Value::Bool(_), _) => value.clone(),
    }
}

fn normal_struct(members: &Map<String, Value>, place: &str) -> Value {
    let mut sorted = Map::new();
    let mut names: Vec<&String> = members.keys().collect();
    names.sort();
    for name in names {
        let inside = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        let member = normal_value(&members[name], Some(&inside));
        let is_nothing =
            member.is_null() || (STRUCTS.contains(&inside.as_str()) && member == json!({}));
        if !is_nothing {
            sorted.insert(name.clone(), member);
        }
    }
    Value::Object(sorted)
}

fn normal_resource(item: &Value) -> Value {
    let Value::Object(members) = item else { return normal_value(item, None) };
    let mut names: Vec<&String> = members.keys().collect();
    names.sort();
    let members = names.into_iter().map(|name| (name.clone(), normal_value(&members[name], None)));
    members.filter(|(_, member)| !member.is_null()).collect()
}

fn normal_number(text: &str) -> String {
    if !text.contains(['.', 'e', 'E']) {
        return if text == "-0" { "0".to_owned() } else { text.to_owned() };
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => format!("{number:?}"),
        _ => text.to_ascii_lowercase().replace('+', ""),
    }
}
