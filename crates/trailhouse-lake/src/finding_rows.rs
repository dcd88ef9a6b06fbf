//! Findings as rows of their table, and back.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    builder::{ListBuilder, StringBuilder},
    cast::AsArray,
};
use arrow_schema::{DataType, Field};
use trailhouse_model::{EventTime, ObjectId, Severity, TableVersion};

use crate::{
    error::LakeError,
    findings::{AlertKind, FindingRow},
    object_line::saturated,
    scan::{Columns, text_at, time_at},
    tables::TableName,
};

const TABLE: TableName = TableName::Findings;

pub(crate) fn finding_rows(
    ids: &[ObjectId],
    findings: &[FindingRow],
) -> Result<RecordBatch, LakeError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(ids.iter().map(ToString::to_string))),
        text(findings, |finding| Some(&finding.fingerprint)),
        text(findings, |finding| Some(&finding.detection_id)),
        text(findings, |finding| Some(&finding.detection_version)),
        text(findings, |finding| Some(&finding.title)),
        text(findings, |finding| Some(finding.severity.as_str())),
        text(findings, |finding| Some(&finding.entity)),
        text(findings, |finding| Some(&finding.key)),
        time(findings, |finding| finding.first_event_time),
        time(findings, |finding| finding.last_event_time),
        long(findings, |finding| Some(finding.events)),
        texts(findings, |finding| &finding.event_ids),
        texts(findings, |finding| &finding.recipient_account_id),
        texts(findings, |finding| &finding.aws_region),
        texts(findings, |finding| &finding.techniques),
        text(findings, |finding| Some(&finding.row)),
        text(findings, |finding| finding.suppressed_by.as_deref()),
        text(findings, |finding| finding.alert.map(AlertKind::as_str)),
        texts(findings, |finding| &finding.tags),
        text(findings, |finding| Some(&finding.run_id)),
        long(findings, |finding| finding.from_version.map(|version| version.0)),
        long(findings, |finding| Some(finding.to_version.0)),
        time(findings, |finding| Some(finding.found_at)),
    ];
    RecordBatch::try_new(TABLE.file_schema(), columns).map_err(LakeError::rows(TABLE, "build rows"))
}

/// Makes a column of text.
pub(crate) fn text<'a, T>(rows: &'a [T], value: impl Fn(&'a T) -> Option<&'a str>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<StringArray>())
}

/// Makes a column of counts or versions.
pub(crate) fn long<T>(rows: &[T], value: impl Fn(&T) -> Option<u64>) -> ArrayRef {
    Arc::new(rows.iter().map(|row| value(row).map(saturated)).collect::<Int64Array>())
}

/// Makes a column of times.
pub(crate) fn time<T>(rows: &[T], value: impl Fn(&T) -> Option<EventTime>) -> ArrayRef {
    let times: TimestampMicrosecondArray =
        rows.iter().map(|row| value(row).map(EventTime::micros)).collect();
    Arc::new(times.with_timezone("UTC"))
}

fn texts(findings: &[FindingRow], value: impl Fn(&FindingRow) -> &Vec<String>) -> ArrayRef {
    let element = Arc::new(Field::new("element", DataType::Utf8, true));
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element);
    for finding in findings {
        builder.append_value(value(finding).iter().map(Some));
    }
    Arc::new(builder.finish())
}

/// Reads rows back.
pub(crate) fn read_rows(batches: &[RecordBatch]) -> Result<Vec<FindingRow>, LakeError> {
    let mut rows = Vec::new();
    for batch in batches {
        read_batch(batch, &mut rows)?;
    }
    Ok(rows)
}

fn read_batch(batch: &RecordBatch, rows: &mut Vec<FindingRow>) -> Result<(), LakeError> {
    let columns = Columns { table: TABLE, batch };
    let text = |name| columns.texts(name);
    let (fingerprint, detection) = (text("fingerprint")?, text("detection_id")?);
    let (version, title, severity) =
        (text("detection_version")?, text("title")?, text("severity")?);
    let (entity, key, row, suppressed) =
        (text("entity")?, text("key")?, text("row")?, text("suppressed_by")?);
    let (alert, run_id) = (text("alert")?, text("run_id")?);
    let [first, last, found] = ["first_event_time", "last_event_time", "found_at"];
    let (first, last, found) = (columns.times(first)?, columns.times(last)?, columns.times(found)?);
    let [events, from, to] = ["events", "from_version", "to_version"];
    let (events, from, to) = (columns.longs(events)?, columns.longs(from)?, columns.longs(to)?);
    let lists = |name| columns.lists(name);
    let (ids, accounts, regions) =
        (lists("event_ids")?, lists("recipient_account_id")?, lists("aws_region")?);
    let (techniques, tags) = (lists("techniques")?, lists("tags")?);
    for at in 0..batch.num_rows() {
        let of = |column: &StringArray| text_at(column, at).unwrap_or_default();
        let number = |column: &Int64Array| {
            column.is_valid(at).then(|| u64::try_from(column.value(at)).unwrap_or(0))
        };
        rows.push(FindingRow {
            fingerprint: of(&fingerprint),
            detection_id: of(&detection),
            detection_version: of(&version),
            title: of(&title),
            severity: of(&severity).parse().unwrap_or(Severity::Info),
            entity: of(&entity),
            key: of(&key),
            first_event_time: time_at(&first, at),
            last_event_time: time_at(&last, at),
            events: number(&events).unwrap_or(0),
            event_ids: texts_at(&ids, at),
            recipient_account_id: texts_at(&accounts, at),
            aws_region: texts_at(&regions, at),
            techniques: texts_at(&techniques, at),
            row: of(&row),
            suppressed_by: text_at(&suppressed, at),
            alert: text_at(&alert, at).and_then(|word| AlertKind::parse(&word)),
            tags: texts_at(&tags, at),
            run_id: of(&run_id),
            from_version: number(&from).map(TableVersion),
            to_version: TableVersion(number(&to).unwrap_or(0)),
            found_at: time_at(&found, at).unwrap_or(EventTime::from_micros(0)),
        });
    }
    Ok(())
}

fn texts_at(lists: &ListArray, row: usize) -> Vec<String> {
    if lists.is_null(row) {
        return Vec::new();
    }
    lists.value(row).as_string::<i32>().iter().flatten().map(str::to_owned).collect()
}
