//! The odd shapes of real records, column by column.

use arrow_array::{Array, cast::AsArray};
use serde_json::{Value, json};
use trailhouse_model::{ContentHash, EventTime};

use super::{context, decode, gzip};
use crate::{DecodeContext, DecodeLimits, DecodedObject, Decoder, rebuild::rebuild};

fn one(record: &str) -> DecodedObject {
    decode(format!("{{\"Records\":[{{\"eventID\":\"a\",{record}}}]}}")).unwrap()
}

fn text_cell(object: &DecodedObject, column: &str) -> Option<String> {
    let array = object.events.column_by_name(column).unwrap();
    if array.is_null(0) {
        return None;
    }
    let boolean = array.as_boolean_opt().map(|array| array.value(0).to_string());
    boolean.or_else(|| Some(array.as_string::<i32>().value(0).to_owned()))
}

/// Decodes a record with these members and looks at one cell and at `_extra`.
fn check(record: &str, column: &str, cell: Option<&str>, extra: Option<&str>) {
    let object = one(&format!("\"eventTime\":\"2024-05-06T07:00:00Z\",{record}"));
    assert_eq!(text_cell(&object, column).as_deref(), cell, "{record}");
    assert_eq!(text_cell(&object, "_extra").as_deref(), extra, "{record}");
}

#[test]
fn scalars_of_another_type() {
    check(r#""readOnly":true"#, "read_only", Some("true"), None);
    check(r#""readOnly":"false""#, "read_only", Some("false"), Some(r#"{"readOnly":"false"}"#));
    check(r#""readOnly":"maybe""#, "read_only", None, Some(r#"{"readOnly":"maybe"}"#));
    check(r#""eventVersion":"latest""#, "event_version", Some("latest"), None);
    check(
        r#""eventVersion":1.08"#,
        "event_version",
        Some("1.08"),
        Some(r#"{"eventVersion":1.08}"#),
    );
    check(r#""apiVersion":null"#, "api_version", None, None);
    check(r#""userAgent":{"a":[]}"#, "user_agent", None, Some(r#"{"userAgent":{"a":[]}}"#));
}

#[test]
fn json_columns_keep_any_value() {
    for value in [
        r#"{"z":1,"a":{"z":[],"b":{}}}"#,
        r#"{"a":1,"a":2}"#,
        "\"DescribeInstances\"",
        "[]",
        "{}",
        "false",
        "18446744073709551615",
        "-9223372036854775808",
        "184467440737095516150",
        "[1e400,1,-99999999999999999999]",
        "1e300",
        "0.1",
        r#""\u0000\n\"\\\u001f/é""#,
    ] {
        let object = one(&format!("\"requestParameters\":{value}"));
        assert_eq!(text_cell(&object, "request_parameters").as_deref(), Some(value));
    }
    check(r#""requestParameters":null"#, "request_parameters", None, None);
    check(r#""requestParameters":"a\/\u00e9""#, "request_parameters", Some("\"a/é\""), None);
}

#[test]
fn identity_structs_may_be_empty_or_no_structs() {
    check(r#""userIdentity":{}"#, "user_identity_type", None, None);
    check(r#""userIdentity":null"#, "user_identity_type", None, None);
    check(
        r#""userIdentity":{"arn":"x","sessionContext":{}}"#,
        "user_identity_arn",
        Some("x"),
        None,
    );
    check(
        r#""userIdentity":{"sessionContext":{"sessionIssuer":{},"attributes":{"x":1}}}"#,
        "session_issuer_arn",
        None,
        Some(r#"{"userIdentity":{"sessionContext":{"attributes":{"x":1}}}}"#),
    );
    check(
        r#""userIdentity":"root""#,
        "user_identity_type",
        None,
        Some(r#"{"userIdentity":"root"}"#),
    );
    check(
        r#""userIdentity":{"accountId":123456789012}"#,
        "user_identity_account_id",
        Some("123456789012"),
        Some(r#"{"userIdentity":{"accountId":123456789012}}"#),
    );
}

#[test]
fn console_credentials_are_read_in_both_places() {
    let column = "session_credential_from_console";
    let nested = r#""userIdentity":{"sessionContext":{"attributes":{"sessionCredentialFromConsole":"true"}}}"#;
    check(nested, column, Some("true"), None);
    check(
        r#""sessionCredentialFromConsole":"true""#,
        column,
        Some("true"),
        Some(concat!(
            r#"{"sessionCredentialFromConsole":"true","#,
            r#""userIdentity":{"sessionContext":{"attributes":{"sessionCredentialFromConsole":null}}}}"#
        )),
    );
    check(
        &format!("\"sessionCredentialFromConsole\":\"false\",{nested}"),
        column,
        Some("true"),
        Some(r#"{"sessionCredentialFromConsole":"false"}"#),
    );
}

#[test]
fn the_last_of_repeated_members_counts() {
    check(r#""eventName":5,"eventName":"x""#, "event_name", Some("x"), None);
    check(r#""eventName":"x","eventName":null"#, "event_name", None, None);
    check(r#""x":1,"x":2"#, "event_name", None, Some(r#"{"x":2}"#));
    check(
        r#""userIdentity":{"type":"Root","y":1},"userIdentity":{"arn":"b"}"#,
        "user_identity_type",
        None,
        None,
    );
}

#[test]
fn resources_in_all_spellings() {
    let check = |resources: &str, arns: Value, is_exact: bool| {
        let object =
            one(&format!("\"eventTime\":\"2024-05-06T07:00:00Z\",\"resources\":{resources}"));
        let list = object.events.column_by_name("resources").unwrap().as_list::<i32>();
        let items = list.value(0);
        let column = items.as_struct().column_by_name("arn").unwrap().as_string::<i32>();
        let found: Vec<Option<&str>> = column.iter().collect();
        assert_eq!(json!(found), arns, "{resources}");
        assert_eq!(text_cell(&object, "_extra").is_none(), is_exact, "{resources}");
        let rebuilt = rebuild(&object.events, 0);
        assert_eq!(rebuilt["resources"], serde_json::from_str::<Value>(resources).unwrap());
    };
    check(r#"[{"ARN":"a","accountId":"1","type":"t"},{"ARN":"b"}]"#, json!(["a", "b"]), true);
    check(r#"[{"ARNPrefix":"p"}]"#, json!([null]), true);
    check("[]", json!([]), true);
    check("[{}]", json!([null]), true);
    check(r#"[{"arn":"a"}]"#, json!(["a"]), false);
    check(r#"[{"ARN":"a","arn":"b"}]"#, json!(["a"]), false);
    check(r#"{"ARN":"a"}"#, json!(["a"]), false);
    check(r#"["a",{"ARN":"b","x":1}]"#, json!([null, "b"]), false);
}

#[test]
fn times_and_their_partitions() {
    let check = |time: &str, seconds: Option<i64>, has_date: bool, has_extra: bool| {
        let object = one(time.trim_end_matches(','));
        let times = object.events.column_by_name("event_time").unwrap();
        let times = times.as_primitive::<arrow_array::types::TimestampMicrosecondType>();
        let found = times.is_valid(0).then(|| times.value(0) / 1_000_000);
        assert_eq!(found, seconds, "{time}");
        assert_eq!(
            object.events.column_by_name("event_date").unwrap().is_valid(0),
            has_date,
            "{time}"
        );
        assert_eq!(text_cell(&object, "_extra").is_some(), has_extra, "{time}");
        let found = object.stats.first_event_time.map(|time| time.micros() / 1_000_000);
        assert_eq!(found, seconds);
    };
    let seconds = |text: &str| Some(EventTime::parse_rfc3339(text).unwrap().micros() / 1_000_000);
    check(r#""eventTime":"2024-05-06T07:00:01Z""#, seconds("2024-05-06T07:00:01Z"), true, false);
    check(r#""eventTime":"2024-05-06T07:00:01.5Z""#, seconds("2024-05-06T07:00:01Z"), true, true);
    check(r#""eventTime":"2024-05-06t07:00:01z""#, seconds("2024-05-06T07:00:01Z"), true, true);
    check(r#""eventTime":"9999-05-06T07:00:01Z""#, seconds("9999-05-06T07:00:01Z"), false, false);
    check(r#""eventTime":"2001-05-06T07:00:01Z""#, seconds("2001-05-06T07:00:01Z"), false, false);
    let delivered = seconds("2024-05-06T07:05:00Z");
    check(r#""awsRegion":"x""#, delivered, true, true);
    check(r#""eventTime":"yesterday""#, delivered, true, true);
    check(r#""eventTime":1715000000"#, delivered, true, true);
    let unknown = DecodeContext { delivered_at: None, ..context() };
    let object =
        Decoder::new(DecodeLimits::default()).decode(&unknown, b"{\"eventID\":\"a\"}").unwrap();
    assert_eq!(object.stats.first_event_time, None);
    assert_eq!(text_cell(&object, "_extra"), None);
}

#[test]
fn statistics_and_provenance() {
    let text = concat!(
        r#"{"Records":[{"eventID":"a","recipientAccountId":"2","awsRegion":"r2"},"#,
        r#"5,{"eventID":"b","userIdentity":{"accountId":"1"},"awsRegion":"r1"}]}"#
    );
    let object = decode(gzip(text.as_bytes())).unwrap();
    assert_eq!(object.stats.records_seen, 3);
    assert_eq!(object.stats.inflated_bytes, u64::try_from(text.len()).unwrap());
    assert_eq!(object.stats.inflated_sha256, ContentHash::of(text.as_bytes()));
    assert_eq!(Vec::from_iter(object.stats.accounts), ["1", "2"]);
    assert_eq!(Vec::from_iter(object.stats.regions), ["r1", "r2"]);
    let rows = object.events.column_by_name("source_row").unwrap();
    let rows = rows.as_primitive::<arrow_array::types::Int32Type>();
    assert_eq!(rows.values().to_vec(), [0, 2]);
    let id = object.events.column_by_name("source_object_id").unwrap();
    assert_eq!(id.as_string::<i32>().value(1), "07".repeat(16));
}

#[test]
fn a_decoder_carries_nothing_over() {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let first = br#"{"Records":[{"eventID":"a","userAgent":"x","resources":[{"ARN":"r"}],"z":1}]}"#;
    let second = b"[{\"eventID\":\"b\"},{\"eventID\":\"c\"}]";
    assert!(decoder.decode(&context(), first).is_ok());
    assert!(decoder.decode(&context(), b"{\"Records\":[{\"eventID\":\"a\"}, {").is_err());
    let again = decoder.decode(&context(), second).unwrap();
    let fresh = decode(second).unwrap();
    assert_eq!(again.events, fresh.events);
    assert_eq!(again.stats, fresh.stats);
}
