//! The columns of the rows of some objects, and the batch made of them.
//!
//! Cells that stay null cost nothing until the batch is made: a column knows only the rows that
//! have a value. The buffers stay with the decoder, and the batch gets copies of the right size.

mod resources;
mod scalar;
mod text;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Date32Array, Int32Array, RecordBatch, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use trailhouse_model::{EventTime, ObjectId};

pub(crate) use self::{
    resources::ResourcesColumn,
    scalar::{BooleanColumn, TimeColumn},
    text::TextColumn,
};
use crate::{
    decoded::DecodeContext,
    schema::{COLUMNS, ColumnKind, column, event_schema},
};

/// Makes a struct of columns and the list of them in the order of the fields.
macro_rules! column_group {
    ($group:ident of $column:ident { $($name:ident,)* }) => {
        #[derive(Default)]
        pub(crate) struct $group {
            $(pub(crate) $name: $column,)*
        }

        impl $group {
            fn all(&mut self) -> impl Iterator<Item = &mut $column> {
                [$(&mut self.$name,)*].into_iter()
            }

            #[cfg(test)]
            const NAMES: &'static [&'static str] = &[$(stringify!($name),)*];
        }
    };
}

// In the order of the table, which a test checks.
column_group!(TextColumns of TextColumn {
    event_source, event_name, aws_region, recipient_account_id, source_ip_address, user_agent,
    error_code, error_message, event_type, event_category, event_id, request_id,
    shared_event_id, event_version, api_version, user_identity_type,
    user_identity_principal_id, user_identity_arn, user_identity_account_id,
    user_identity_access_key_id, user_identity_user_name, user_identity_invoked_by,
    user_identity_credential_id, user_identity_identity_provider, session_issuer_type,
    session_issuer_principal_id, session_issuer_arn, session_issuer_account_id,
    session_issuer_user_name, source_identity, ec2_role_delivery, sign_in_session_arn,
    web_id_federated_provider, web_id_attributes, invoked_by_delegate_account_id,
    on_behalf_of_user_id, on_behalf_of_identity_store_arn, in_scope_of_source_arn,
    in_scope_of_source_account, in_scope_of_issuer_type, in_scope_of_credentials_issued_to,
    request_parameters, response_elements, additional_event_data, service_event_details,
    vpc_endpoint_id, vpc_endpoint_account_id, tls_version, tls_cipher_suite,
    tls_client_provided_host_header, tls_key_exchange, addendum_reason,
    addendum_updated_fields, addendum_original_request_id, addendum_original_event_id,
    insight_details, edge_device_details, event_context, _extra,
});
column_group!(BooleanColumns of BooleanColumn {
    read_only, management_event, mfa_authenticated, session_credential_from_console,
    assumed_root,
});
column_group!(TimeColumns of TimeColumn { event_time, session_creation_date, });

/// All columns that a record fills.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) text: TextColumns,
    pub(crate) boolean: BooleanColumns,
    pub(crate) time: TimeColumns,
    pub(crate) resources: ResourcesColumn,
    /// The index of the record that each row was made of.
    pub(crate) source_rows: Vec<i32>,
    /// The partition of each row of the objects that are through.
    dates: Vec<Option<i32>>,
    /// The objects that are through and have rows, each with the row that it ends before.
    objects: Vec<(ObjectId, usize)>,
}

/// The values of one column together exceed what an array can address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ColumnOverflow;

impl Columns {
    /// Returns how many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.source_rows.len()
    }

    /// Forgets all rows and keeps the buffers, as far as they are of ordinary size.
    pub(crate) fn clear(&mut self) {
        self.text.all().for_each(TextColumn::clear);
        self.boolean.all().for_each(BooleanColumn::clear);
        self.time.all().for_each(TimeColumn::clear);
        self.resources.clear();
        self.source_rows.clear();
        self.dates.clear();
        self.objects.clear();
    }

    /// Says whether a value did not fit since the columns were cleared or cut.
    pub(crate) fn have_overflowed(&mut self) -> bool {
        self.text.all().any(|column| column.has_overflowed()) || self.resources.has_overflowed()
    }

    /// Takes this row and all after it out again; they are of an object that is not through.
    pub(crate) fn truncate(&mut self, row: usize) {
        self.text.all().for_each(|column| column.truncate(row));
        self.boolean.all().for_each(|column| column.truncate(row));
        self.time.all().for_each(|column| column.truncate(row));
        self.resources.truncate(row);
        self.source_rows.truncate(row);
    }

    /// Returns how many bytes the texts of the rows have.
    pub(crate) fn text_bytes(&mut self) -> usize {
        self.text.all().fold(0, |bytes, column| bytes.saturating_add(column.value_bytes()))
    }

    /// Says of which object the rows are that belong to none yet.
    pub(crate) fn end_object(&mut self, context: &DecodeContext) {
        let rows = self.rows();
        let dates = self.time.event_time.cells(rows).skip(self.dates.len());
        self.dates.extend(dates.map(|micros| event_date(micros?, context)));
        self.objects.push((context.object_id, rows));
    }

    /// Makes a batch of the rows, whose objects are all through.
    pub(crate) fn batch(&mut self) -> Result<RecordBatch, ColumnOverflow> {
        let rows = self.rows();
        let event_dates: ArrayRef = Arc::new(Date32Array::from(self.dates.clone()));
        let source_rows: ArrayRef = Arc::new(Int32Array::from(self.source_rows.clone()));
        let source_object: ArrayRef = Arc::new(object_ids(&self.objects)?);
        // Most columns are empty; they share one array.
        let no_text: ArrayRef = Arc::new(StringArray::new_null(rows));
        let mut texts = self.text.all().map(|column| {
            if column.is_empty() { Ok(Arc::clone(&no_text)) } else { column.array(rows) }
        });
        let mut booleans = self.boolean.all().map(|column| column.array(rows));
        let mut times = self.time.all().map(|column| column.array(rows));
        let resources = self.resources.array(rows)?;
        let mut arrays = Vec::with_capacity(COLUMNS.len());
        for spec in COLUMNS {
            arrays.push(match spec.kind {
                ColumnKind::Text if spec.name == column::SOURCE_OBJECT_ID => {
                    Arc::clone(&source_object)
                }
                ColumnKind::Text | ColumnKind::Json => {
                    texts.next().unwrap_or_else(|| Ok(Arc::clone(&no_text)))?
                }
                ColumnKind::Boolean | ColumnKind::BooleanText => {
                    booleans.next().unwrap_or_else(|| BooleanColumn::default().array(rows))
                }
                ColumnKind::Time => {
                    times.next().unwrap_or_else(|| TimeColumn::default().array(rows))
                }
                ColumnKind::Date => Arc::clone(&event_dates),
                ColumnKind::Resources => Arc::clone(&resources),
                ColumnKind::Integer => Arc::clone(&source_rows),
            });
        }
        Ok(assemble(arrays))
    }
}

/// Derives the partition of a row. A day far from now gets none, so that hostile times cannot make
/// a partition each.
fn event_date(micros: i64, context: &DecodeContext) -> Option<i32> {
    const SECONDS_PER_DAY: i64 = 86_400;
    let earliest = context.decoded_at.plus_seconds(-3_653 * SECONDS_PER_DAY);
    let latest = context.decoded_at.plus_seconds(SECONDS_PER_DAY);
    let time = EventTime::from_micros(micros);
    (earliest..=latest).contains(&time).then(|| time.days())
}

/// Writes the identity of each object into all of its rows.
fn object_ids(objects: &[(ObjectId, usize)]) -> Result<StringArray, ColumnOverflow> {
    let (mut values, mut ends) = (String::new(), vec![0_i32]);
    for (object, end_row) in objects {
        let id = object.to_string();
        while ends.len() <= *end_row {
            values.push_str(&id);
            ends.push(i32::try_from(values.len()).map_err(|_| ColumnOverflow)?);
        }
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let values = Buffer::from_vec(values.into_bytes());
    StringArray::try_new(offsets, values, None).map_err(|_| ColumnOverflow)
}

#[expect(clippy::expect_used, reason = "each array is made for its column of the same schema")]
fn assemble(arrays: Vec<ArrayRef>) -> RecordBatch {
    debug_assert!(arrays.windows(2).all(|pair| matches!(pair, [a, b] if a.len() == b.len())));
    RecordBatch::try_new(event_schema(), arrays).expect("arrays match the schema")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(kinds: &[ColumnKind]) -> Vec<&'static str> {
        let of_kind = COLUMNS.iter().filter(|spec| kinds.contains(&spec.kind));
        of_kind.map(|spec| spec.name).filter(|name| *name != column::SOURCE_OBJECT_ID).collect()
    }

    #[test]
    fn groups_follow_the_order_of_the_table() {
        assert_eq!(TextColumns::NAMES, names(&[ColumnKind::Text, ColumnKind::Json]));
        assert_eq!(BooleanColumns::NAMES, names(&[ColumnKind::Boolean, ColumnKind::BooleanText]));
        assert_eq!(TimeColumns::NAMES, names(&[ColumnKind::Time]));
    }
}
