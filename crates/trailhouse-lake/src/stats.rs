//! Bounds of columns, as the log lists them for each data file.

use arrow_array::{Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, TimeUnit};
use serde_json::{Map, Value, json};
use trailhouse_model::EventTime;

/// Longer texts are cut. An ARN of a role session still differs from its neighbours within this.
const TEXT_CHARS_MAX: usize = 64;

#[derive(Debug, Default)]
struct Bounds<T> {
    min: Option<T>,
    max: Option<T>,
}

#[derive(Debug)]
enum ColumnBounds {
    Text(Bounds<String>),
    Time(Bounds<i64>),
    Number(Bounds<i64>),
    Unordered,
}

#[derive(Debug)]
struct ColumnStats {
    name: &'static str,
    nulls: usize,
    bounds: Option<ColumnBounds>,
}

/// Gathers the statistics of one data file while its rows pass by.
#[derive(Debug)]
pub(crate) struct FileStats {
    rows: usize,
    columns: Vec<ColumnStats>,
}

impl FileStats {
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        let columns =
            columns.iter().map(|name| ColumnStats { name, nulls: 0, bounds: None }).collect();
        Self { rows: 0, columns }
    }

    pub(crate) fn observe(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows();
        for column in &mut self.columns {
            if let Some(array) = batch.column_by_name(column.name) {
                column.observe(array.as_ref());
            }
        }
    }

    /// Writes the statistics as the log holds them: JSON text.
    pub(crate) fn to_json(&self) -> String {
        let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
        for column in &self.columns {
            let Some(bounds) = &column.bounds else { continue };
            nulls.insert(column.name.to_owned(), json!(column.nulls));
            let (lower, upper) = bounds.to_values();
            if let (Some(lower), Some(upper)) = (lower, upper) {
                min.insert(column.name.to_owned(), lower);
                max.insert(column.name.to_owned(), upper);
            }
        }
        json!({ "numRecords": self.rows, "minValues": min, "maxValues": max, "nullCount": nulls })
            .to_string()
    }
}

impl ColumnStats {
    fn observe(&mut self, array: &dyn Array) {
        self.nulls += array.null_count();
        let bounds = self.bounds.get_or_insert_with(|| ColumnBounds::of(array.data_type()));
        match bounds {
            ColumnBounds::Text(bounds) => {
                if let Some(array) = array.as_any().downcast_ref::<StringArray>() {
                    widen_text(bounds, array);
                }
            }
            ColumnBounds::Time(bounds) => {
                if let Some(array) = array.as_any().downcast_ref::<TimestampMicrosecondArray>() {
                    widen(bounds, array.iter().flatten());
                }
            }
            ColumnBounds::Number(bounds) => {
                if let Some(array) = array.as_any().downcast_ref::<Int64Array>() {
                    widen(bounds, array.iter().flatten());
                }
            }
            ColumnBounds::Unordered => {}
        }
    }
}

impl ColumnBounds {
    fn of(data_type: &DataType) -> Self {
        if *data_type == DataType::Utf8 {
            Self::Text(Bounds::default())
        } else if matches!(data_type, DataType::Timestamp(TimeUnit::Microsecond, _)) {
            Self::Time(Bounds::default())
        } else if *data_type == DataType::Int64 {
            Self::Number(Bounds::default())
        } else {
            Self::Unordered
        }
    }

    fn to_values(&self) -> (Option<Value>, Option<Value>) {
        match self {
            Self::Text(bounds) => (
                bounds.min.as_deref().map(|text| json!(lower_bound(text))),
                bounds.max.as_deref().and_then(upper_bound).map(|text| json!(text)),
            ),
            Self::Time(bounds) => (bounds.min.map(time_value), bounds.max.map(time_value)),
            Self::Number(bounds) => (bounds.min.map(Value::from), bounds.max.map(Value::from)),
            Self::Unordered => (None, None),
        }
    }
}

fn widen(bounds: &mut Bounds<i64>, values: impl Iterator<Item = i64>) {
    for value in values {
        bounds.min = Some(bounds.min.map_or(value, |min| min.min(value)));
        bounds.max = Some(bounds.max.map_or(value, |max| max.max(value)));
    }
}

fn widen_text(bounds: &mut Bounds<String>, values: &StringArray) {
    for value in values.iter().flatten() {
        if bounds.min.as_deref().is_none_or(|min| value < min) {
            bounds.min = Some(value.to_owned());
        }
        if bounds.max.as_deref().is_none_or(|max| value > max) {
            bounds.max = Some(value.to_owned());
        }
    }
}

fn time_value(micros: i64) -> Value {
    json!(EventTime::from_micros(micros).to_string())
}

fn lower_bound(text: &str) -> &str {
    text.char_indices().nth(TEXT_CHARS_MAX).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Cuts the text and raises its last character, so that the result is above every text that begins
/// with the part that is kept. `None` where no character can be raised.
fn upper_bound(text: &str) -> Option<String> {
    let kept = lower_bound(text);
    if kept.len() == text.len() {
        return Some(text.to_owned());
    }
    let mut chars: Vec<char> = kept.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = next_char(last) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn next_char(char: char) -> Option<char> {
    let next = u32::from(char) + 1;
    // The range of surrogates holds no characters.
    char::from_u32(if next == 0xD800 { 0xE000 } else { next })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::ArrayRef;

    use super::*;

    fn check(columns: &[(&'static str, ArrayRef)], expected: &Value) {
        let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        let mut stats = FileStats::new(&names);
        stats.observe(&batch.slice(0, 1));
        stats.observe(&batch.slice(1, batch.num_rows() - 1));
        let found: Value = serde_json::from_str(&stats.to_json()).unwrap();
        assert_eq!(&found, expected);
    }

    #[test]
    fn bounds_and_nulls_are_counted_over_all_batches() {
        let name: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a")]));
        let time = TimestampMicrosecondArray::from(vec![Some(2_000_000), Some(1_500_000), None]);
        check(
            &[("name", name), ("time", Arc::new(time.with_timezone("UTC")))],
            &json!({
                "numRecords": 3,
                "minValues": { "name": "a", "time": "1970-01-01T00:00:01.500000Z" },
                "maxValues": { "name": "b", "time": "1970-01-01T00:00:02Z" },
                "nullCount": { "name": 1, "time": 1 },
            }),
        );
    }

    #[test]
    fn a_column_of_nulls_has_no_bounds() {
        let name: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>, None]));
        check(
            &[("name", name)],
            &json!({
                "numRecords": 2, "minValues": {}, "maxValues": {}, "nullCount": { "name": 2 },
            }),
        );
    }

    #[test]
    fn long_texts_are_cut_so_that_the_bounds_still_hold() {
        for text in ["x".repeat(100), "\u{7f}".repeat(65), "\u{d7ff}".repeat(70)] {
            let upper = upper_bound(&text).unwrap();
            assert!(lower_bound(&text) <= text.as_str());
            assert!(upper > text);
            assert!(upper.chars().count() <= TEXT_CHARS_MAX);
        }
        assert_eq!(upper_bound(&"\u{10ffff}".repeat(70)), None);
    }
}
