//! What a detection file says, and what is wrong with a broken one.

use std::time::Duration;

use proptest::prelude::*;
use trailhouse_detect::{
    Confidence, DetectionErrorCode as Code, JudgeWhen, Mode, ParamValue, Status, WindowOn,
    parse_detection, parse_manifest, read_detection,
};
use trailhouse_model::Severity;

use crate::sample::{KEY_BURST, TRAIL_STOPPED, detection};

#[test]
fn every_key_is_read() {
    let it = detection(TRAIL_STOPPED);
    assert_eq!(it.id.as_str(), "aws.cloudtrail.trail-stopped");
    assert_eq!(it.title, "CloudTrail logging was stopped");
    assert_eq!(it.description, "A trail no longer records.\nWhat follows is not seen.");
    assert_eq!((it.severity, it.confidence), (Severity::High, Confidence::High));
    assert_eq!((it.status, it.mode), (Status::Stable, Mode::Staging));
    assert_eq!(it.owner.as_deref(), Some("detections@example.com"));
    assert_eq!(it.created.map(|day| day.to_string()).as_deref(), Some("2026-11-21"));
    assert_eq!(it.modified.map(|day| day.day), Some(22));
    assert_eq!(it.tags, ["cloudtrail", "cis:4.5"]);
    let techniques: Vec<String> = it.techniques.iter().map(ToString::to_string).collect();
    assert_eq!(techniques, ["TA0005:T1685.002", "T1685"]);
    assert_eq!(it.references.len(), 1);
    assert_eq!(it.false_positives, ["an announced change"]);
    assert_eq!(it.needs, ["management"]);
    assert_eq!(it.window.on, WindowOn::Event);
    assert_eq!(it.window.every, Some(Duration::from_secs(300)));
    assert_eq!(it.window.span, Some(Duration::from_secs(3600)));
    assert_eq!((it.window.judge, it.window.cron), (JudgeWhen::Closed, None));
    assert_eq!(it.window.lookback, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(it.window.lateness, Some(Duration::from_secs(7200)));
    assert_eq!(it.params["min_events"].default, ParamValue::Integer(1));
    assert_eq!(it.params["min_events"].doc, "how many calls it takes");
    assert_eq!(it.alert.key.as_deref(), Some(&["recipient_account_id".into(), "trail".into()][..]));
    assert_eq!(it.alert.dedupe, Duration::from_secs(12 * 3600));
    let realert = it.alert.realert_when.map(|condition| condition.to_string());
    assert_eq!(realert.as_deref(), Some("events >= 10 * last.events"));
    assert_eq!(it.alert.entity.as_deref(), Some("user_identity_arn"));
    let title = it.alert.title.as_ref().map(|title| title.as_str());
    assert_eq!(title, Some("{user_identity_arn} stopped {trail}"));
    assert_eq!(it.alert.alerts_max, Some(20));
    assert_eq!(it.alert.columns, ["trail", "aws_region"]);
}

#[test]
fn the_sql_is_the_rest_of_the_file() {
    let it = detection(TRAIL_STOPPED);
    assert!(it.sql.starts_with("WITH params") && it.sql.ends_with("min_events"));
    assert_eq!(TRAIL_STOPPED.get(it.body_offset..it.body_offset + it.sql.len()), Some(&*it.sql));
    let above = TRAIL_STOPPED.lines().take_while(|line| !line.starts_with("WITH")).count();
    assert_eq!(usize::try_from(it.body_line), Ok(above + 1));
    assert_eq!(it.sql_hash.len(), 16);
}

#[test]
fn what_is_silent_has_a_default() {
    let it = detection(KEY_BURST);
    assert_eq!((it.confidence, it.status), (Confidence::Medium, Status::Experimental));
    assert_eq!((it.mode, it.window.on), (Mode::Active, WindowOn::Arrival));
    assert_eq!(it.alert.key, None);
    assert_eq!(it.alert.dedupe, Duration::from_secs(86_400));
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing_of_meaning() {
    let plain = detection(KEY_BURST);
    let windows = detection(&format!("\u{feff}\r\n{}", KEY_BURST.replace('\n', "\r\n")));
    assert_eq!(windows.id, plain.id);
    assert_eq!(windows.description, plain.description);
    assert_eq!(windows.sql.replace("\r\n", "\n"), plain.sql);
    assert_eq!(windows.body_line, plain.body_line + 1);
    let bare = detection(&KEY_BURST.replace("\n-- ", "\n--"));
    assert_eq!(bare, plain_at(&plain, bare.body_offset));
}

fn plain_at(
    plain: &trailhouse_detect::Detection,
    body_offset: usize,
) -> trailhouse_detect::Detection {
    trailhouse_detect::Detection { body_offset, ..plain.clone() }
}

#[test]
fn an_unknown_key_is_shown_where_it_stands() {
    let text = KEY_BURST.replace("-- +++\nSELECT", "-- [window]\n-- evry = \"5m\"\n-- +++\nSELECT");
    let error = parse_detection("packs/iam/key_burst.sql", &text).unwrap_err();
    assert_eq!(error.code, Code::UnknownKey);
    assert_eq!((error.line, error.column), (9, 4));
    assert_eq!(error.help.as_deref(), Some("did you mean `every`?"));
    let expected = r#"error[E-DET-006]: unknown key `window.evry`
 --> packs/iam/key_burst.sql:9:4
  |
9 | -- evry = "5m"
  |    ^^^^ did you mean `every`?"#;
    assert_eq!(error.rendered, expected);
    assert_eq!(error.to_string(), "packs/iam/key_burst.sql:9:4: unknown key `window.evry`");
}

/// Adds a line to the front matter and checks the first complaint and its place.
fn check_added(lines: &str, code: Code, column: u32, message: &str) {
    let text = KEY_BURST.replace("-- +++\nSELECT", &format!("{lines}\n-- +++\nSELECT"));
    let error = parse_detection("x.sql", &text).unwrap_err();
    let found = (error.code, error.line, error.column, error.message.as_str());
    assert_eq!(found, (code, 8, column, message), "{}", error.rendered);
}

/// A line that is added to a good front matter, and the complaint: code, column and message.
const BAD_LINES: &[(&str, Code, u32, &str)] = &[
    ("-- mode = \"on\"", Code::BadValue, 11, "`on` is not a value of `mode`"),
    ("-- mode = 1", Code::WrongType, 11, "`mode` must be a text in quotes, not a number"),
    ("-- owner = \"\"", Code::BadValue, 12, "`owner` is empty"),
    (
        "-- created = \"2026-11-21\"",
        Code::WrongType,
        14,
        "`created` must be a day without quotes, like 2026-11-21, not a text",
    ),
    ("-- tags = [\"a\", \"B c\"]", Code::BadValue, 17, "`B c` is not a value of `tags`"),
    ("-- tags = \"a\"", Code::WrongType, 11, "`tags` must be a list of texts, not a text"),
    (
        "-- references = [\"javascript:x\"]",
        Code::BadValue,
        18,
        "`javascript:x` is not a value of `references`",
    ),
    ("-- needs = [\"Geo IP\"]", Code::BadValue, 13, "`Geo IP` is not a value of `needs`"),
    ("-- window.every = \"soon\"", Code::BadValue, 19, "`soon` is not a value of `window.every`"),
    ("-- window.cron = \"* * *\"", Code::BadValue, 18, "`* * *` is not a value of `window.cron`"),
    (
        "-- window.lateness = \"1h\"",
        Code::BadValue,
        22,
        "`window.lateness` is only for `on = \"event\"`",
    ),
    ("-- window = 5", Code::WrongType, 13, "`window` must be a table, not a number"),
    ("-- params.n = 2", Code::WrongType, 15, "`params.n` must be a table"),
    ("-- params.n = { default = 2 }", Code::MissingKey, 15, "the key `params.n.doc` is missing"),
    (
        "-- params.N = { default = 2, doc = \"x\" }",
        Code::BadValue,
        11,
        "`N` is not a name of a parameter",
    ),
    (
        "-- params.n = { default = [], doc = \"x\" }",
        Code::WrongType,
        27,
        "`params.n.default` must be a number, a text, true or false, not a list",
    ),
    ("-- alert.key = [\"A B\"]", Code::BadValue, 17, "`A B` is not a value of `alert.key`"),
    ("-- alert.title = \"{a\"", Code::BadValue, 18, "`{a` is not a value of `alert.title`"),
    (
        "-- alert.max_alerts = 0",
        Code::WrongType,
        23,
        "`alert.max_alerts` must be a whole number above 0, not a number",
    ),
    (
        "-- alert.realert = { if = \"x\" }",
        Code::MissingKey,
        20,
        "the key `alert.realert.when` is missing",
    ),
    ("-- owner = oops", Code::Syntax, 12, "string values must be quoted, expected literal string"),
];

#[test]
fn bad_values_are_named_with_their_place() {
    for (lines, code, column, message) in BAD_LINES {
        check_added(lines, *code, *column, message);
    }
}

#[test]
fn bad_techniques_and_ids_are_refused() {
    let text = KEY_BURST.replace("T1098.001", "T1098.1").replace("aws.iam.key-burst", "AWS key");
    let errors = read_detection("x.sql", &text).unwrap_err();
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        messages,
        ["`AWS key` is not a value of `id`", "`T1098.1` is not a value of `mitre`"]
    );
}

#[test]
fn all_mistakes_of_a_file_are_reported_in_its_order() {
    let text = "-- +++\n-- schema = 2\n-- titel = \"x\"\n-- severity = \"hihg\"\n-- +++\nSELECT 1";
    let errors = read_detection("x.sql", text).unwrap_err();
    let found: Vec<(u32, Code)> = errors.iter().map(|error| (error.line, error.code)).collect();
    let missing = (2, Code::MissingKey);
    let expected = [
        missing,
        missing,
        missing,
        (2, Code::BadValue),
        (3, Code::UnknownKey),
        (4, Code::BadValue),
    ];
    assert_eq!(found, expected);
}

fn check_whole(text: &str, code: Code, line: u32) {
    let error = parse_detection("x.sql", text).unwrap_err();
    assert_eq!((error.code, error.line), (code, line), "{}", error.rendered);
}

#[test]
fn the_fences_must_stand() {
    check_whole("", Code::NoFrontMatter, 1);
    check_whole("SELECT 1", Code::NoFrontMatter, 1);
    check_whole("\n\n-- a comment\n-- +++\n", Code::NoFrontMatter, 3);
    check_whole("-- +++\n-- schema = 1\n", Code::FrontMatterNotClosed, 1);
    check_whole("-- +++\n-- schema = 1\nSELECT 1\n-- +++\n", Code::NotAComment, 3);
    check_whole("-- +++\n-- schema = 1\n-- +++\n ; \n", Code::NoSql, 5);
}

#[test]
fn a_caret_counts_characters_not_bytes() {
    let text = KEY_BURST.replace("\"One identity", "\"\u{e9}\u{20ac}\" #").replace(
        "-- severity = \"medium\"",
        "-- owner = \"\u{e9}\u{20ac}\u{1f600}\"\n-- severity = \"\u{e9}\"",
    );
    let error = parse_detection("x.sql", &text).unwrap_err();
    assert_eq!((error.line, error.column), (7, 15), "{}", error.rendered);
}

#[test]
fn a_manifest_is_as_strict() {
    let good = "id = \"aws-core\"\ntitle = \"Core\"\nversion = \"0.1.0\"\nlicence = \"Apache-2.0\"\n\
                attack_version = \"19\"\nmin_trailhouse = \"0.1\"\n";
    let manifest = parse_manifest("pack.toml", good).unwrap();
    assert_eq!((manifest.id.as_str(), manifest.attack_version.as_str()), ("aws-core", "19"));
    let bad = good.replace("licence", "license").replace("0.1.0", "one");
    let errors = parse_manifest("pack.toml", &bad).unwrap_err();
    let found: Vec<(u32, Option<&str>)> =
        errors.iter().map(|error| (error.line, error.help.as_deref())).collect();
    let expected = [
        (1, Some("add `licence = ...`")),
        (3, Some("use numbers like 0.1.0")),
        (4, Some("did you mean `licence`?")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn control_characters_of_a_file_reach_no_terminal() {
    let text = KEY_BURST.replace("-- severity", "-- \"\\u001b[31m\" = 1\n-- severity");
    let error = parse_detection("x\u{1b}.sql", &text).unwrap_err();
    assert_eq!(error.message, "unknown key `\\u{1b}[31m`");
    assert!(!error.rendered.contains('\u{1b}'));
}

proptest! {
    /// Whatever is done to a file, the answer is a detection or mistakes that lie in the file.
    #[test]
    fn no_file_is_too_broken(
        at in 0..TRAIL_STOPPED.len(),
        length in 0..40_usize,
        with in "[-+ \n\r\"=\\[\\]{}a-z0-9\u{1b}\u{9b}\u{e9}\u{1f600}]{0,12}",
    ) {
        let mut text = TRAIL_STOPPED.to_owned();
        text.replace_range(at..(at + length).min(text.len()), &with);
        if let Err(errors) = read_detection("x.sql", &text) {
            for error in errors {
                let lines = text.split('\n').count();
                prop_assert!(error.line >= 1 && usize::try_from(error.line).unwrap() <= lines);
                prop_assert!(!error.message.is_empty() && error.rendered.contains(&error.message));
                let is_unsafe = |c: char| c.is_control() && c != '\n';
                prop_assert!(!error.rendered.contains(is_unsafe), "{:?}", error.rendered);
            }
        }
    }

    #[test]
    fn any_text_is_answered(text in "(-- \\+\\+\\+\n)?(--.{0,20}\n){0,4}(-- \\+\\+\\+\n)?.{0,20}") {
        let _answer = read_detection("x.sql", &text);
        let _answer = trailhouse_detect::parse_cases("x.json", &text);
        let _answer = parse_manifest("pack.toml", &text);
    }
}
