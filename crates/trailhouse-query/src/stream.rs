//! The rows of an answer.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{Array, RecordBatch, RecordBatchOptions},
    compute::cast,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use crate::error::{QueryError, Vocabulary, classify};

/// The rows of one query, batch by batch, in forms that every output format can write.
///
/// Column names are unique: a second `event_name` is `event_name_2`, and `user_identity.arn` is
/// `arn`. Times are in UTC, and say so.
/// Dropping the stream stops the query.
pub struct QueryStream {
    schema: SchemaRef,
    batches: SendableRecordBatchStream,
    vocabulary: Arc<Vocabulary>,
}

impl QueryStream {
    pub(crate) fn new(batches: SendableRecordBatchStream, vocabulary: Arc<Vocabulary>) -> Self {
        let schema = output_schema(&batches.schema());
        Self { schema, batches, vocabulary }
    }

    /// Returns the columns of every batch.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// Returns the next batch, or nothing at the end. No batch is lost when the call is dropped.
    pub async fn next_batch(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        let Some(next) = self.batches.next().await else {
            return Ok(None);
        };
        let batch = next.map_err(|error| classify(&error, &self.vocabulary))?;
        let batch = in_output_form(&batch, &self.schema)
            .map_err(|error| QueryError::Execution { message: error.to_string() })?;
        Ok(Some(batch))
    }

    /// Returns all batches that are left.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, QueryError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next_batch().await? {
            batches.push(batch);
        }
        Ok(batches)
    }
}

fn output_schema(schema: &Schema) -> SchemaRef {
    let mut taken = BTreeSet::new();
    let mut fields = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let data_type = in_utc(field.data_type());
        let name = free_name(short_name(field.name()), &taken);
        fields.push(Field::new(&name, data_type, field.is_nullable()));
        taken.insert(name);
    }
    Arc::new(Schema::new(fields))
}

fn in_utc(data_type: &DataType) -> DataType {
    if let DataType::Timestamp(unit, _) = data_type {
        return DataType::Timestamp(*unit, Some("UTC".into()));
    }
    data_type.clone()
}

/// A field of a struct is named by its last part, as other engines do: the engine's own
/// `events.user_identity[arn]` becomes `arn`.
fn short_name(name: &str) -> &str {
    let is_word =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let last = || {
        let (path, last) = name.strip_suffix(']')?.rsplit_once('[')?;
        let is_path = path.split(['.', '[']).all(|part| is_word(part.trim_end_matches(']')));
        let is_name = is_word(last) && last.starts_with(|ch: char| !ch.is_ascii_digit());
        (is_path && is_name).then_some(last)
    };
    last().unwrap_or(name)
}

fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 1;
    while taken.contains(&candidate) {
        number += 1;
        candidate = format!("{name}_{number}");
    }
    candidate
}

/// The session's time zone is UTC, so a time without a zone is one in UTC.
fn in_output_form(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (column, field) in batch.columns().iter().zip(schema.fields()) {
        if column.data_type() == field.data_type() {
            columns.push(Arc::clone(column));
        } else {
            columns.push(cast(column, field.data_type())?);
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_structs_have_short_names() {
        for (name, expected) in [
            ("events.user_identity[arn]", "arn"),
            ("e.user_identity[session_context][session_issuer][user_name]", "user_name"),
            ("events.resources[1]", "events.resources[1]"),
            ("a = b[c]", "a = b[c]"),
            ("upper(e.user_identity[arn])", "upper(e.user_identity[arn])"),
            ("count(*)", "count(*)"),
            ("]", "]"),
            ("[]", "[]"),
            ("", ""),
        ] {
            assert_eq!(short_name(name), expected);
        }
    }

    #[test]
    fn names_are_made_unique() {
        let field = |name| Field::new(name, DataType::Int64, true);
        let schema = Schema::new(vec![field("a"), field("a"), field("a_2"), field("a")]);
        let output = output_schema(&schema);
        let names: Vec<&str> = output.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["a", "a_2", "a_2_2", "a_3"]);
    }
}
