//! Every record can be rebuilt from its row, whatever it holds.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use serde_json::Value;

use super::{context, decode, gzip};
use crate::{
    ContentKind, DecodeLimits, Decoder,
    rebuild::{normal, rebuild},
};

/// JSON as it is written: repeated members and numbers of any size.
#[derive(Debug, Clone)]
enum Json {
    Word(&'static str),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn write(&self, out: &mut String) {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Number(number) => out.push_str(number),
            Self::Text(text) => write!(out, "{}", Value::from(text.as_str())).unwrap(),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { " , " });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (name, member)) in members.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    write!(out, "{}: ", Value::from(name.as_str())).unwrap();
                    member.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn number() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        prop::num::f64::NORMAL.prop_map(|number| format!("{number:?}")),
        "-?(0|[1-9][0-9]{0,40})",
        "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,25}([eE][+-]?[0-9]{1,4})?",
        Just("1e400".to_owned()),
        Just("-0".to_owned()),
        Just("-0.0".to_owned()),
    ];
    text.prop_map(Json::Number)
}

fn text() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        4 => "[a-zA-Z0-9:/.-]{0,20}",
        1 => any::<String>(),
        1 => Just("true".to_owned()),
        1 => Just("False".to_owned()),
        1 => Just("2024-05-06T07:08:09Z".to_owned()),
        1 => Just("2024-05-06T07:08:09.25Z".to_owned()),
        1 => Just("2024-05-06 07:08:09+01:00".to_owned()),
        1 => Just("{\"\u{0}\u{1f}\\".to_owned()),
    ];
    text.prop_map(Json::Text)
}

fn anything() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        1 => prop_oneof![Just("null"), Just("true"), Just("false")].prop_map(Json::Word),
        1 => number(),
        2 => text(),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((name(&[]), inner), 0..4).prop_map(Json::Object),
        ]
    })
}

fn name(known: &'static [&'static str]) -> BoxedStrategy<String> {
    let odd = prop_oneof!["[a-c]", any::<String>(), Just("type".to_owned())];
    if known.is_empty() {
        return odd.boxed();
    }
    prop_oneof![9 => prop::sample::select(known).prop_map(str::to_owned), 1 => odd].boxed()
}

/// An object with members of these names, mostly text, or now and then anything at all.
fn object(
    known: &'static [&'static str],
    value: impl Strategy<Value = Json> + 'static,
) -> BoxedStrategy<Json> {
    let members = prop::collection::vec((name(known), value), 0..8).prop_map(Json::Object);
    prop_oneof![8 => members, 1 => anything()].boxed()
}

fn leaf() -> BoxedStrategy<Json> {
    prop_oneof![4 => text(), 1 => anything()].boxed()
}

fn session() -> BoxedStrategy<Json> {
    let issuer = object(&["type", "principalId", "arn", "accountId", "userName"], leaf());
    let attributes =
        object(&["creationDate", "mfaAuthenticated", "sessionCredentialFromConsole"], leaf());
    let web = object(&["federatedProvider", "attributes"], leaf());
    let value = prop_oneof![issuer, attributes, web, leaf()];
    object(
        &[
            "sessionIssuer",
            "attributes",
            "attributes",
            "webIdFederationData",
            "sourceIdentity",
            "ec2RoleDelivery",
            "assumedRoot",
            "signInSessionArn",
        ],
        value,
    )
}

fn identity() -> BoxedStrategy<Json> {
    let small = object(
        &[
            "accountId",
            "userId",
            "identityStoreArn",
            "sourceArn",
            "sourceAccount",
            "issuerType",
            "credentialsIssuedTo",
        ],
        leaf(),
    );
    object(
        &[
            "type",
            "principalId",
            "arn",
            "accountId",
            "accessKeyId",
            "userName",
            "invokedBy",
            "credentialId",
            "identityProvider",
            "sessionContext",
            "sessionContext",
            "sessionContext",
            "invokedByDelegate",
            "onBehalfOf",
            "inScopeOf",
        ],
        prop_oneof![session(), small, leaf()],
    )
}

const TOP: &[&str] = &[
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "recipientAccountId",
    "userAgent",
    "errorCode",
    "readOnly",
    "managementEvent",
    "eventType",
    "eventID",
    "eventVersion",
    "apiVersion",
    "userIdentity",
    "userIdentity",
    "userIdentity",
    "sessionCredentialFromConsole",
    "sessionCredentialFromConsole",
    "requestParameters",
    "responseElements",
    "insightDetails",
    "eventContext",
    "resources",
    "resources",
    "tlsDetails",
    "addendum",
];

fn record() -> BoxedStrategy<Json> {
    let resource = object(&["ARN", "arn", "ARNPrefix", "accountId", "type"], leaf());
    let resources = prop::collection::vec(resource, 0..3).prop_map(Json::Array);
    let tls = object(&["tlsVersion", "cipherSuite", "clientProvidedHostHeader"], leaf());
    let addendum = object(&["reason", "updatedFields", "originalRequestID"], leaf());
    let value = prop_oneof![3 => identity(), 1 => resources, 1 => tls, 1 => addendum, 3 => leaf()];
    prop::collection::vec((name(TOP), value), 0..20).prop_map(Json::Object).boxed()
}

fn texts(records: &[Json]) -> Vec<String> {
    let write = |record: &Json| {
        let mut text = String::new();
        record.write(&mut text);
        text
    };
    records.iter().map(write).collect()
}

fn check_row(object: &crate::DecodedObject, row: usize, record: &str) {
    let read: Value = serde_json::from_str(record).unwrap();
    assert_eq!(normal(&rebuild(&object.events, row)), normal(&read), "{record}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_rebuild_their_records(records in prop::collection::vec(record(), 1..4)) {
        let mut texts = texts(&records);
        texts.push(r#"{"eventID":"anchor"}"#.to_owned());
        let object = decode(gzip(format!("{{\"Records\":[{}]}}", texts.join(",")).as_bytes())).unwrap();
        prop_assert_eq!(object.kind, ContentKind::Events);
        prop_assert_eq!(object.events.num_rows(), texts.len());
        for (row, text) in texts.iter().enumerate() {
            check_row(&object, row, text);
        }
    }

    #[test]
    fn a_bad_record_leaves_its_neighbours(
        records in prop::collection::vec(record(), 1..5),
        bad in prop_oneof![Just("{\"a\":tru}"), Just("[]"), Just("{\"a\":\"\\ud800\"}"), Just("7")],
        at in 0_usize..5,
    ) {
        let mut texts = texts(&records);
        texts.push(r#"{"eventID":"anchor"}"#.to_owned());
        let at = at.min(texts.len());
        let mut with_bad = texts.clone();
        with_bad.insert(at, bad.to_owned());
        let object = decode(format!("{{\"Records\":[{}]}}", with_bad.join(","))).unwrap();
        prop_assert_eq!(object.rejects.len(), 1);
        prop_assert_eq!(object.rejects[0].record_index, u32::try_from(at).unwrap());
        for (row, text) in texts.iter().enumerate() {
            check_row(&object, row, text);
        }
    }

    #[test]
    fn nothing_panics_on_damaged_text(
        records in prop::collection::vec(record(), 1..3),
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut text = format!("{{\"Records\":[{}]}}", texts(&records).join(",")).into_bytes();
        let position = position.index(text.len());
        text[position] = byte;
        // Any outcome will do; the invariants are checked on the way.
        drop(decode(&text));
        drop(decode(&text[..position]));
    }
}

/// The folder of real objects: named by the environment, or beside the checkout.
fn corpora() -> PathBuf {
    std::env::var_os("TRAILHOUSE_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    )
}

fn objects_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            objects_below(&path, found);
        } else if path.to_string_lossy().ends_with(".json.gz") {
            found.push(path);
        }
    }
}

#[test]
fn real_records_are_rebuilt() {
    let folder = corpora();
    if !folder.is_dir() {
        eprintln!("SKIPPED: no corpora at {}", folder.display());
        return;
    }
    let mut paths = Vec::new();
    objects_below(&folder, &mut paths);
    assert!(!paths.is_empty(), "no objects in {}", folder.display());
    let mut decoder = Decoder::new(DecodeLimits::default());
    let mut rows = 0;
    for path in paths {
        let compressed = std::fs::read(&path).unwrap();
        let object = decoder.decode(&context(), &compressed).unwrap();
        assert_eq!(object.kind, ContentKind::Events, "{}", path.display());
        assert!(object.rejects.is_empty(), "{}", path.display());
        let mut text = String::new();
        let mut inflater = flate2::read::MultiGzDecoder::new(compressed.as_slice());
        std::io::Read::read_to_string(&mut inflater, &mut text).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let records = document["Records"].as_array().unwrap();
        assert_eq!(records.len(), object.events.num_rows());
        for (row, record) in records.iter().enumerate() {
            let rebuilt = normal(&rebuild(&object.events, row));
            assert_eq!(rebuilt, normal(record), "{} {row}", path.display());
        }
        rows += records.len();
    }
    assert!(rows > 0, "no records in {}", folder.display());
}
