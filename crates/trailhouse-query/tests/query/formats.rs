//! Every format, with hostile and odd values.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, DictionaryArray, Float64Array,
        Int64Array, ListArray, RecordBatch, StringArray, StringViewArray, StructArray,
        TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Int32Type, Schema, SchemaRef},
    ipc::reader::{FileReader, StreamReader},
};
use insta::assert_snapshot;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use trailhouse_query::{Format, TableLimits, row_writer, rows_as_json};

fn cells() -> Vec<Option<&'static str>> {
    vec![
        Some("plain"),
        Some("=HYPERLINK(\"http://evil\")"),
        Some("\u{1b}[2J\u{9b}31m\u{7f}"),
        Some("two\r\nlines\tand \"quotes\", commas; \\N"),
        Some("\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}"),
        None,
        Some(""),
        Some("-5"),
        Some("größer \u{65e5}\u{672c}"),
    ]
}

fn odd_batch() -> RecordBatch {
    let text: ArrayRef = Arc::new(StringArray::from(cells()));
    let view: ArrayRef = Arc::new(StringViewArray::from(cells()));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(1),
        Some(-2),
        Some(i64::MAX),
        Some(i64::MIN),
        Some(9_007_199_254_740_993),
        None,
        Some(0),
        Some(1),
        Some(1),
    ]));
    let float: ArrayRef = Arc::new(Float64Array::from(vec![
        1.5,
        f64::NAN,
        f64::INFINITY,
        -0.0,
        1e300,
        0.1,
        3.0,
        1.0,
        1.0,
    ]));
    let flag: ArrayRef = Arc::new(BooleanArray::from(vec![
        Some(true),
        Some(false),
        None,
        Some(true),
        None,
        None,
        None,
        None,
        None,
    ]));
    let mut times = vec![None; 9];
    times[..3].copy_from_slice(&[
        Some(1_688_989_356_000_000),
        Some(1_688_989_356_500_000),
        Some(-1),
    ]);
    let time: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"));
    let date: ArrayRef = Arc::new(Date32Array::from(vec![Some(19_548); 9]));
    let bytes: ArrayRef =
        Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x1f\x8b".as_slice()); 9]));
    let kind: ArrayRef = Arc::new(cells().into_iter().collect::<DictionaryArray<Int32Type>>());
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..9).map(|row| (row != 5).then(|| vec![Some(row), None])),
    ));
    let inner = Arc::new(Field::new("arn", DataType::Utf8, true));
    let identity: ArrayRef = Arc::new(StructArray::from(vec![(inner, Arc::clone(&text))]));
    let columns = [
        ("text", text),
        ("view", view),
        ("n", number),
        ("x", float),
        ("flag", flag),
        ("time", time),
        ("date", date),
        ("raw", bytes),
        ("kind", kind),
        ("list", list),
        ("user_identity", identity),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .unwrap()
}

fn written(
    format: Format,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    limits: TableLimits,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = row_writer(format, schema, limits, &mut out).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    out
}

fn text(format: Format, batches: &[RecordBatch], limits: TableLimits) -> String {
    String::from_utf8(written(format, batches[0].schema_ref(), batches, limits)).unwrap()
}

#[test]
fn csv() {
    // Line ends are part of the format, and a snapshot would not keep them.
    let csv = text(Format::Csv, &[odd_batch()], TableLimits::default());
    assert!(csv.lines().next().is_some() && csv.ends_with("\r\n"));
    assert_snapshot!(csv.replace("\r\n", "<CRLF>\n"));
}

#[test]
fn tsv() {
    let tsv = text(Format::Tsv, &[odd_batch()], TableLimits::default());
    assert_eq!(tsv.lines().count(), 10);
    assert_snapshot!(tsv);
}

#[test]
fn json() {
    let json = text(Format::Json, &[odd_batch(), odd_batch().slice(0, 1)], TableLimits::default());
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.len(), 10);
    assert_eq!(rows[2]["text"], "\u{1b}[2J\u{9b}31m\u{7f}");
    assert_eq!(rows[4]["text"], "\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}");
    assert_snapshot!(json);
}

#[test]
fn ndjson() {
    let lines = text(Format::Ndjson, &[odd_batch()], TableLimits::default());
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert_snapshot!(lines);
}

#[test]
fn table_without_a_width() {
    assert_snapshot!(text(Format::Table, &[odd_batch()], TableLimits::default()));
}

#[test]
fn table_in_a_terminal() {
    let limits = TableLimits { width: Some(80), rows_max: Some(3) };
    let table = text(Format::Table, &[odd_batch().slice(0, 2), odd_batch().slice(2, 7)], limits);
    assert_snapshot!(table);
}

#[test]
fn table_in_a_terminal_of_no_size() {
    let limits = TableLimits { width: Some(1), rows_max: Some(0) };
    assert_snapshot!(text(Format::Table, &[odd_batch()], limits));
}

#[test]
fn columnar_formats_read_back_as_they_were() {
    let batch = odd_batch();
    let schema = batch.schema();
    let limits = TableLimits::default();
    let batches = [batch.clone(), batch];
    let parquet = written(Format::Parquet, &schema, &batches, limits);
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes_of(parquet)).unwrap().build().unwrap();
    let rows: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 18);
    let file = written(Format::Arrow, &schema, &batches, limits);
    let read: Vec<RecordBatch> = FileReader::try_new(std::io::Cursor::new(file), None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows_as_json(&read).unwrap(), rows_as_json(&batches).unwrap());
    let stream = written(Format::ArrowStream, &schema, &batches, limits);
    let read: Vec<RecordBatch> =
        StreamReader::try_new(stream.as_slice(), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows_as_json(&read).unwrap(), rows_as_json(&batches).unwrap());
}

fn bytes_of(bytes: Vec<u8>) -> impl parquet::file::reader::ChunkReader + 'static {
    use std::io::Write;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file
}

#[test]
fn an_empty_result_is_valid_in_every_format() {
    let schema = odd_batch().schema();
    for format in Format::ALL {
        let out = written(format, &schema, &[], TableLimits::default());
        match format {
            Format::Table => assert_eq!(String::from_utf8(out).unwrap().lines().count(), 2),
            Format::Json => assert_eq!(serde_json::from_slice::<Vec<()>>(&out).unwrap(), []),
            Format::Ndjson => assert_eq!(out, b""),
            Format::Csv | Format::Tsv => {
                assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1);
            }
            Format::Parquet => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(bytes_of(out)).unwrap();
                assert_eq!(reader.schema().fields().len(), schema.fields().len());
            }
            Format::Arrow => {
                let reader = FileReader::try_new(std::io::Cursor::new(out), None).unwrap();
                assert_eq!(reader.schema(), schema);
            }
            Format::ArrowStream => {
                let reader = StreamReader::try_new(out.as_slice(), None).unwrap();
                assert_eq!(reader.schema(), schema);
            }
        }
    }
}

#[test]
fn a_result_without_columns_is_written() {
    let schema = Arc::new(Schema::empty());
    for format in Format::ALL {
        written(format, &schema, &[], TableLimits::default());
    }
}

#[test]
fn rows_become_json_values() {
    let rows = rows_as_json(&[odd_batch().slice(4, 2)]).unwrap();
    assert_eq!(rows[0]["n"].to_string(), "9007199254740993");
    assert_eq!(rows[1]["n"], serde_json::Value::Null);
    assert_eq!(rows[1]["text"], serde_json::Value::Null);
}

/// Says whether a terminal would take the character for anything but a character.
fn is_command(ch: char) -> bool {
    let invisible = ['\u{200b}', '\u{200e}', '\u{200f}', '\u{feff}'];
    ch.is_control()
        || ('\u{202a}'..='\u{202e}').contains(&ch)
        || ('\u{2066}'..='\u{2069}').contains(&ch)
        || invisible.contains(&ch)
}

fn hostile_text() -> impl Strategy<Value = String> {
    let commands = prop::sample::select(vec![
        "\u{1b}[2J",
        "\u{9b}",
        "\u{7f}",
        "\u{0}",
        "\r",
        "\n",
        "\t",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{85}",
        "=1",
        "\"",
        ",",
        "\\",
        "\u{1f600}",
        "\u{300}",
    ]);
    prop::collection::vec(prop_oneof![commands.prop_map(str::to_owned), any::<String>()], 0..6)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn nothing_but_text_leaves_a_table(
        name in hostile_text(), cell in hostile_text(), width in prop::option::of(0_usize..100)
    ) {
        let column: ArrayRef = Arc::new(StringArray::from(vec![cell.as_str()]));
        let list: ArrayRef = Arc::new(StructArray::from(vec![(
            Arc::new(Field::new(name.as_str(), DataType::Utf8, true)),
            Arc::clone(&column),
        )]));
        let batch = RecordBatch::try_from_iter_with_nullable([
            (name.as_str(), column, true), ("nested", list, true),
        ]).unwrap();
        let limits = TableLimits { width, rows_max: None };
        for format in [Format::Table, Format::Json, Format::Ndjson, Format::Csv, Format::Tsv] {
            let shown = text(format, std::slice::from_ref(&batch), limits);
            let allowed: &[char] = match format {
                Format::Csv => &['\n', '\r', '\t'],
                Format::Tsv => &['\n', '\t'],
                Format::Table
                | Format::Json
                | Format::Ndjson
                | Format::Parquet
                | Format::Arrow
                | Format::ArrowStream => &['\n'],
            };
            let command = shown.chars().find(|ch| is_command(*ch) && !allowed.contains(ch));
            prop_assert_eq!(command, None, "{}: {:?}", format, shown);
        }
    }

    #[test]
    fn tables_are_no_wider_than_the_terminal(cell in hostile_text(), width in 1_usize..100) {
        let column: ArrayRef = Arc::new(StringArray::from(vec![cell.as_str()]));
        let batch = RecordBatch::try_from_iter_with_nullable([("a", column, true)]).unwrap();
        let limits = TableLimits { width: Some(width), rows_max: None };
        for line in text(Format::Table, &[batch], limits).lines() {
            prop_assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{:?}", line);
        }
    }
}
