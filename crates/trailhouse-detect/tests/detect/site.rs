//! Exceptions, silences and overlays: what is read, and what is wrong with them.

use std::time::Duration;

use proptest::prelude::*;
use trailhouse_detect::{
    DetectionError, ExceptionMode, Mode, ParamValue, SiteRules, site::exception::parse_exceptions,
    site::overlay::parse_overlays,
};
use trailhouse_model::{EventTime, Severity};

const EXCEPTION: &str = r#"[[exception]]
rule    = "aws.iam.key-burst"
where   = "user_identity_arn = 'arn:aws:iam::111122223333:role/rotation'"
reason  = "nightly rotation, CHG-1234"
owner   = "alice@example.com"
expires = 2027-01-31
"#;

const SILENCE: &str = r#"[[silence]]
rule   = "aws.cloudtrail.*"
entity = "arn:aws:iam::111122223333:user/eve"
until  = 2026-11-22T18:00:00+01:00
reason = "exercise"
owner  = "bob@example.com"
"#;

#[test]
fn every_key_of_an_exception_is_read() {
    let rest = "id = \"rotation\"\nmode = \"downgrade:low\"\nmax_hits_per_day = 50\n";
    let file = parse_exceptions("exceptions/iam.toml", format!("{EXCEPTION}{rest}")).unwrap();
    let [exception] = &file.exceptions[..] else { panic!("{file:?}") };
    assert_eq!(exception.id.as_str(), "rotation");
    assert_eq!(exception.label(), "exception:rotation");
    assert_eq!(exception.rule.to_string(), "aws.iam.key-burst");
    let condition = "user_identity_arn = 'arn:aws:iam::111122223333:role/rotation'";
    assert_eq!(exception.condition, condition);
    assert_eq!(exception.reason, "nightly rotation, CHG-1234");
    assert_eq!(exception.owner, "alice@example.com");
    assert_eq!(exception.expires.to_string(), "2027-01-31");
    assert_eq!(exception.mode, ExceptionMode::Downgrade(Severity::Low));
    assert_eq!(exception.hits_per_day_max, Some(50));
    assert_eq!((exception.place.origin(), exception.place.line()), ("exceptions/iam.toml", 3));
}

#[test]
fn the_name_of_an_exception_stays_while_its_reason_changes() {
    let id = |text: &str| {
        let file = parse_exceptions("exceptions/iam.toml", text.to_owned()).unwrap();
        file.exceptions.into_iter().last().unwrap().id
    };
    let name = id(EXCEPTION);
    assert_eq!(name.as_str(), "iam-da0cad0b");
    let later = EXCEPTION.replace("2027-01-31", "2027-02-28").replace("CHG-1234", "CHG-2");
    assert_eq!(id(&format!("{}\n{later}", EXCEPTION.replace("key-", "role-"))), name);
    assert_ne!(id(&EXCEPTION.replace("rotation'", "rotations'")), name);
}

#[test]
fn a_silence_covers_its_entity_until_its_end() {
    let file = parse_exceptions("exceptions/now.toml", SILENCE.to_owned()).unwrap();
    let silence = &file.silences[0];
    assert_eq!(silence.label(), "silence:exceptions/now.toml:1");
    let at = |text: &str| EventTime::parse_rfc3339(text).unwrap();
    let eve = Some("arn:aws:iam::111122223333:user/eve");
    assert!(silence.covers(eve, at("2026-11-22T16:59:59Z")));
    assert!(!silence.covers(eve, at("2026-11-22T17:00:00Z")));
    assert!(!silence.covers(Some("mallory"), at("2026-11-22T16:00:00Z")));
    assert!(!silence.covers(None, at("2026-11-22T16:00:00Z")));
    let all = SILENCE.replace("entity", "# entity");
    let file = parse_exceptions("exceptions/now.toml", all).unwrap();
    assert!(file.silences[0].covers(None, at("2026-11-22T16:00:00Z")));
}

fn check_bad(text: &str, line: u32, column: u32, message: &str) {
    let error = *parse_exceptions("x.toml", text.to_owned()).unwrap_err().first;
    let found = (error.line, error.column, error.message.as_str());
    assert_eq!(found, (line, column, message), "{}", error.rendered);
}

#[test]
fn mistakes_in_exceptions_are_shown_where_they_stand() {
    let with = |from: &str, to: &str| EXCEPTION.replace(from, to);
    check_bad(&with("where", "when"), 1, 1, "the key `exception.where` is missing");
    check_bad(&with("expires = 2027-01-31\n", ""), 1, 1, "the key `exception.expires` is missing");
    check_bad(
        &with("2027-01-31", "\"soon\""),
        6,
        11,
        "`exception.expires` must be a day without quotes, like 2026-11-21, not a text",
    );
    check_bad(
        &with("user_identity_arn = 'arn:aws:iam::111122223333:role/rotation'", "1 = 1"),
        3,
        11,
        "`1 = 1` is not a value of `exception.where`",
    );
    check_bad(
        &with("\"user_identity_arn = 'arn:aws:iam::111122223333:role/rotation'\"", "\" \""),
        3,
        11,
        "`exception.where` is empty",
    );
    check_bad(&with("aws.iam", "AWS"), 2, 11, "`AWS.key-burst` is not a value of `exception.rule`");
    let mode = |word: &str| format!("{EXCEPTION}mode = \"{word}\"\n");
    for word in ["drop", "downgrade:lowest", "downgrade", "tag:", "tag:A B", "suppress:x"] {
        let message = format!("`{word}` is not a value of `exception.mode`");
        check_bad(&mode(word), 7, 8, &message);
    }
    check_bad(&format!("{EXCEPTION}\n[[exceptions]]"), 8, 3, "unknown key `exceptions`");
    check_bad(
        "exception = 3",
        1,
        13,
        "`exception` must be a list of tables, each under `[[exception]]`, not a number",
    );
    check_bad(
        &SILENCE.replace("2026-11-22T18:00:00+01:00", "2026-11-22"),
        4,
        10,
        "`silence.until` must be a time without quotes, like 2026-11-21T18:00:00Z, not a date",
    );
}

#[test]
fn a_mistake_is_rendered_with_its_line() {
    let text = EXCEPTION.replace("reason ", "raeson ");
    let errors: Vec<DetectionError> =
        parse_exceptions("exceptions/iam.toml", text).unwrap_err().into_iter().collect();
    let expected = r#"error[E-DET-006]: unknown key `exception.raeson`
 --> exceptions/iam.toml:4:1
  |
4 | raeson  = "nightly rotation, CHG-1234"
  | ^^^^^^ did you mean `reason`?"#;
    assert_eq!(errors[1].rendered, expected);
}

const OVERLAY: &str = r#"["aws.iam.key-burst"]
severity = "high"
mode     = "staging"
owner    = "soc@example.com"
params   = { min_events = 1, name = "x" }
window   = { every = "15m", lookback = "7d" }
alert    = { dedupe = "6h", max_alerts = 5 }
"#;

#[test]
fn every_key_of_an_overlay_is_read() {
    let overlays = parse_overlays("overlays/acme.toml", OVERLAY.to_owned()).unwrap();
    let [overlay] = &overlays[..] else { panic!("{overlays:?}") };
    assert_eq!(overlay.rule.to_string(), "aws.iam.key-burst");
    assert_eq!((overlay.severity, overlay.mode), (Some(Severity::High), Some(Mode::Staging)));
    assert_eq!(overlay.owner.as_deref(), Some("soc@example.com"));
    assert_eq!(overlay.params["min_events"].value, ParamValue::Integer(1));
    assert_eq!(overlay.params["name"].value, ParamValue::Text("x".to_owned()));
    let window = overlay.window.as_ref().unwrap();
    assert_eq!(window.every, Some(Duration::from_secs(900)));
    assert_eq!(window.lookback, Some(Duration::from_secs(7 * 86_400)));
    assert_eq!(overlay.alert.dedupe, Some(Duration::from_secs(6 * 3600)));
    assert_eq!(overlay.alert.alerts_max, Some(5));
}

fn check_bad_overlay(text: &str, line: u32, column: u32, message: &str) {
    let error = *parse_overlays("x.toml", text.to_owned()).unwrap_err().first;
    let found = (error.line, error.column, error.message.as_str());
    assert_eq!(found, (line, column, message), "{}", error.rendered);
}

#[test]
fn mistakes_in_overlays_are_shown_where_they_stand() {
    check_bad_overlay("[\"a b\"]\nmode = \"active\"", 1, 2, "`a b` names no rule");
    check_bad_overlay("\"a.b\" = 3", 1, 9, "`a.b` must be a table");
    check_bad_overlay("[\"a.b\"]\nmod = \"active\"", 2, 1, "unknown key `\"a.b\".mod`");
    check_bad_overlay(
        "[\"a.b\"]\nwindow = { on = \"event\" }",
        2,
        12,
        "unknown key `\"a.b\".window.on`",
    );
    check_bad_overlay(
        "[\"a.b\"]\nparams = { n = [] }",
        2,
        16,
        "`\"a.b\".params.n` must be a number, a text, true or false, not a list",
    );
}

#[test]
fn the_files_of_a_site_are_read_together() {
    let files = |list: &[(&str, &[u8])]| {
        let owned = list.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()));
        SiteRules::from_files(owned.collect::<Vec<_>>())
    };
    let both = format!("{EXCEPTION}{SILENCE}");
    let site = files(&[
        ("overlays/acme.toml", OVERLAY.as_bytes()),
        ("exceptions/b.toml", both.as_bytes()),
        ("exceptions/a.toml", EXCEPTION.replace("key-", "role-").as_bytes()),
        ("alerts.toml", b"not = [ours"),
        ("exceptions/README.md", b"# why"),
    ])
    .unwrap();
    let rules: Vec<String> = site.exceptions.iter().map(|it| it.rule.to_string()).collect();
    assert_eq!(rules, ["aws.iam.role-burst", "aws.iam.key-burst"]);
    assert_eq!((site.silences.len(), site.overlays.len()), (1, 1));
    let errors = files(&[
        ("overlays/acme.toml", b"= 1"),
        ("exceptions/a.toml", &[0xff]),
        ("exceptions/b.toml", b"x = 1\ny = 2"),
    ])
    .unwrap_err();
    let origins: Vec<&str> = errors.errors.iter().map(|error| error.origin.as_str()).collect();
    assert_eq!(
        origins,
        ["exceptions/a.toml", "exceptions/b.toml", "exceptions/b.toml", "overlays/acme.toml"]
    );
}

proptest! {
    #[test]
    fn whatever_is_done_to_a_file_it_is_answered(
        at in 0..EXCEPTION.len(),
        length in 0..40_usize,
        with in "[-+ \n\r\"=\\[\\]{}()'a-z0-9\u{1b}\u{e9}]{0,12}",
    ) {
        for mut text in [format!("{EXCEPTION}{SILENCE}"), OVERLAY.to_owned()] {
            let at = at.min(text.len());
            text.replace_range(at..(at + length).min(text.len()), &with);
            let errors = [
                parse_exceptions("x.toml", text.clone()).err(),
                parse_overlays("x.toml", text.clone()).err(),
            ];
            for error in errors.into_iter().flatten().flatten() {
                let lines = text.split('\n').count();
                prop_assert!(error.line >= 1 && usize::try_from(error.line).unwrap() <= lines);
                prop_assert!(!error.message.contains(char::is_control));
            }
        }
    }
}
