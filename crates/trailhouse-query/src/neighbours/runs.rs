//! Where runs of equal keys begin.

use arrow::{
    array::{
        Array, ArrayRef, ArrowNativeTypeOp, BooleanArray, cast::AsArray, downcast_primitive_array,
    },
    buffer::NullBuffer,
    datatypes::DataType,
};

/// Returns the first rows of runs in which all keys are equal. Equal rows may be in two runs: texts
/// are not compared, but where they lie.
pub(super) fn run_starts(keys: &[ArrayRef], rows: usize) -> Vec<usize> {
    let mut begins = vec![false; rows];
    if let Some(first) = begins.first_mut() {
        *first = true;
    }
    for key in keys {
        mark_differences(key.as_ref(), &mut begins);
    }
    let starts = begins.iter().enumerate().filter(|(_, begins)| **begins);
    starts.map(|(row, _)| row).collect()
}

/// Marks the rows whose value differs from the one before.
fn mark_differences(key: &dyn Array, begins: &mut [bool]) {
    downcast_primitive_array!(
        key => mark(key.values(), key.nulls(), begins, |one, other| one.is_eq(*other)),
        DataType::Utf8View => {
            let key = key.as_string_view();
            mark(key.views(), key.nulls(), begins, |one, other| one == other);
        }
        DataType::Boolean => mark_booleans(key.as_boolean(), begins),
        DataType::Null => {}
        _ => begins.fill(true),
    );
}

fn mark<T>(
    values: &[T],
    nulls: Option<&NullBuffer>,
    begins: &mut [bool],
    is_equal: impl Fn(&T, &T) -> bool,
) {
    let pairs = values.windows(2);
    let differs = |pair: &[T]| !matches!(pair, [one, other] if is_equal(one, other));
    let later = begins.iter_mut().skip(1);
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => later.zip(pairs).for_each(|(begins, pair)| *begins |= differs(pair)),
        Some(nulls) => {
            let valid = nulls.iter().zip(nulls.iter().skip(1));
            for ((begins, pair), (one, other)) in later.zip(pairs).zip(valid) {
                // Behind a null there is any value.
                *begins |= one != other || one && differs(pair);
            }
        }
    }
}

fn mark_booleans(values: &BooleanArray, begins: &mut [bool]) {
    let pairs = values.iter().zip(values.iter().skip(1));
    for (begins, (one, other)) in begins.iter_mut().skip(1).zip(pairs) {
        *begins |= one != other;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int32Array, StringArray, StringViewArray};

    use super::*;

    fn starts(keys: &[ArrayRef]) -> Vec<usize> {
        run_starts(keys, keys[0].len())
    }

    #[test]
    fn a_run_ends_where_a_key_differs() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 1, 2, 2, 2]));
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "a", "a", "a", "b"]));
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, false, false, false]));
        assert_eq!(starts(&[Arc::clone(&numbers)]), [0, 2]);
        assert_eq!(starts(&[Arc::clone(&texts)]), [0, 4]);
        assert_eq!(starts(&[Arc::clone(&flags)]), [0, 1]);
        assert_eq!(starts(&[numbers, texts, flags]), [0, 1, 2, 4]);
    }

    #[test]
    fn nulls_are_equal_whatever_is_behind_them() {
        let numbers = Int32Array::new(
            vec![7, 7, 8, 7, 7].into(),
            Some(NullBuffer::from(vec![true, false, false, true, true])),
        );
        assert_eq!(starts(&[Arc::new(numbers)]), [0, 1, 3]);
        let flags = BooleanArray::from(vec![None, None, Some(false), None]);
        assert_eq!(starts(&[Arc::new(flags)]), [0, 2, 3]);
        let slice = Int32Array::from(vec![Some(1), None, None, Some(2)]).slice(1, 3);
        assert_eq!(starts(&[Arc::new(slice)]), [0, 2]);
    }

    #[test]
    fn zeros_of_two_signs_are_two_values() {
        let numbers = Float64Array::from(vec![0.0, -0.0, f64::NAN, f64::NAN]);
        assert_eq!(starts(&[Arc::new(numbers)]), [0, 1, 2]);
    }

    #[test]
    fn of_other_types_each_row_is_a_run() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "a"]));
        assert_eq!(starts(&[texts]), [0, 1]);
        assert_eq!(run_starts(&[], 0), Vec::<usize>::new());
    }
}
