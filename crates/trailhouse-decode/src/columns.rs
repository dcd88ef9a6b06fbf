//! The columns of the rows of one object, and the batch made of them.
//!
//! Cells that stay null cost nothing until the batch is made: a column knows only the rows that
//! have a value. The buffers stay with the decoder, and the batch gets copies of the right size.

mod resources;
mod scalar;
mod text;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Date32Array, Int32Array, RecordBatch, StringArray};
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
    }

    /// Makes a batch of the rows.
    pub(crate) fn batch(&mut self, context: &DecodeContext) -> Result<RecordBatch, ColumnOverflow> {
        let rows = self.rows();
        let event_dates = self.event_dates(context);
        let source_rows: ArrayRef = Arc::new(Int32Array::from(self.source_rows.clone()));
        let source_object: ArrayRef = Arc::new(repeated_id(context.object_id, rows)?);
        // Most columns of an object are empty; they share one array.
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

    /// Derives the partition of each row. A day far from now gets none, so that hostile times
    /// cannot make a partition each.
    fn event_dates(&self, context: &DecodeContext) -> ArrayRef {
        const SECONDS_PER_DAY: i64 = 86_400;
        let earliest = context.decoded_at.plus_seconds(-3_653 * SECONDS_PER_DAY);
        let latest = context.decoded_at.plus_seconds(SECONDS_PER_DAY);
        let days = self.time.event_time.cells(self.rows()).map(|micros| {
            let time = EventTime::from_micros(micros?);
            (earliest..=latest).contains(&time).then(|| time.days())
        });
        Arc::new(days.collect::<Date32Array>())
    }
}

fn repeated_id(object: ObjectId, rows: usize) -> Result<StringArray, ColumnOverflow> {
    let id = object.to_string();
    let bytes = id.len().saturating_mul(rows);
    i32::try_from(bytes).map_err(|_| ColumnOverflow)?;
    Ok(std::iter::repeat_n(Some(id.as_str()), rows).collect())
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
