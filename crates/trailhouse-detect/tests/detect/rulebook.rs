//! Several packs, and what a site says about them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use trailhouse_detect::{
    CalendarDay, Engine, Excepted, Exception, ExceptionHits, ExceptionId, Pack, ParamValue, Rule,
    Rulebook, RulebookErrors, SiteRules,
};
use trailhouse_model::{EventTime, Severity};

use crate::sample::{KEY_BURST, TRAIL_STOPPED};

fn pack(id: &str, manifest: &str, files: &[(&str, &str)]) -> Pack {
    let manifest = format!(
        "id = \"{id}\"\ntitle = \"x\"\nversion = \"0.1.0\"\nlicence = \"x\"\n\
         attack_version = \"19\"\n{manifest}"
    );
    let all = [("pack.toml", manifest.as_str())];
    let all =
        all.iter().chain(files).map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    Pack::from_files(all).unwrap()
}

fn packs() -> Vec<Pack> {
    vec![
        pack("core", "", &[("logging/trail_stopped.sql", TRAIL_STOPPED), ("who.sql", "SELECT 1")]),
        pack("acme", "", &[("iam/key_burst.sql", KEY_BURST)]),
    ]
}

const TODAY: CalendarDay = CalendarDay { year: 2026, month: 11, day: 22 };

fn assemble(packs: Vec<Pack>, site: &[(&str, &str)]) -> Result<Rulebook, RulebookErrors> {
    let files = site.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    let site = SiteRules::from_files(files).unwrap();
    let engine = Engine { version: "0.2.0-dev".to_owned(), contract: 2 };
    Rulebook::assemble(packs, site, &engine, TODAY)
}

fn assembled(site: &[(&str, &str)]) -> Rulebook {
    assemble(packs(), site).unwrap()
}

fn check_refused(packs: Vec<Pack>, site: &[(&str, &str)], expected: &[&str]) {
    let errors = assemble(packs, site).unwrap_err().errors;
    let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn rules_of_all_packs_stand_by_id_and_queries_apart() {
    let book = assembled(&[]);
    let ids: Vec<(&str, &str)> =
        book.rules.iter().map(|rule| (rule.pack_id.as_str(), rule.detection.id.as_str())).collect();
    let expected = [("core", "aws.cloudtrail.trail-stopped"), ("acme", "aws.iam.key-burst")];
    assert_eq!(ids, expected);
    assert_eq!(book.queries.len(), 1);
    assert_eq!(
        (book.queries[0].pack_id.as_str(), &*book.queries[0].query.path),
        ("core", "who.sql")
    );
    let rule = book.find("aws.cloudtrail.trail-stopped").unwrap();
    assert_eq!(rule.params, [("min_events".to_owned(), ParamValue::Integer(1))]);
    assert_eq!(book.find("aws.iam"), None);
}

#[test]
fn packs_that_do_not_go_together_are_refused() {
    let twice = vec![
        pack("one", "", &[("a/x.sql", KEY_BURST), ("b/y.sql", KEY_BURST)]),
        pack("two", "", &[("c/z.sql", KEY_BURST)]),
    ];
    check_refused(
        twice,
        &[],
        &[
            "one/b/y.sql:1:1: the id `aws.iam.key-burst` is already taken by one/a/x.sql",
            "two/c/z.sql:1:1: the id `aws.iam.key-burst` is already taken by one/a/x.sql",
        ],
    );
    let needy = vec![
        pack("a", "min_trailhouse = \"0.2\"\ncontract = 2", &[]),
        pack("b", "min_trailhouse = \"0.10\"", &[]),
        pack("c", "contract = 3", &[]),
    ];
    check_refused(
        needy,
        &[],
        &[
            "b/pack.toml:1:1: the pack needs trailhouse 0.10, this is 0.2.0-dev",
            "c/pack.toml:1:1: the pack needs table contract 3, this trailhouse keeps 2",
        ],
    );
}

#[test]
fn overlays_change_rules_and_the_one_for_an_id_has_the_last_word() {
    let book = assembled(&[
        (
            "overlays/a.toml",
            "[\"aws.cloudtrail.trail-stopped\"]\nseverity = \"low\"\nparams.min_events = 7\n\
             window = { every = \"10m\" }\nalert = { max_alerts = 3 }",
        ),
        ("overlays/b.toml", "[\"aws.*\"]\nseverity = \"critical\"\nowner = \"soc\""),
        ("overlays/c.toml", "[\"tag:cloudtrail\"]\nalert = { dedupe = \"1h\" }"),
    ]);
    let rule = book.find("aws.cloudtrail.trail-stopped").unwrap();
    assert_eq!(rule.detection.severity, Severity::Low);
    assert_eq!(rule.detection.owner.as_deref(), Some("soc"));
    assert_eq!(rule.params, [("min_events".to_owned(), ParamValue::Integer(7))]);
    assert_eq!(rule.detection.window.every, Some(Duration::from_secs(600)));
    assert_eq!(rule.detection.alert.alerts_max, Some(3));
    assert_eq!(rule.detection.alert.dedupe, Duration::from_secs(3600));
    assert_eq!(rule.entry.detection.severity, Severity::High, "what the pack has stays");
    let other = &book.find("aws.iam.key-burst").unwrap().detection;
    assert_eq!((other.severity, other.alert.alerts_max), (Severity::Critical, None));
}

#[test]
fn overlays_of_one_kind_are_taken_in_their_order_and_windows_are_judged_at_the_end() {
    let book = assembled(&[(
        "overlays/x.toml",
        "[\"tag:cloudtrail\"]\nseverity = \"info\"\nwindow.every = \"2h\"\n\
         [\"aws.cloudtrail.*\"]\nseverity = \"low\"\nwindow.span = \"4h\"\n\
         [\"aws.*\"]\nseverity = \"medium\"",
    )]);
    let rule = &book.find("aws.cloudtrail.trail-stopped").unwrap().detection;
    assert_eq!(rule.severity, Severity::Medium);
    assert_eq!(rule.window.span, Some(Duration::from_secs(4 * 3600)));
}

fn check_overlay(text: &str, expected: &[&str]) {
    check_refused(packs(), &[("overlays/x.toml", text)], expected);
}

#[test]
fn overlays_that_fit_no_rule_are_refused() {
    check_overlay(
        "[\"aws.iam.key-brust\"]",
        &["overlays/x.toml:1:2: no rule is `aws.iam.key-brust`"],
    );
    check_overlay("[\"gcp.*\"]", &["overlays/x.toml:1:2: no rule is `gcp.*`"]);
    check_overlay(
        "[\"aws.*\"]\nparams = { min_events = \"two\", maximum = 3 }",
        &[
            "overlays/x.toml:2:25: `min_events` of `aws.cloudtrail.trail-stopped` is a whole \
             number, not a text",
            "overlays/x.toml:2:42: no rule of `aws.*` has a parameter `maximum`",
        ],
    );
    check_overlay(
        "[\"aws.cloudtrail.trail-stopped\"]\nwindow = { every = \"2h\" }",
        &["overlays/x.toml:2:10: with this, `window.span` is shorter than `every` in \
           `aws.cloudtrail.trail-stopped`"],
    );
    check_overlay(
        "[\"aws.iam.key-burst\"]\nwindow.span = \"2h\"",
        &["overlays/x.toml:2:1: with this, `window.span` is only for `on = \"event\"` in \
           `aws.iam.key-burst`"],
    );
}

fn exception(rule: &str, expires: &str) -> String {
    format!(
        "[[exception]]\nrule = \"{rule}\"\nwhere = \"a = '{expires}'\"\nreason = \"x\"\n\
         owner = \"x\"\nexpires = {expires}\n"
    )
}

#[test]
fn exceptions_go_to_their_rules_until_their_last_day() {
    let text = [
        exception("aws.iam.*", "2026-11-21"),
        exception("aws.*", "2026-11-22"),
        exception("tag:cloudtrail", "2027-05-21"),
        exception("aws.iam.key-burst", "2027-05-22"),
    ]
    .concat();
    let book = assembled(&[("exceptions/a.toml", &text)]);
    let given = |id: &str| -> Vec<String> {
        let rule = book.find(id).unwrap();
        rule.exceptions.iter().map(|exception| exception.expires.to_string()).collect()
    };
    assert_eq!(given("aws.iam.key-burst"), ["2026-11-22", "2027-05-22"]);
    assert_eq!(given("aws.cloudtrail.trail-stopped"), ["2026-11-22", "2027-05-21"]);
    let notices: Vec<(&str, u32)> =
        book.notices.iter().map(|notice| (notice.code, notice.line)).collect();
    assert_eq!(notices, [("expired", 3), ("far-end", 21)]);
}

#[test]
fn exceptions_and_silences_for_no_rule_and_twice_the_same_are_refused() {
    let text = [
        exception("aws.gone", "2027-01-01"),
        exception("aws.*", "2027-01-01"),
        exception("aws.*", "2027-01-01"),
    ]
    .concat();
    let silence = "[[silence]]\nrule = \"tag:gone\"\nuntil = 2026-12-01T00:00:00Z\n\
                   reason = \"x\"\nowner = \"x\"\n";
    let errors = assemble(packs(), &[("exceptions/a.toml", &format!("{text}{silence}"))]);
    let errors = errors.unwrap_err().errors;
    let found: Vec<(u32, &str)> = errors
        .iter()
        .map(|error| (error.line, error.message.split(" `").next().unwrap()))
        .collect();
    assert_eq!(found, [(3, "no rule is"), (15, "the exception"), (19, "no rule is")]);
}

#[test]
fn a_silence_holds_for_its_rules() {
    let silence = "[[silence]]\nrule = \"aws.iam.*\"\nentity = \"eve\"\nowner = \"x\"\n\
                   until = 2026-12-01T00:00:00Z\nreason = \"x\"\n";
    let book = assembled(&[("exceptions/a.toml", silence)]);
    let now = EventTime::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
    let label = |id: &str, entity: &str| {
        let silence = book.find(id).unwrap().silenced_by(Some(entity), now);
        silence.map(|silence| silence.label())
    };
    let by = "silence:exceptions/a.toml:1";
    assert_eq!(label("aws.iam.key-burst", "eve").as_deref(), Some(by));
    assert_eq!(label("aws.iam.key-burst", "bob"), None);
    assert_eq!(label("aws.cloudtrail.trail-stopped", "eve"), None);
}

fn stopped(site: &str) -> Rule {
    let site = format!("[\"aws.cloudtrail.trail-stopped\"]\n{site}");
    assembled(&[("overlays/x.toml", &site)]).find("aws.cloudtrail.trail-stopped").unwrap().clone()
}

#[test]
fn the_version_of_a_rule_changes_with_its_meaning_only() {
    let version = stopped("").version();
    assert_eq!(
        version, "ed77cda35c9ff918",
        "ledgers hold it: it must not move from release to release"
    );
    for same in [
        "severity = \"low\"",
        "mode = \"active\"",
        "owner = \"x\"",
        "alert = { max_alerts = 1 }",
        "params = { min_events = 1 }",
    ] {
        assert_eq!(stopped(same).version(), version, "{same}");
    }
    for other in [
        "params = { min_events = 2 }",
        "alert = { dedupe = \"1h\" }",
        "window = { every = \"10m\" }",
        "window = { span = \"2h\" }",
        "window = { lookback = \"1d\" }",
        "window = { lateness = \"1d\" }",
    ] {
        assert_ne!(stopped(other).version(), version, "{other}");
    }
    let by_arrival = |overlay: &str| {
        let overlay = format!("[\"aws.iam.key-burst\"]\n{overlay}");
        let book = assembled(&[("overlays/x.toml", &overlay)]);
        book.find("aws.iam.key-burst").unwrap().version()
    };
    assert_eq!(by_arrival(""), by_arrival("window = { cron = \"0 3 * * *\" }"));
}

const KNOWN: &str = r#"
[[exception]]
id = "tagged"
rule = "aws.*"
where = "x = 1"
reason = "x"
owner = "x"
expires = 2027-01-01
mode = "tag:known"

[[exception]]
id = "lowered"
rule = "aws.*"
where = "x = 2"
reason = "x"
owner = "x"
expires = 2027-01-01
mode = "downgrade:low"

[[exception]]
id = "twice-a-day"
rule = "aws.*"
where = "x = 3"
reason = "x"
owner = "x"
expires = 2026-11-22
max_hits_per_day = 2

[[silence]]
rule = "aws.*"
entity = "eve"
until = 2026-12-01T00:00:00Z
reason = "x"
owner = "x"
"#;

/// Applies the exceptions of these ids to a finding of severity high.
fn excepted(hits: &mut ExceptionHits, ids: &[&str], entity: &str) -> Excepted {
    let book = assembled(&[("exceptions/a.toml", KNOWN)]);
    let rule = book.find("aws.iam.key-burst").unwrap();
    let matched = rule.exceptions.iter().map(AsRef::as_ref);
    let matched = matched.filter(|exception: &&Exception| ids.contains(&exception.id.as_str()));
    let now = EventTime::parse_rfc3339("2026-11-22T12:00:00Z").unwrap();
    rule.except(Severity::High, Some(entity), matched, hits, now)
}

#[test]
fn exceptions_lower_tag_and_suppress() {
    let mut hits = ExceptionHits::new(TODAY, BTreeMap::new());
    let lowered = excepted(&mut hits, &["tagged", "lowered"], "bob");
    assert_eq!((lowered.severity, lowered.suppressed_by), (Severity::Low, None));
    assert_eq!(lowered.tags, BTreeSet::from(["known".to_owned()]));
    let applied: Vec<&str> = lowered.applied.iter().map(ExceptionId::as_str).collect();
    assert_eq!(applied, ["tagged", "lowered"]);
    let untouched = excepted(&mut hits, &[], "bob");
    assert_eq!((untouched.severity, untouched.suppressed_by), (Severity::High, None));
    let silenced = excepted(&mut hits, &[], "eve").suppressed_by;
    assert_eq!(silenced.as_deref(), Some("silence:exceptions/a.toml:29"));
    let both = excepted(&mut hits, &["twice-a-day"], "eve").suppressed_by;
    assert_eq!(both.as_deref(), Some("exception:twice-a-day"));
}

#[test]
fn beyond_its_hits_of_a_day_an_exception_does_not_apply() {
    let id = ExceptionId::new("twice-a-day");
    let mut hits = ExceptionHits::new(TODAY, BTreeMap::from([(id.clone(), 1)]));
    assert!(excepted(&mut hits, &["twice-a-day"], "bob").suppressed_by.is_some());
    let beyond = excepted(&mut hits, &["twice-a-day"], "bob");
    assert_eq!((beyond.suppressed_by, beyond.applied), (None, Vec::new()));
    assert_eq!(beyond.over_limit, std::slice::from_ref(&id));
    assert_eq!(hits.counts(), &BTreeMap::from([(id, 2)]));
}

#[test]
fn a_rulebook_that_stands_for_days_lets_exceptions_expire() {
    let tomorrow = CalendarDay { day: 23, ..TODAY };
    let mut hits = ExceptionHits::new(tomorrow, BTreeMap::new());
    let after = excepted(&mut hits, &["twice-a-day"], "bob");
    assert_eq!((after.suppressed_by, after.over_limit), (None, Vec::new()));
    assert_eq!(hits.counts(), &BTreeMap::new());
}
