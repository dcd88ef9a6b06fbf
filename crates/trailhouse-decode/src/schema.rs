//! The one definition of the columns of the `events` table.
//!
//! Each column names the member of a CloudTrail record that it holds. Whatever a column cannot
//! reproduce exactly stands in `_extra` at its original place, so that a record is equal to its
//! columns overlaid by `_extra`.

use std::sync::{Arc, LazyLock};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text; a JSON string in the record.
    Text,
    /// JSON text; any JSON value in the record.
    Json,
    /// A boolean that is a JSON boolean in the record.
    Boolean,
    /// A boolean that is the string `true` or `false` in the record.
    BooleanText,
    /// Microseconds since the epoch, UTC; an RFC 3339 string in the record.
    Time,
    /// A day; derived, not in the record.
    Date,
    /// A list of resource structs; an array of objects in the record.
    Resources,
    /// A 32-bit integer; provenance, not in the record.
    Integer,
}

/// One column of the `events` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSpec {
    /// The name in SQL.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// The place in the record, member names joined by dots; empty where it is in no record.
    pub path: &'static str,
}

/// Makes a name constant and a row of [`COLUMNS`] of each line.
macro_rules! columns {
    ($($constant:ident $name:literal $kind:ident $path:literal;)*) => {
        /// The names of the columns, for callers that refer to one.
        pub mod column {
            $(#[doc = concat!("The column `", $name, "`.")]
            pub const $constant: &str = $name;)*
        }

        /// All columns in table order.
        pub const COLUMNS: &[ColumnSpec] = &[
            $(ColumnSpec { name: $name, kind: ColumnKind::$kind, path: $path },)*
        ];
    };
}

columns! {
    EVENT_DATE "event_date" Date "";
    EVENT_TIME "event_time" Time "eventTime";
    EVENT_SOURCE "event_source" Text "eventSource";
    EVENT_NAME "event_name" Text "eventName";
    AWS_REGION "aws_region" Text "awsRegion";
    RECIPIENT_ACCOUNT_ID "recipient_account_id" Text "recipientAccountId";
    SOURCE_IP_ADDRESS "source_ip_address" Text "sourceIPAddress";
    USER_AGENT "user_agent" Text "userAgent";
    ERROR_CODE "error_code" Text "errorCode";
    ERROR_MESSAGE "error_message" Text "errorMessage";
    READ_ONLY "read_only" Boolean "readOnly";
    MANAGEMENT_EVENT "management_event" Boolean "managementEvent";
    EVENT_TYPE "event_type" Text "eventType";
    EVENT_CATEGORY "event_category" Text "eventCategory";
    EVENT_ID "event_id" Text "eventID";
    REQUEST_ID "request_id" Text "requestID";
    SHARED_EVENT_ID "shared_event_id" Text "sharedEventID";
    EVENT_VERSION "event_version" Text "eventVersion";
    API_VERSION "api_version" Text "apiVersion";
    USER_IDENTITY_TYPE "user_identity_type" Text "userIdentity.type";
    USER_IDENTITY_PRINCIPAL_ID "user_identity_principal_id" Text "userIdentity.principalId";
    USER_IDENTITY_ARN "user_identity_arn" Text "userIdentity.arn";
    USER_IDENTITY_ACCOUNT_ID "user_identity_account_id" Text "userIdentity.accountId";
    USER_IDENTITY_ACCESS_KEY_ID "user_identity_access_key_id" Text "userIdentity.accessKeyId";
    USER_IDENTITY_USER_NAME "user_identity_user_name" Text "userIdentity.userName";
    USER_IDENTITY_INVOKED_BY "user_identity_invoked_by" Text "userIdentity.invokedBy";
    USER_IDENTITY_CREDENTIAL_ID "user_identity_credential_id" Text "userIdentity.credentialId";
    USER_IDENTITY_IDENTITY_PROVIDER "user_identity_identity_provider" Text "userIdentity.identityProvider";
    SESSION_ISSUER_TYPE "session_issuer_type" Text "userIdentity.sessionContext.sessionIssuer.type";
    SESSION_ISSUER_PRINCIPAL_ID "session_issuer_principal_id" Text "userIdentity.sessionContext.sessionIssuer.principalId";
    SESSION_ISSUER_ARN "session_issuer_arn" Text "userIdentity.sessionContext.sessionIssuer.arn";
    SESSION_ISSUER_ACCOUNT_ID "session_issuer_account_id" Text "userIdentity.sessionContext.sessionIssuer.accountId";
    SESSION_ISSUER_USER_NAME "session_issuer_user_name" Text "userIdentity.sessionContext.sessionIssuer.userName";
    SESSION_CREATION_DATE "session_creation_date" Time "userIdentity.sessionContext.attributes.creationDate";
    MFA_AUTHENTICATED "mfa_authenticated" BooleanText "userIdentity.sessionContext.attributes.mfaAuthenticated";
    SESSION_CREDENTIAL_FROM_CONSOLE "session_credential_from_console" BooleanText "userIdentity.sessionContext.attributes.sessionCredentialFromConsole";
    SOURCE_IDENTITY "source_identity" Text "userIdentity.sessionContext.sourceIdentity";
    EC2_ROLE_DELIVERY "ec2_role_delivery" Text "userIdentity.sessionContext.ec2RoleDelivery";
    ASSUMED_ROOT "assumed_root" BooleanText "userIdentity.sessionContext.assumedRoot";
    SIGN_IN_SESSION_ARN "sign_in_session_arn" Text "userIdentity.sessionContext.signInSessionArn";
    WEB_ID_FEDERATED_PROVIDER "web_id_federated_provider" Text "userIdentity.sessionContext.webIdFederationData.federatedProvider";
    WEB_ID_ATTRIBUTES "web_id_attributes" Json "userIdentity.sessionContext.webIdFederationData.attributes";
    INVOKED_BY_DELEGATE_ACCOUNT_ID "invoked_by_delegate_account_id" Text "userIdentity.invokedByDelegate.accountId";
    ON_BEHALF_OF_USER_ID "on_behalf_of_user_id" Text "userIdentity.onBehalfOf.userId";
    ON_BEHALF_OF_IDENTITY_STORE_ARN "on_behalf_of_identity_store_arn" Text "userIdentity.onBehalfOf.identityStoreArn";
    IN_SCOPE_OF_SOURCE_ARN "in_scope_of_source_arn" Text "userIdentity.inScopeOf.sourceArn";
    IN_SCOPE_OF_SOURCE_ACCOUNT "in_scope_of_source_account" Text "userIdentity.inScopeOf.sourceAccount";
    IN_SCOPE_OF_ISSUER_TYPE "in_scope_of_issuer_type" Text "userIdentity.inScopeOf.issuerType";
    IN_SCOPE_OF_CREDENTIALS_ISSUED_TO "in_scope_of_credentials_issued_to" Text "userIdentity.inScopeOf.credentialsIssuedTo";
    REQUEST_PARAMETERS "request_parameters" Json "requestParameters";
    RESPONSE_ELEMENTS "response_elements" Json "responseElements";
    ADDITIONAL_EVENT_DATA "additional_event_data" Json "additionalEventData";
    SERVICE_EVENT_DETAILS "service_event_details" Json "serviceEventDetails";
    RESOURCES "resources" Resources "resources";
    VPC_ENDPOINT_ID "vpc_endpoint_id" Text "vpcEndpointId";
    VPC_ENDPOINT_ACCOUNT_ID "vpc_endpoint_account_id" Text "vpcEndpointAccountId";
    TLS_VERSION "tls_version" Text "tlsDetails.tlsVersion";
    TLS_CIPHER_SUITE "tls_cipher_suite" Text "tlsDetails.cipherSuite";
    TLS_CLIENT_PROVIDED_HOST_HEADER "tls_client_provided_host_header" Text "tlsDetails.clientProvidedHostHeader";
    TLS_KEY_EXCHANGE "tls_key_exchange" Text "tlsDetails.keyExchange";
    ADDENDUM_REASON "addendum_reason" Text "addendum.reason";
    ADDENDUM_UPDATED_FIELDS "addendum_updated_fields" Text "addendum.updatedFields";
    ADDENDUM_ORIGINAL_REQUEST_ID "addendum_original_request_id" Text "addendum.originalRequestID";
    ADDENDUM_ORIGINAL_EVENT_ID "addendum_original_event_id" Text "addendum.originalEventID";
    INSIGHT_DETAILS "insight_details" Json "insightDetails";
    EDGE_DEVICE_DETAILS "edge_device_details" Json "edgeDeviceDetails";
    EVENT_CONTEXT "event_context" Json "eventContext";
    EXTRA "_extra" Json "";
    SOURCE_OBJECT_ID "source_object_id" Text "";
    SOURCE_ROW "source_row" Integer "";
}

/// The members of one element of `resources`: name in SQL, name in the record.
pub const RESOURCE_MEMBERS: [(&str, &str); 4] =
    [("arn", "ARN"), ("arn_prefix", "ARNPrefix"), ("account_id", "accountId"), ("type", "type")];

/// Returns the schema of the `events` table.
pub fn event_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let fields: Fields =
            COLUMNS.iter().map(|spec| Field::new(spec.name, data_type(spec.kind), true)).collect();
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// Returns a batch of no events.
pub fn empty_batch() -> RecordBatch {
    RecordBatch::new_empty(event_schema())
}

/// Returns the fields of one element of `resources`.
pub(crate) fn resource_fields() -> Fields {
    RESOURCE_MEMBERS.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, true)).collect()
}

/// Returns the element of the list `resources`, named as Parquet and Delta name it.
pub(crate) fn resource_element() -> Field {
    Field::new("element", DataType::Struct(resource_fields()), true)
}

fn data_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Text | ColumnKind::Json => DataType::Utf8,
        ColumnKind::Boolean | ColumnKind::BooleanText => DataType::Boolean,
        ColumnKind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnKind::Date => DataType::Date32,
        ColumnKind::Resources => DataType::List(Arc::new(resource_element())),
        ColumnKind::Integer => DataType::Int32,
    }
}
