//! Keys as CloudTrail writes them, as tools bend them, and as nobody should write them.

use trailhouse_model::EventTime;
use trailhouse_source::{KeyFacts, KeyKind, classify_key};

fn facts(account: &str, region: &str, delivered_at: &str) -> KeyFacts {
    KeyFacts {
        organization: None,
        account: Some(account.to_owned()),
        region: Some(region.to_owned()),
        delivered_at: EventTime::parse_rfc3339(delivered_at).ok(),
    }
}

fn check(key: &str, expected: &KeyKind) {
    assert_eq!(&classify_key(key), expected, "{key}");
}

const NAME: &str = "123456789012_CloudTrail_us-east-1_20230710T1240Z_C1qUFaqvZS64BcIN.json.gz";

fn expected_log() -> KeyFacts {
    facts("123456789012", "us-east-1", "2023-07-10T12:40:00Z")
}

#[test]
fn a_trail_of_one_account() {
    let key = format!("AWSLogs/123456789012/CloudTrail/us-east-1/2023/07/10/{NAME}");
    check(&key, &KeyKind::Log(expected_log()));
    check(&format!("some/prefix/{key}"), &KeyKind::Log(expected_log()));
}

#[test]
fn a_trail_of_an_organisation() {
    let expected = KeyFacts { organization: Some("o-exampleorg1".to_owned()), ..expected_log() };
    let key = format!("AWSLogs/o-exampleorg1/123456789012/CloudTrail/us-east-1/2023/07/10/{NAME}");
    check(&key, &KeyKind::Log(expected.clone()));
    check(&format!("o-exampleorg1/{key}"), &KeyKind::Log(expected));
}

#[test]
fn a_prefix_that_contains_the_root_folder_itself() {
    let inner = format!("AWSLogs/123456789012/CloudTrail/us-east-1/2023/07/10/{NAME}");
    check(&format!("AWSLogs/{inner}"), &KeyKind::Log(expected_log()));
    check(&format!("AWSLogs/999999999999/backup/{inner}"), &KeyKind::Log(expected_log()));
}

#[test]
fn bare_names_and_local_paths() {
    check(NAME, &KeyKind::Log(expected_log()));
    check(&format!("/srv/logs/{NAME}"), &KeyKind::Log(expected_log()));
    check(&format!("./{}", NAME.trim_end_matches(".gz")), &KeyKind::Log(expected_log()));
}

#[test]
fn flattened_names_keep_their_facts() {
    let flat = format!("AWSLogs_123456789012_CloudTrail_us-east-1_2023_07_10_{NAME}");
    check(&flat, &KeyKind::Log(expected_log()));
}

#[test]
fn a_name_without_the_last_underscore() {
    let key = "123456789012_CloudTrail_us-east-1_20230710T1240ZC1qUFaqvZS64BcIN.json.gz";
    check(key, &KeyKind::Log(expected_log()));
}

#[test]
fn regions_of_every_partition_are_taken_as_they_stand() {
    for region in ["us-gov-west-1", "cn-north-1", "eusc-de-east-1", "mars-1"] {
        let key = format!("123456789012_CloudTrail_{region}_20230710T1240Z_x.json.gz");
        check(&key, &KeyKind::Log(facts("123456789012", region, "2023-07-10T12:40:00Z")));
    }
}

#[test]
fn the_other_kinds() {
    let key = |kind: &str| {
        format!(
            "AWSLogs/123456789012/{kind}/us-east-1/2023/07/10/\
             123456789012_{kind}_us-east-1_20230710T1240Z_x.json.gz"
        )
    };
    check(&key("CloudTrail-Insight"), &KeyKind::Insight(expected_log()));
    check(&key("CloudTrail-NetworkActivity"), &KeyKind::NetworkActivity(expected_log()));
    check(&key("CloudTrail-Aggregated"), &KeyKind::Aggregated(expected_log()));
    check(&key("CloudTrail-Tomorrow"), &KeyKind::Other);
}

#[test]
fn digests_carry_the_name_of_their_trail() {
    let expected = KeyKind::Digest(facts("123456789012", "us-east-1", "2023-07-10T12:40:17Z"));
    for trail in ["main", "my_trail_x", "odd_20200101T0000Z_one"] {
        let stem = format!("123456789012_CloudTrail-Digest_us-east-1_{trail}_eu-west-1");
        check(&format!("{stem}_20230710T124017Z.json.gz"), &expected);
        check(&format!("{stem}_20230710T124017Z_backfill.json.gz"), &expected);
    }
}

#[test]
fn results_of_lake_queries() {
    let folder = "AWSLogs/123456789012/CloudTrail-Lake/Query/2023/07/10/some-query-id";
    check(&format!("{folder}/result_1.csv.gz"), &KeyKind::LakeQueryResult);
    check(&format!("{folder}/result_sign.json"), &KeyKind::LakeQueryResult);
}

#[test]
fn a_renamed_file_keeps_what_its_folders_say() {
    let expected = KeyFacts { delivered_at: None, ..expected_log() };
    let key = "AWSLogs/123456789012/CloudTrail/us-east-1/2023/07/10/renamed.json.gz";
    check(key, &KeyKind::Log(expected));
}

#[test]
fn the_name_wins_over_the_folders() {
    let key = format!("AWSLogs/999999999999/CloudTrail-Digest/eu-west-1/2020/01/01/{NAME}");
    check(&key, &KeyKind::Log(expected_log()));
}

#[test]
fn a_time_that_is_none_is_left_out() {
    for time in
        ["20231310T1240Z", "20230710T2540Z", "2023071T1240Z", "20230710T12Z", "+0230710T1240Z"]
    {
        let key = format!("123456789012_CloudTrail_us-east-1_{time}_x.json.gz");
        let expected = KeyFacts { delivered_at: None, ..expected_log() };
        check(&key, &KeyKind::Log(expected));
    }
}

#[test]
fn what_is_not_cloudtrail_is_other() {
    for key in [
        "",
        "/",
        "readme.txt",
        "AWSLogs/123456789012/CloudTrail/us-east-1/",
        "AWSLogs/123456789012/elasticloadbalancing/us-east-1/2023/07/10/x.log.gz",
        "AWSLogs/12345/CloudTrail/us-east-1/2023/07/10/x.json.gz",
        "AWSLogs/o-exampleorg1",
        "CloudTrail_us-east-1_20230710T1240Z_x.json.gz",
    ] {
        check(key, &KeyKind::Other);
    }
}
