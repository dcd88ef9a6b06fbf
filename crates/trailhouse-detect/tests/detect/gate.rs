//! Which findings alert.

use std::collections::BTreeMap;

use proptest::prelude::*;
use trailhouse_detect::{
    AlertDecision, Candidate, Detection, FindingSummary, Fingerprint, Mode, NoAlert,
    RealertCondition, RunKind, decide_alerts,
};
use trailhouse_model::Severity;

use crate::sample::{KEY_BURST, detection};

fn summary(events: u64) -> FindingSummary {
    FindingSummary { events, accounts: 1, regions: 1, severity: Severity::Medium }
}

fn finding(number: u8, events: u64) -> Candidate {
    Candidate {
        fingerprint: Fingerprint([number; 16]),
        now: summary(events),
        last_alert: None,
        suppressed_by: None,
    }
}

fn rule(mode: Mode, alerts_max: Option<u32>) -> Detection {
    let mut detection = detection(KEY_BURST);
    detection.mode = mode;
    detection.alert.alerts_max = alerts_max;
    detection.alert.realert_when = RealertCondition::parse("events >= 10 * last.events").ok();
    detection
}

fn check(detection: &Detection, kind: RunKind, candidate: Candidate, expected: AlertDecision) {
    let gated = decide_alerts(detection, kind, std::slice::from_ref(&candidate));
    let expected = BTreeMap::from([(candidate.fingerprint, expected)]);
    assert_eq!((gated.decisions, gated.roll_up), (expected, None), "{candidate:?}");
}

#[test]
fn a_finding_alerts_when_it_is_new_and_when_it_has_grown() {
    let active = rule(Mode::Active, None);
    let alerted =
        |events, last| Candidate { last_alert: Some(summary(last)), ..finding(1, events) };
    let not_grown = AlertDecision::None(NoAlert::NotGrown);
    check(&active, RunKind::Live, finding(1, 3), AlertDecision::New);
    check(&active, RunKind::Live, alerted(30, 3), AlertDecision::Growth);
    check(&active, RunKind::Live, alerted(29, 3), not_grown);
    let mut silent = active.clone();
    silent.alert.realert_when = None;
    check(&silent, RunKind::Live, alerted(3000, 3), not_grown);
}

#[test]
fn some_runs_rules_and_findings_never_alert() {
    let active = rule(Mode::Active, None);
    let backfill = AlertDecision::None(NoAlert::Backfill);
    check(&active, RunKind::Backfill, finding(1, 3), backfill);
    let staged = AlertDecision::None(NoAlert::Mode);
    check(&rule(Mode::Staging, None), RunKind::Live, finding(1, 3), staged);
    check(&rule(Mode::Paused, None), RunKind::Live, finding(1, 3), staged);
    let suppressed_by = Some("exception:x".to_owned());
    let suppressed = Candidate { suppressed_by, ..finding(1, 3) };
    check(&active, RunKind::Live, suppressed, AlertDecision::None(NoAlert::Suppressed));
}

#[test]
fn the_worst_alert_and_the_rest_is_rolled_up() {
    let mut critical = finding(9, 1);
    critical.now.severity = Severity::Critical;
    let mut low = finding(8, 50);
    low.now.severity = Severity::Low;
    let candidates = [finding(1, 5), finding(2, 6), finding(3, 5), low, critical];
    let gated = decide_alerts(&rule(Mode::Active, Some(2)), RunKind::Live, &candidates);
    let decisions: Vec<(u8, AlertDecision)> =
        gated.decisions.iter().map(|(fingerprint, it)| (fingerprint.0[0], *it)).collect();
    let expected = [
        (1, AlertDecision::RolledUp),
        (2, AlertDecision::New),
        (3, AlertDecision::RolledUp),
        (8, AlertDecision::RolledUp),
        (9, AlertDecision::New),
    ];
    assert_eq!(decisions, expected);
    let roll_up = gated.roll_up.unwrap();
    let inside: Vec<u8> = roll_up.findings.iter().map(|fingerprint| fingerprint.0[0]).collect();
    assert_eq!(inside, [1, 3, 8]);
    assert_eq!((roll_up.severity, roll_up.events), (Severity::Medium, 60));
    assert_eq!(roll_up.by_severity, BTreeMap::from([(Severity::Low, 1), (Severity::Medium, 2)]));
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let severity = proptest::sample::select(Severity::ALL.to_vec());
    let one =
        (any::<u8>(), 0..40_u64, severity, prop::option::of(0..40_u64), prop::bool::weighted(0.2));
    let one = one.prop_map(|(number, events, severity, last, suppressed)| Candidate {
        fingerprint: Fingerprint([number; 16]),
        now: FindingSummary { severity, ..summary(events) },
        last_alert: last.map(summary),
        suppressed_by: suppressed.then(|| "exception:x".to_owned()),
    });
    prop::collection::vec(one, 0..60).prop_map(|all| {
        let unique: BTreeMap<Fingerprint, Candidate> =
            all.into_iter().map(|one| (one.fingerprint, one)).collect();
        unique.into_values().collect()
    })
}

proptest! {
    #[test]
    fn the_order_of_findings_changes_nothing(
        (in_order, shuffled) in candidates().prop_flat_map(|all| {
            (Just(all.clone()), Just(all).prop_shuffle())
        }),
        alerts_max in prop::option::of(1..30_u32),
    ) {
        let rule = rule(Mode::Active, alerts_max);
        let gated = decide_alerts(&rule, RunKind::Live, &in_order);
        prop_assert_eq!(&gated, &decide_alerts(&rule, RunKind::Live, &shuffled));
    }

    #[test]
    fn every_finding_is_decided_and_alerts_are_bounded(
        candidates in candidates(),
        alerts_max in prop::option::of(1..30_u32),
    ) {
        let gated = decide_alerts(&rule(Mode::Active, alerts_max), RunKind::Live, &candidates);
        let count = |wanted: &[AlertDecision]| {
            gated.decisions.values().filter(|decision| wanted.contains(decision)).count()
        };
        let alone = count(&[AlertDecision::New, AlertDecision::Growth]);
        let rolled_up = count(&[AlertDecision::RolledUp]);
        prop_assert_eq!(gated.decisions.len(), candidates.len());
        prop_assert!(alone <= usize::try_from(alerts_max.unwrap_or(20)).unwrap());
        prop_assert_eq!(gated.roll_up.as_ref().map_or(0, |it| it.findings.len()), rolled_up);
        for candidate in &candidates {
            let is_quiet = match gated.decisions[&candidate.fingerprint] {
                AlertDecision::None(_) => true,
                AlertDecision::New | AlertDecision::Growth | AlertDecision::RolledUp => false,
            };
            let has_grown = candidate.last_alert.is_none_or(|last| candidate.now.events >= 10 * last.events);
            prop_assert_eq!(is_quiet, candidate.suppressed_by.is_some() || !has_grown);
        }
    }
}
