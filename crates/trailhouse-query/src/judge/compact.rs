//! Columns that hold their own values only.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, GenericByteViewArray, ListArray, StructArray, UInt32Array},
    compute::take,
    datatypes::{ByteViewType, DataType},
    error::ArrowError,
};

/// Fewer rows than this are copied one by one.
const ROWS_MIN: usize = 64;
/// Texts that are remembered while a column is searched for repeats: a power of two.
const REMEMBERED: usize = 1024;
/// The bits of a product that tell `REMEMBERED` texts apart.
const SHIFT: u32 = u128::BITS - REMEMBERED.ilog2();
/// An odd number without a pattern (2^128 divided by the golden ratio).
const SPREAD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;

/// Returns the column without what other rows of its batch left in it. Text that is read from a
/// file is a view into a page; a few rows would keep whole pages in memory. Text that many rows
/// have is kept once.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other types hold their own values")]
pub(crate) fn compact(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let compacted: ArrayRef = match column.data_type() {
        DataType::Utf8View => compact_views(column.as_string_view())?,
        DataType::BinaryView => compact_views(column.as_binary_view())?,
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

fn compact_views<T: ByteViewType>(
    column: &GenericByteViewArray<T>,
) -> Result<ArrayRef, ArrowError> {
    let rows = column.len() - column.null_count();
    if rows < ROWS_MIN {
        return Ok(Arc::new(column.gc()));
    }
    let (firsts, places) = repeats(column);
    if firsts.len() > rows / 2 {
        return Ok(Arc::new(column.gc()));
    }
    let firsts = take(column, &UInt32Array::from(firsts), None)?;
    let texts = firsts.as_byte_view::<T>().gc();
    take(&texts, &places, None)
}

/// Returns rows of a column that have all its texts, and for each row the place of its text among
/// them. Rows that a file's dictionary gave the same text have the same view of it. Texts that come
/// back after many others may be among them again.
fn repeats<T: ByteViewType>(column: &GenericByteViewArray<T>) -> (Vec<u32>, UInt32Array) {
    let mut remembered: Vec<Option<(u128, u32)>> = vec![None; REMEMBERED];
    let (mut firsts, mut places) = (Vec::new(), Vec::with_capacity(column.len()));
    let mut count = 0_u32;
    for (row, view) in column.views().iter().copied().enumerate() {
        // A row without a text has none at any place, and its view may be that of an empty one.
        let (false, Ok(row)) = (column.is_null(row), u32::try_from(row)) else {
            places.push(0);
            continue;
        };
        let slot = usize::try_from(view.wrapping_mul(SPREAD) >> SHIFT);
        let slot = slot.ok().and_then(|slot| remembered.get_mut(slot));
        match slot {
            Some(Some((known, place))) if *known == view => places.push(*place),
            slot => {
                if let Some(slot) = slot {
                    *slot = Some((view, count));
                }
                firsts.push(row);
                places.push(count);
                count += 1;
            }
        }
    }
    (firsts, UInt32Array::new(places.into(), column.nulls().cloned()))
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{RecordBatch, StringViewArray},
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
            let rows = take(&column, &UInt32Array::from(vec![1, 2]), None).unwrap();
            let compacted = compact(&rows).unwrap();
            assert_eq!(&compacted, &rows);
            assert!(rows.get_array_memory_size() > 100_000);
            assert!(compacted.get_array_memory_size() < 2_000);
            RecordBatch::try_from_iter([("column", compacted)]).unwrap();
        }
    }
    #[test]
    fn a_text_of_many_rows_is_kept_once() {
        let arns: Vec<String> =
            (0..20).map(|n| format!("arn:aws:iam::111122223333:user/person-{n}")).collect();
        let text =
            StringViewArray::from_iter(arns.iter().map(Some).chain([None, Some(&String::new())]));
        let rows = UInt32Array::from_iter_values((0..22).cycle().take(5_000));
        let repeated = take(&text, &rows, None).unwrap();
        let compacted = compact(&repeated).unwrap();
        assert_eq!(&compacted, &repeated);
        let views = 16 * 5_000;
        assert!(
            compacted.get_array_memory_size() < views + 4_000,
            "{}",
            compacted.get_array_memory_size()
        );
    }

    #[test]
    fn texts_of_one_row_each_are_copied() {
        let ids: Vec<String> =
            (0..5_000).map(|n| format!("00000000-0000-0000-0000-{n:012}")).collect();
        let text: ArrayRef = Arc::new(StringViewArray::from_iter_values(&ids));
        assert_eq!(&compact(&text).unwrap(), &text);
    }
}
