//! Where records are written down, in the order in which scenes play them.

use crate::{
    caller::{Caller, Channel},
    json::Object,
    organization::SampleAccount,
    random::Random,
    sample::{Label, Theme},
    service::{S3, SIGNIN, STS, Service},
    when::iso,
};

/// Whether a call changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Management,
    Data,
}

/// Why a call failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Absent for sign-ins, which say it in the response.
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
}

/// One call, apart from who makes it and where. Texts of members are JSON.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) name: &'static str,
    pub(crate) effect: Effect,
    pub(crate) category: Category,
    pub(crate) parameters: Option<String>,
    pub(crate) response: Option<String>,
    pub(crate) resources: Option<String>,
    pub(crate) additional: Option<String>,
    pub(crate) failure: Option<Failure>,
    pub(crate) shared_event_id: Option<String>,
}

impl Call {
    pub(crate) fn read(service: Service, name: &'static str) -> Self {
        Self {
            service,
            name,
            effect: Effect::Read,
            category: Category::Management,
            parameters: None,
            response: None,
            resources: None,
            additional: None,
            failure: None,
            shared_event_id: None,
        }
    }

    pub(crate) fn write(service: Service, name: &'static str) -> Self {
        Self { effect: Effect::Write, ..Self::read(service, name) }
    }

    pub(crate) fn parameters(self, json: impl Into<String>) -> Self {
        Self { parameters: Some(json.into()), ..self }
    }

    pub(crate) fn response(self, json: impl Into<String>) -> Self {
        Self { response: Some(json.into()), ..self }
    }

    pub(crate) fn resources(self, json: impl Into<String>) -> Self {
        Self { resources: Some(json.into()), ..self }
    }

    pub(crate) fn failed(self, code: &'static str, message: String) -> Self {
        Self { failure: Some(Failure { code: Some(code), message }), response: None, ..self }
    }
}

/// Where and when a call lands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) at: i64,
    pub(crate) account: SampleAccount,
    pub(crate) region: &'static str,
}

/// One written record.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) place: Place,
    pub(crate) json: String,
}

/// All records so far, and the generator that names them.
pub(crate) struct Tape {
    pub(crate) random: Random,
    pub(crate) records: Vec<Written>,
    pub(crate) labels: Vec<Label>,
}

impl Tape {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), records: Vec::new(), labels: Vec::new() }
    }

    /// Writes the record of a call and returns its event id.
    pub(crate) fn record(&mut self, place: Place, caller: &Caller, call: &Call) -> String {
        let place = Place { region: call.service.region(place.region), ..place };
        let event_id = self.random.uuid();
        let json = self.write(place, caller, call, &event_id);
        self.records.push(Written { place, json });
        event_id
    }

    /// Marks a record as a step of the attack.
    pub(crate) fn label(&mut self, event_id: String, step: &'static str, theme: Theme) {
        self.labels.push(Label { event_id, step, theme });
    }

    fn write(&mut self, place: Place, caller: &Caller, call: &Call, event_id: &str) -> String {
        let failure = call.failure.as_ref();
        let additional = call.additional.clone().or_else(|| self.s3_details(call, caller));
        let request_id = if call.service == S3 {
            Some(self.random.upper(16))
        } else {
            (call.service != SIGNIN).then(|| self.random.uuid())
        };
        let record = Object::with_capacity(1600)
            .text("eventVersion", call.service.version)
            .raw("userIdentity", &caller.identity)
            .text("eventTime", &iso(place.at))
            .text("eventSource", &call.service.source())
            .text("eventName", call.name)
            .text("awsRegion", place.region)
            .text("sourceIPAddress", &caller.source_ip)
            .text("userAgent", &user_agent(call.service, caller))
            .text_if("errorCode", failure.and_then(|failure| failure.code))
            .text_if("errorMessage", failure.map(|failure| failure.message.as_str()))
            .raw("requestParameters", call.parameters.as_deref().unwrap_or("null"))
            .raw("responseElements", call.response.as_deref().unwrap_or("null"))
            .raw_if("additionalEventData", additional.as_deref())
            .text_if("requestID", request_id.as_deref())
            .text("eventID", event_id)
            .raw("readOnly", read_only(call.effect))
            .raw_if("resources", call.resources.as_deref())
            .text("eventType", event_type(call.service))
            .raw("managementEvent", management(call.category))
            .text("recipientAccountId", place.account.id)
            .text_if("sharedEventID", call.shared_event_id.as_deref())
            .text("eventCategory", category(call.category));
        with_connection(record, place, caller, call).end()
    }

    fn s3_details(&mut self, call: &Call, caller: &Caller) -> Option<String> {
        if call.service != S3 || caller.channel == Channel::Service {
            return None;
        }
        let bytes_out = self.random.between(300, 60_000).to_string();
        let id = self.random.mixed(56);
        let details = Object::new()
            .text("SignatureVersion", "SigV4")
            .text("CipherSuite", "TLS_AES_128_GCM_SHA256")
            .raw("bytesTransferredIn", "0")
            .text("AuthenticationMethod", "AuthHeader")
            .text("x-amz-id-2", &id)
            .raw("bytesTransferredOut", &bytes_out);
        Some(details.end())
    }
}

fn with_connection(record: Object, place: Place, caller: &Caller, call: &Call) -> Object {
    if caller.channel == Channel::Service {
        return record;
    }
    let host = call.service.host(place.region);
    let connection = Object::with_capacity(160)
        .text("tlsVersion", "TLSv1.3")
        .text("cipherSuite", "TLS_AES_128_GCM_SHA256")
        .text("clientProvidedHostHeader", &host)
        .text_if("keyExchange", (call.service == STS).then_some("x25519"));
    let record = record.raw("tlsDetails", &connection.end());
    match caller.channel {
        Channel::Console => record.text("sessionCredentialFromConsole", "true"),
        Channel::Client | Channel::Service => record,
    }
}

/// S3 writes the program in square brackets, everyone else as it came.
fn user_agent(service: Service, caller: &Caller) -> String {
    if service == S3 && caller.channel != Channel::Service {
        format!("[{}]", caller.user_agent)
    } else {
        caller.user_agent.clone()
    }
}

fn event_type(service: Service) -> &'static str {
    if service == SIGNIN { "AwsConsoleSignIn" } else { "AwsApiCall" }
}

fn read_only(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "true",
        Effect::Write => "false",
    }
}

fn management(category: Category) -> &'static str {
    match category {
        Category::Management => "true",
        Category::Data => "false",
    }
}

fn category(category: Category) -> &'static str {
    match category {
        Category::Management => "Management",
        Category::Data => "Data",
    }
}
