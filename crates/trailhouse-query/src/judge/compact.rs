//! Columns that hold their own values only.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, ListArray, StructArray},
    datatypes::DataType,
    error::ArrowError,
};

/// Returns the column without what other rows of its batch left in it. Text that is read from a
/// file is a view into a page; a few rows would keep whole pages in memory.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other types hold their own values")]
pub(crate) fn compact(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let compacted: ArrayRef = match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        DataType::List(field) => {
            let (_, offsets, values, nulls) = column.as_list::<i32>().clone().into_parts();
            Arc::new(ListArray::try_new(Arc::clone(field), offsets, compact(&values)?, nulls)?)
        }
        DataType::Struct(_) => {
            let (fields, columns, nulls) = column.as_struct().clone().into_parts();
            let mut compacted = Vec::with_capacity(columns.len());
            for column in &columns {
                compacted.push(compact(column)?);
            }
            let length = column.len();
            Arc::new(StructArray::try_new_with_length(fields, compacted, nulls, length)?)
        }
        _ => Arc::clone(column),
    };
    Ok(compacted)
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{RecordBatch, StringViewArray},
        compute::take,
        datatypes::{Field, Fields},
    };

    use super::*;

    #[test]
    fn rows_do_not_keep_their_neighbours() {
        let long = "x".repeat(100_000);
        let text: ArrayRef = Arc::new(StringViewArray::from(vec![
            Some(long.as_str()),
            Some("a text of its own"),
            None,
        ]));
        let fields = Fields::from(vec![Field::new("name", DataType::Utf8View, true)]);
        let inner: ArrayRef = Arc::new(StructArray::new(fields, vec![Arc::clone(&text)], None));
        let element = Arc::new(Field::new("element", inner.data_type().clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([1, 1, 1]);
        let list: ArrayRef = Arc::new(ListArray::new(element, offsets, inner, None));
        for column in [text, list] {
            let rows = take(&column, &arrow::array::UInt32Array::from(vec![1, 2]), None).unwrap();
            let compacted = compact(&rows).unwrap();
            assert_eq!(&compacted, &rows);
            assert!(rows.get_array_memory_size() > 100_000);
            assert!(compacted.get_array_memory_size() < 2_000);
            RecordBatch::try_from_iter([("column", compacted)]).unwrap();
        }
    }
}
