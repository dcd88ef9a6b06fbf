//! One CloudTrail record into one row.

use trailhouse_model::EventTime;

use crate::{
    cell::{
        BooleanForm, put_boolean, put_extra, put_json, put_text, put_time, read_boolean,
        struct_members,
    },
    columns::{Columns, TextColumn, TextColumns},
    extra::Extra,
    json::write_value,
    value::{Members, Shape, Value},
};

/// What a record is, judged by its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordLook {
    /// An event.
    Event,
    /// An insight event.
    Insight,
    /// An aggregate of events.
    Aggregated,
    /// Nothing that CloudTrail writes.
    Foreign,
}

/// Writes records into the columns of one object, one row each.
#[derive(Default)]
pub(crate) struct RowWriter {
    pub(crate) columns: Columns,
    pub(super) extra: Extra,
}

/// What a record may leave to be worked on after its other members.
struct Deferred<'t> {
    identity: Option<Value<'t>>,
    /// `sessionCredentialFromConsole` at the top, where the documentation has it.
    from_console: Option<bool>,
    has_event_time: bool,
}

impl RowWriter {
    /// Appends the record as a row. It is timed by its delivery where it has no time of its own.
    pub(crate) fn append(
        &mut self,
        record: Members<'_>,
        record_index: i32,
        delivered_at: Option<EventTime>,
    ) -> RecordLook {
        let row = self.columns.rows();
        self.extra.begin();
        let mut deferred = Deferred { identity: None, from_console: None, has_event_time: false };
        for (name, value) in record.last_wins() {
            self.top_member(row, name, value, &mut deferred);
        }
        self.identity(row, deferred.identity, deferred.from_console);
        self.time_by_delivery(row, delivered_at, deferred.has_event_time);
        if let Some(extra) = self.extra.finish() {
            self.columns.text._extra.push(row, extra);
        }
        self.columns.source_rows.push(record_index);
        self.look(row)
    }

    fn top_member<'t>(
        &mut self,
        row: usize,
        name: &str,
        value: Value<'t>,
        deferred: &mut Deferred<'t>,
    ) {
        let Self { columns, extra } = self;
        if let Some(column) = top_text(&mut columns.text, name) {
            return put_text(column, extra, row, name, value);
        }
        if let Some(column) = top_json(&mut columns.text, name) {
            return put_json(column, row, value);
        }
        match name {
            "eventTime" => {
                deferred.has_event_time = !matches!(value.shape(), Shape::Null);
                put_time(&mut columns.time.event_time, extra, row, name, value);
            }
            "readOnly" => {
                let column = &mut columns.boolean.read_only;
                put_boolean(column, extra, row, name, (value, BooleanForm::Literal));
            }
            "managementEvent" => {
                let column = &mut columns.boolean.management_event;
                put_boolean(column, extra, row, name, (value, BooleanForm::Literal));
            }
            "userIdentity" => deferred.identity = Some(value),
            "sessionCredentialFromConsole" => {
                deferred.from_console = read_boolean(value);
                put_extra(extra, name, value);
            }
            "resources" => self.resources(row, value),
            "tlsDetails" => self.text_struct(row, "tlsDetails", value, tls_text),
            "addendum" => self.text_struct(row, "addendum", value, addendum_text),
            _ => put_extra(extra, name, value),
        }
    }

    /// Fills the columns of a struct that has nothing but text.
    pub(super) fn text_struct(
        &mut self,
        row: usize,
        struct_name: &'static str,
        value: Value<'_>,
        column_of: for<'c> fn(&'c mut TextColumns, &str) -> Option<&'c mut TextColumn>,
    ) {
        let Self { columns, extra } = self;
        let Some(members) = struct_members(extra, struct_name, Some(value)) else { return };
        extra.enter(struct_name);
        for (name, value) in members.last_wins() {
            match column_of(&mut columns.text, name) {
                Some(column) => put_text(column, extra, row, name, value),
                None => put_extra(extra, name, value),
            }
        }
        extra.leave();
    }

    fn resources(&mut self, row: usize, value: Value<'_>) {
        let is_exact = match value.shape() {
            Shape::Null => return,
            Shape::Array(items) => {
                let mut is_exact = true;
                for item in items {
                    is_exact &= self.resource(item);
                }
                self.columns.resources.end_list(row);
                is_exact
            }
            Shape::Object(_) => {
                self.resource(value);
                self.columns.resources.end_list(row);
                false
            }
            Shape::Bool(_) | Shape::Number(_) | Shape::String(_) => false,
        };
        if !is_exact {
            put_extra(&mut self.extra, "resources", value);
        }
    }

    /// Fills one item of the list, and says whether it comes back exactly.
    fn resource(&mut self, value: Value<'_>) -> bool {
        let column = &mut self.columns.resources;
        let item = column.item();
        let mut is_exact = matches!(value.shape(), Shape::Object(_));
        let mut lower_case_arn = None;
        let mut has_arn = false;
        for (name, value) in value.members().unwrap_or(Members::NONE).last_wins() {
            is_exact &= match name {
                "ARN" => {
                    has_arn = !matches!(value.shape(), Shape::Null);
                    put_resource_text(&mut column.arn, item, value)
                }
                "ARNPrefix" => put_resource_text(&mut column.arn_prefix, item, value),
                "accountId" => put_resource_text(&mut column.account_id, item, value),
                "type" => put_resource_text(&mut column.r#type, item, value),
                "arn" => {
                    lower_case_arn = Some(value);
                    false
                }
                _ => false,
            };
        }
        if let Some(value) = lower_case_arn.filter(|_| !has_arn) {
            put_resource_text(&mut column.arn, item, value);
        }
        column.end_item();
        is_exact
    }

    /// Times a record without a readable time by the delivery of its object. Where it had none at
    /// all, a null in `_extra` says so.
    fn time_by_delivery(
        &mut self,
        row: usize,
        delivered_at: Option<EventTime>,
        has_event_time: bool,
    ) {
        let column = &mut self.columns.time.event_time;
        let Some(delivered_at) = delivered_at.filter(|_| column.last(row).is_none()) else {
            return;
        };
        column.push(row, delivered_at);
        if !has_event_time {
            self.extra.member("eventTime", |out| out.push_str("null"));
        }
    }

    fn look(&self, row: usize) -> RecordLook {
        let text = &self.columns.text;
        let category = text.event_category.last(row);
        let event_type = text.event_type.last(row);
        let is_notification =
            text.event_source.last(row).is_some_and(|source| source.starts_with("aws:"));
        let marks = [
            &text.event_name,
            &text.event_id,
            &text.event_source,
            &text.event_version,
            &text.request_id,
            &text.user_identity_type,
        ];
        if category == Some("Insight") || event_type == Some("AwsCloudTrailInsight") {
            RecordLook::Insight
        } else if category == Some("Aggregated") || event_type == Some("AwsAggregatedEvent") {
            RecordLook::Aggregated
        } else if !is_notification && marks.iter().any(|column| column.last(row).is_some()) {
            RecordLook::Event
        } else {
            RecordLook::Foreign
        }
    }
}

/// Fills one text of a resource, and says whether it comes back exactly.
fn put_resource_text(column: &mut TextColumn, item: usize, value: Value<'_>) -> bool {
    match value.shape() {
        Shape::Null => true,
        Shape::String(text) => {
            column.push(item, text);
            true
        }
        Shape::Bool(_) | Shape::Number(_) => {
            column.push_with(item, |out| write_value(out, value));
            false
        }
        Shape::Array(_) | Shape::Object(_) => false,
    }
}

fn top_text<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    Some(match name {
        "eventSource" => &mut text.event_source,
        "eventName" => &mut text.event_name,
        "awsRegion" => &mut text.aws_region,
        "recipientAccountId" => &mut text.recipient_account_id,
        "sourceIPAddress" => &mut text.source_ip_address,
        "userAgent" => &mut text.user_agent,
        "errorCode" => &mut text.error_code,
        "errorMessage" => &mut text.error_message,
        "eventType" => &mut text.event_type,
        "eventCategory" => &mut text.event_category,
        "eventID" => &mut text.event_id,
        "requestID" => &mut text.request_id,
        "sharedEventID" => &mut text.shared_event_id,
        "eventVersion" => &mut text.event_version,
        "apiVersion" => &mut text.api_version,
        "vpcEndpointId" => &mut text.vpc_endpoint_id,
        "vpcEndpointAccountId" => &mut text.vpc_endpoint_account_id,
        _ => return None,
    })
}

fn top_json<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    Some(match name {
        "requestParameters" => &mut text.request_parameters,
        "responseElements" => &mut text.response_elements,
        "additionalEventData" => &mut text.additional_event_data,
        "serviceEventDetails" => &mut text.service_event_details,
        "insightDetails" => &mut text.insight_details,
        "edgeDeviceDetails" => &mut text.edge_device_details,
        "eventContext" => &mut text.event_context,
        _ => return None,
    })
}

fn tls_text<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    Some(match name {
        "tlsVersion" => &mut text.tls_version,
        "cipherSuite" => &mut text.tls_cipher_suite,
        "clientProvidedHostHeader" => &mut text.tls_client_provided_host_header,
        "keyExchange" => &mut text.tls_key_exchange,
        _ => return None,
    })
}

fn addendum_text<'c>(text: &'c mut TextColumns, name: &str) -> Option<&'c mut TextColumn> {
    Some(match name {
        "reason" => &mut text.addendum_reason,
        "updatedFields" => &mut text.addendum_updated_fields,
        "originalRequestID" => &mut text.addendum_original_request_id,
        "originalEventID" => &mut text.addendum_original_event_id,
        _ => return None,
    })
}
