//! One cell as text.

use std::borrow::Cow;

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{DataType, FieldRef},
    error::ArrowError,
    json::writer::{EncoderOptions, NullableEncoder, make_encoder},
    util::display::{ArrayFormatter, FormatOptions},
};

use super::escape;

/// Turns the values of one column of one batch into text. Lists, structs and maps become JSON.
pub(crate) enum ColumnCells<'batch> {
    Text(ArrayFormatter<'batch>, &'batch ArrayRef),
    Json(NullableEncoder<'batch>),
}

impl<'batch> ColumnCells<'batch> {
    /// Prepares every column of a batch.
    pub(crate) fn of_batch(
        batch: &'batch RecordBatch,
        options: &'batch EncoderOptions,
    ) -> Result<Vec<Self>, ArrowError> {
        let fields = batch.schema_ref().fields();
        let mut cells = Vec::with_capacity(fields.len());
        for (column, index) in batch.columns().iter().zip(0..) {
            cells.push(Self::of_column(batch.schema_ref().fields().get(index), column, options)?);
        }
        Ok(cells)
    }

    fn of_column(
        field: Option<&'batch FieldRef>,
        column: &'batch ArrayRef,
        options: &'batch EncoderOptions,
    ) -> Result<Self, ArrowError> {
        match field {
            Some(field) if is_nested(column.data_type()) => {
                Ok(Self::Json(make_encoder(field, column.as_ref(), options)?))
            }
            Some(_) | None => {
                let formatter = ArrayFormatter::try_new(column.as_ref(), &TEXT)?;
                Ok(Self::Text(formatter, column))
            }
        }
    }

    /// Returns the text of a row's cell, or nothing for null.
    pub(crate) fn text(&mut self, row: usize) -> Result<Option<Cow<'batch, str>>, ArrowError> {
        match self {
            Self::Text(_, column) if column.is_null(row) => Ok(None),
            Self::Text(formatter, _) => Ok(Some(Cow::Owned(formatter.value(row).try_to_string()?))),
            Self::Json(encoder) if encoder.is_null(row) => Ok(None),
            Self::Json(encoder) => {
                let mut json = Vec::new();
                encoder.encode(row, &mut json);
                let json = String::from_utf8_lossy(&json);
                Ok(Some(Cow::Owned(escape::escape_json(&json).into_owned())))
            }
        }
    }
}

const TEXT: FormatOptions<'static> = FormatOptions::new();

/// Says whether a column of this type is text made of parts, which JSON shows and plain text
/// does not.
pub(crate) fn is_nested(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::FixedSizeList(_, _)
            | DataType::Struct(_)
            | DataType::Map(_, _)
    )
}
