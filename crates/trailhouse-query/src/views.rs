//! What a session shows on top of the stored tables.

use std::fmt::Write;

use arrow::datatypes::{DataType, Schema};

/// The schema of the tables as they are stored.
pub(crate) const STORED: &str = "stored";

/// A field of the struct `user_identity`: a flat column, or a struct in it.
enum Part {
    Column(&'static str, &'static str),
    Struct(&'static str, &'static [Part]),
}

use Part::{Column, Struct};

/// The identity of a record with the nesting and the names that CloudTrail gives it. The
/// optimiser reads `user_identity.arn` as the flat column, so that a predicate on it prunes.
const USER_IDENTITY: &[Part] = &[
    Column("type", "user_identity_type"),
    Column("principal_id", "user_identity_principal_id"),
    Column("arn", "user_identity_arn"),
    Column("account_id", "user_identity_account_id"),
    Column("access_key_id", "user_identity_access_key_id"),
    Column("user_name", "user_identity_user_name"),
    Column("invoked_by", "user_identity_invoked_by"),
    Column("credential_id", "user_identity_credential_id"),
    Column("identity_provider", "user_identity_identity_provider"),
    Struct("session_context", SESSION_CONTEXT),
    Struct("invoked_by_delegate", &[Column("account_id", "invoked_by_delegate_account_id")]),
    Struct(
        "on_behalf_of",
        &[
            Column("user_id", "on_behalf_of_user_id"),
            Column("identity_store_arn", "on_behalf_of_identity_store_arn"),
        ],
    ),
    Struct(
        "in_scope_of",
        &[
            Column("source_arn", "in_scope_of_source_arn"),
            Column("source_account", "in_scope_of_source_account"),
            Column("issuer_type", "in_scope_of_issuer_type"),
            Column("credentials_issued_to", "in_scope_of_credentials_issued_to"),
        ],
    ),
];

const SESSION_CONTEXT: &[Part] = &[
    Struct(
        "session_issuer",
        &[
            Column("type", "session_issuer_type"),
            Column("principal_id", "session_issuer_principal_id"),
            Column("arn", "session_issuer_arn"),
            Column("account_id", "session_issuer_account_id"),
            Column("user_name", "session_issuer_user_name"),
        ],
    ),
    Struct(
        "attributes",
        &[
            Column("creation_date", "session_creation_date"),
            Column("mfa_authenticated", "mfa_authenticated"),
        ],
    ),
    Column("source_identity", "source_identity"),
    Column("ec2_role_delivery", "ec2_role_delivery"),
    Column("assumed_root", "assumed_root"),
    Column("sign_in_session_arn", "sign_in_session_arn"),
    Struct(
        "web_id_federation_data",
        &[
            Column("federated_provider", "web_id_federated_provider"),
            Column("attributes", "web_id_attributes"),
        ],
    ),
];

/// The most event ids that a merged finding names; each of its rows has the same limit.
const EVENT_IDS_MAX: u32 = 1000;

/// Ids that one account has for events of different content: all are kept, and somebody should look.
pub(crate) const EVENT_ID_CONFLICTS: &str = "SELECT recipient_account_id, event_id, \
    count(*) AS contents, min(event_time) AS first_event_time, max(event_time) AS last_event_time \
    FROM stored.events_unique WHERE event_id <> '' \
    GROUP BY recipient_account_id, event_id HAVING count(*) > 1";

/// Returns the SQL of a table's view, or nothing where the stored table is shown as it is.
pub(crate) fn view_sql(table: &str, schema: &Schema) -> Option<String> {
    match table {
        "events" | "events_before" | "events_unique" => events_sql(table, schema),
        "findings" => findings_sql(schema),
        "quarantine" => Some(quarantine_sql(schema)),
        _ => None,
    }
}

fn events_sql(table: &str, schema: &Schema) -> Option<String> {
    let identity = struct_sql(USER_IDENTITY, schema)?;
    let columns = column_list(schema, "");
    Some(format!("SELECT {columns}, {identity} AS user_identity FROM {STORED}.{table}"))
}

/// Builds the struct from the columns that the table has; nothing where it has none of them.
fn struct_sql(parts: &[Part], schema: &Schema) -> Option<String> {
    let mut fields = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Column(name, column) if schema.column_with_name(column).is_some() => {
                fields.push(format!("'{name}', {column}"));
            }
            Column(..) => {}
            Struct(name, parts) => {
                fields.extend(struct_sql(parts, schema).map(|inner| format!("'{name}', {inner}")));
            }
        }
    }
    (!fields.is_empty()).then(|| format!("named_struct({})", fields.join(", ")))
}

/// Several runs can find the same thing. Its rows become one: the earliest and latest times, all
/// events, every list merged, and the rest from the newest row.
fn findings_sql(schema: &Schema) -> Option<String> {
    schema.column_with_name("fingerprint")?;
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = quoted(field.name());
        let value = match (field.name().as_str(), field.data_type()) {
            ("fingerprint", _) => name.clone(),
            ("first_event_time" | "from_version" | "found_at", _) => format!("min({name})"),
            ("last_event_time" | "to_version", _) => format!("max({name})"),
            // Runs may find the same events: where all ids are listed, they tell how many there are.
            ("events", _) => format!(
                "CASE WHEN sum({name}) = sum(cardinality(event_ids)) \
                 THEN cardinality(array_distinct(flatten(array_agg(event_ids)))) \
                 ELSE sum({name}) END"
            ),
            (_, DataType::List(_)) => format!(
                "array_slice(array_distinct(flatten(array_agg({name}) \
                 FILTER (WHERE {name} IS NOT NULL))), 1, {EVENT_IDS_MAX})"
            ),
            (_, _) => format!("last_value({name} ORDER BY found_at, finding_id)"),
        };
        columns.push(format!("{value} AS {name}"));
    }
    columns.push("max(found_at) AS last_found_at".to_owned());
    Some(format!("SELECT {} FROM {STORED}.findings GROUP BY fingerprint", columns.join(", ")))
}

/// An entry is open until the objects hold what it is about: the entry's own identity, under which
/// a retry is listed, or the object where all of it is in quarantine. The list of objects is cut
/// down to those before anything is joined: it is far longer than the quarantine.
fn quarantine_sql(schema: &Schema) -> String {
    let columns = column_list(schema, "q.");
    format!(
        "WITH entries AS (SELECT quarantine_id AS id FROM {STORED}.quarantine UNION ALL \
         SELECT object_id AS id FROM {STORED}.quarantine WHERE record_index IS NULL), \
         released AS (SELECT DISTINCT object_id FROM {STORED}.objects \
         WHERE object_id IN (SELECT id FROM entries WHERE id IS NOT NULL)) \
         SELECT {columns}, retried.object_id IS NULL AND whole.object_id IS NULL AS is_open \
         FROM {STORED}.quarantine AS q \
         LEFT JOIN released AS retried ON retried.object_id = q.quarantine_id \
         LEFT JOIN released AS whole \
         ON whole.object_id = CASE WHEN q.record_index IS NULL THEN q.object_id END"
    )
}

fn column_list(schema: &Schema, qualifier: &str) -> String {
    let mut list = String::new();
    for field in schema.fields() {
        let comma = if list.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(list, "{comma}{qualifier}{}", quoted(field.name()));
    }
    list
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
