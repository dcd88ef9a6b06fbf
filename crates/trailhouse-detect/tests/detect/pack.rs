//! Packs, their cases, and what is beside a detection.

use serde_json::{Value, json};
use trailhouse_detect::{
    CaseFailure, DetectionErrorCode as Code, LintFinding, LintSeverity, Pack, Row, findings_from,
    judge, lint_pack, parse_cases,
};

use crate::sample::{CASES, KEY_BURST, TRAIL_STOPPED, detection};

const MANIFEST: &str = "id = \"aws-core\"\ntitle = \"Core\"\nversion = \"0.1.0\"\n\
                        licence = \"Apache-2.0\"\nattack_version = \"19\"\n";

fn files(extra: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let whole = [
        ("pack.toml", MANIFEST),
        ("README.md", "# Core"),
        ("logging/trail_stopped.sql", TRAIL_STOPPED),
        ("logging/trail_stopped.md", "Ask who did it."),
        ("logging/trail_stopped.tests.json", CASES),
    ];
    let files = whole.iter().chain(extra);
    files.map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn codes(findings: &[LintFinding]) -> Vec<(&str, &str)> {
    findings.iter().map(|finding| (finding.origin.as_str(), finding.code)).collect()
}

#[test]
fn a_whole_pack_has_nothing_to_complain_about() {
    let pack = Pack::from_files(files(&[])).unwrap();
    assert_eq!(lint_pack(&pack), []);
    assert_eq!(pack.manifest.id, "aws-core");
    let entry = pack.find("aws.cloudtrail.trail-stopped").unwrap();
    assert_eq!(
        (entry.theme.as_str(), entry.path.as_str()),
        ("logging", "logging/trail_stopped.sql")
    );
    assert_eq!(entry.runbook.as_deref(), Some("Ask who did it."));
    assert_eq!(entry.cases.as_ref().map(Vec::len), Some(2));
}

#[test]
fn mistakes_of_all_files_come_together_and_the_rest_can_be_judged() {
    let broken = files(&[
        ("a/one.sql", "-- ++ +\n-- id = \"x\"\nSELECT 1"),
        ("a/two.sql", "-- +++\n-- +++\nSELECT 1"),
        ("a/two.md", "text"),
        ("b/three.sql", KEY_BURST),
        ("b/three.tests.json", "[{\"name\": 1}]"),
        ("four.sql", KEY_BURST),
    ]);
    let errors = Pack::from_files(broken).unwrap_err();
    assert_eq!(errors.to_string(), "4 files of the pack cannot be read");
    let found: Vec<(&str, Code)> =
        errors.errors.iter().map(|error| (error.origin.as_str(), error.code)).collect();
    assert_eq!(found.len(), 8);
    assert_eq!(found[0], ("a/one.sql", Code::NoFrontMatter));
    assert_eq!(found[6], ("b/three.tests.json", Code::Syntax));
    assert_eq!(found[7], ("four.sql", Code::BadPack));
    let readable = errors.readable.unwrap();
    assert_eq!(readable.entries.len(), 1);
    assert_eq!(lint_pack(&readable), []);
    let lint = LintFinding::from(&errors.errors[0]);
    assert_eq!((lint.code, lint.severity), ("E-DET-002", LintSeverity::Error));
}

#[test]
fn sql_without_front_matter_is_a_query_by_its_path() {
    let pack = Pack::from_files(files(&[
        ("keys.sql", "\n-- who made keys\nSELECT 1;\n"),
        ("hunts/more.sql", "SELECT 2"),
    ]))
    .unwrap();
    let found: Vec<(&str, &str)> =
        pack.queries.iter().map(|query| (query.path.as_str(), query.sql.as_str())).collect();
    let expected = [("hunts/more.sql", "SELECT 2"), ("keys.sql", "-- who made keys\nSELECT 1")];
    assert_eq!((found.as_slice(), pack.entries.len()), (&expected[..], 1));
    assert_eq!(lint_pack(&pack), []);
}

#[test]
fn what_means_to_be_a_detection_is_no_query() {
    for (sql, beside) in [
        ("-- schema = 1\nSELECT 1", "x/two.sql"),
        ("--+++\nSELECT 1", "x/two.sql"),
        ("SELECT 1", "x/one.md"),
        ("SELECT 1", "x/one.tests.json"),
        (" ; ", "x/two.sql"),
    ] {
        let errors = Pack::from_files(files(&[("x/one.sql", sql), (beside, "SELECT 2")]));
        let errors = errors.unwrap_err().errors;
        assert!(errors.iter().any(|error| error.origin == "x/one.sql"), "{sql} {beside}");
    }
}

#[test]
fn a_pack_needs_its_manifest_and_text() {
    let mut without = files(&[]);
    without.remove(0);
    without.push(("logging/binary.sql".to_owned(), vec![0xff, 0xfe]));
    let errors = Pack::from_files(without).unwrap_err();
    let found: Vec<Code> = errors.errors.iter().map(|error| error.code).collect();
    assert_eq!(found, [Code::NotText, Code::BadPack]);
    assert!(errors.readable.is_none());
}

#[test]
fn what_is_missing_twice_or_astray_is_named() {
    let pack = Pack::from_files(files(&[
        ("a/copy.sql", TRAIL_STOPPED),
        ("a/copy.md", "  \n"),
        ("a/copy.tests.json", "[]"),
        ("iam/key_burst.sql", KEY_BURST),
        ("iam/gone.md", "text"),
        ("iam/gone.tests.json", "[]"),
        ("iam/notes.txt", "text"),
    ]))
    .unwrap();
    let findings = lint_pack(&pack);
    let expected = [
        ("a/copy.md", "runbook"),
        ("a/copy.tests.json", "case-fires"),
        ("a/copy.tests.json", "case-quiet"),
        ("iam/gone.md", "orphan"),
        ("iam/gone.tests.json", "orphan"),
        ("iam/key_burst.sql", "case-fires"),
        ("iam/key_burst.sql", "case-quiet"),
        ("iam/key_burst.sql", "runbook"),
        ("iam/key_burst.sql", "counts-by-arrival"),
        ("iam/notes.txt", "stranger"),
        ("logging/trail_stopped.sql", "duplicate-id"),
    ];
    assert_eq!(codes(&findings), expected);
}

#[test]
fn cases_are_checked_for_names_and_events() {
    let twice = CASES
        .replace("the call was denied", "a trail is stopped")
        .replace("\"history\": [{\"eventName\": \"StartLogging\"}],", "\"history\": [],");
    let empty = twice.replace(
        "[{\"eventName\": \"StopLogging\", \"errorCode\": \"AccessDenied\", \"readOnly\": null}]",
        "[]",
    );
    let mut changed = files(&[]);
    changed.pop();
    changed.push(("logging/trail_stopped.tests.json".to_owned(), empty.into_bytes()));
    let findings = lint_pack(&Pack::from_files(changed).unwrap());
    let path = "logging/trail_stopped.tests.json";
    assert_eq!(codes(&findings), [(path, "case-events"), (path, "case-name")]);
}

fn records(document: &[u8]) -> Vec<Value> {
    let document: Value = serde_json::from_slice(document).unwrap();
    document["Records"].as_array().unwrap().clone()
}

#[test]
fn a_case_is_filled_in_and_keeps_what_it_says() {
    let cases = parse_cases("x.tests.json", CASES).unwrap();
    let text = String::from_utf8(cases[0].events_document()).unwrap();
    assert!(text.starts_with("{\"Records\":[{\"eventName\":\"StopLogging\""), "{text}");
    assert!(text.contains("\"n\":12345678901234567890.10"), "{text}");
    let stop = &records(&cases[0].events_document())[0];
    assert_eq!(stop["eventTime"], "2026-01-01T00:00:00Z");
    assert_eq!(stop["recipientAccountId"], "111122223333");
    assert_eq!(stop["readOnly"], false);
    assert_eq!(stop["eventID"].as_str().map(str::len), Some(36));
    let denied = &records(&cases[1].events_document())[0];
    assert_eq!(denied.get("readOnly"), None);
    let started = &records(&cases[1].history_document())[0];
    assert_eq!(started["eventTime"], "2025-12-31T00:00:00Z");
    let ids = [&stop["eventID"], &stop["requestID"], &denied["eventID"], &started["eventID"]];
    for (index, id) in ids.iter().enumerate() {
        assert!(!ids[..index].contains(id), "{id} is taken twice");
    }
    assert_eq!(parse_cases("y.tests.json", CASES).unwrap(), cases);
    assert_eq!((cases[0].line, cases[1].line), (3, 9));
}

fn check_bad_cases(text: &str, line: u32, column: u32, message: &str) {
    let errors = parse_cases("x.tests.json", text).unwrap_err();
    let first = errors.first;
    assert_eq!((first.line, first.column, first.message.as_str()), (line, column, message));
}

#[test]
fn bad_cases_are_named_with_their_place() {
    check_bad_cases("[", 1, 1, "EOF while parsing a list");
    check_bad_cases("{}", 1, 1, "invalid type: map, expected a sequence");
    check_bad_cases(
        "[{\"name\": \"a\",\n  \"fire\": true}]",
        2,
        8,
        "unknown field `fire`, expected one of `name`, `fires`, `events`, `history`, `tables`, `expect`, `also`, `note`",
    );
    check_bad_cases(
        "[{\"name\": \"a\", \"fires\": false, \"events\": [], \"also\": [\"b\"]}]",
        1,
        11,
        "`a` must not fire but lists others under `also`",
    );
    check_bad_cases("[{\"name\": \"a\", \"fires\": true}]", 1, 29, "missing field `events`");
    check_bad_cases(
        "[{\"name\": \"a\", \"fires\": true, \"events\": [1]}]",
        1,
        42,
        "invalid type: integer `1`, expected a map",
    );
    check_bad_cases(
        "[\n{\"name\": \"a\", \"fires\": false, \"events\": [], \"expect\": {}}]",
        2,
        10,
        "`a` must not fire but expects findings",
    );
    check_bad_cases(
        "[{\"name\": \"a\", \"fires\": true, \"events\": [], \"expect\": {\"severity\": \"bad\"}}]",
        1,
        11,
        "`bad` is not a severity; use info, low, medium, high or critical",
    );
    check_bad_cases(
        "[{\"name\": \"a\", \"fires\": true, \"events\": [], \"tables\": {\"honeytokens\": [{\"kind\": \"user\"}]}}]",
        1,
        11,
        "tables.honeytokens:1: the column `value` is missing",
    );
    check_bad_cases(
        "[{\"name\": \"a\", \"fires\": true, \"events\": [], \"tables\": {\"findings\": []}}]",
        1,
        11,
        "tables.findings: `findings` is no table of a site: use accounts, assets, honeytokens, \
         lookup.<name> or intel.<name>",
    );
}

fn row(trail: &str) -> Row {
    Row::from([
        ("event_id".to_owned(), json!(format!("e-{trail}"))),
        ("event_time".to_owned(), json!("2026-01-01T00:00:00Z")),
        ("recipient_account_id".to_owned(), json!("111122223333")),
        ("user_identity_arn".to_owned(), json!("arn:aws:iam::111122223333:user/eve")),
        ("trail".to_owned(), json!(trail)),
    ])
}

#[test]
fn a_case_is_judged_by_the_nearest_finding() {
    let detection = detection(TRAIL_STOPPED);
    let cases = parse_cases("x.tests.json", CASES).unwrap();
    let one = findings_from(&detection, &[row("main")]).unwrap();
    assert_eq!(judge(&cases[0], &one), []);
    assert_eq!(judge(&cases[0], &[]), [CaseFailure::DidNotFire]);
    assert_eq!(judge(&cases[1], &[]), []);
    let fired = judge(&cases[1], &one);
    assert_eq!(
        fired[0].to_string(),
        "fires is false but this was found: arn:aws:iam::111122223333:user/eve stopped main"
    );
    let two = findings_from(&detection, &[row("main"), row("other")]).unwrap();
    let shown: Vec<String> = judge(&cases[0], &two).iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["findings: expected 1, got 2"]);
    let other = findings_from(&detection, &[row("other")]).unwrap();
    let shown: Vec<String> = judge(&cases[0], &other).iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["trail: expected \"main\", got \"other\""]);
}
