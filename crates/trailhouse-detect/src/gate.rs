//! The alert gate: which findings of a run alert, and as what.
//!
//! A finding alerts when it is new, and again when it has grown as its rule asks for with
//! `alert.realert`. Past `alert.max_alerts`, the rest of a rule's alerts of one run becomes a single
//! roll-up. What is stored is not decided here: every finding is.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use trailhouse_model::{ObjectId, Severity};

use crate::{definition::Detection, finding::Fingerprint, realert::FindingSummary, words::Mode};

/// The most alerts of one rule in one run, where `alert.max_alerts` is not given.
pub const ALERTS_MAX_DEFAULT: u32 = 20;

/// A finding with evidence that was not known before this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its identity; each is given once.
    pub fingerprint: Fingerprint,
    /// What it is like with all its evidence, that of earlier runs included.
    pub now: FindingSummary,
    /// What it was like when it was alerted last, also in a roll-up; absent where it never was.
    pub last_alert: Option<FindingSummary>,
    /// What suppresses it.
    pub suppressed_by: Option<String>,
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// What has arrived.
    Live,
    /// What a rule would have found in the past; it never alerts.
    Backfill,
}

/// What becomes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertDecision {
    /// It alerts for the first time.
    New,
    /// It alerts again.
    Growth,
    /// It is counted in the roll-up.
    RolledUp,
    /// It does not alert.
    None(NoAlert),
}

/// Why a finding does not alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoAlert {
    /// The run is a backfill.
    Backfill,
    /// The rule is staged or paused.
    Mode,
    /// An exception or a silence suppresses it.
    Suppressed,
    /// It was alerted, and its rule does not alert again, or not yet.
    NotGrown,
}

impl NoAlert {
    /// Returns the word that stands for the reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Mode => "mode",
            Self::Suppressed => "suppressed",
            Self::NotGrown => "not_grown",
        }
    }
}

/// One alert for many findings of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollUp {
    /// Its identity: that of the rule and of the findings in it.
    pub fingerprint: Fingerprint,
    /// The findings in it.
    pub findings: BTreeSet<Fingerprint>,
    /// How many findings of each severity it stands for.
    pub by_severity: BTreeMap<Severity, u64>,
    /// The highest severity in it.
    pub severity: Severity,
    /// How many events its findings stand on, added up.
    pub events: u64,
}

/// The decisions on the findings of one rule in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gated {
    /// What becomes of each finding.
    pub decisions: BTreeMap<Fingerprint, AlertDecision>,
    /// The alert for those that are rolled up; absent where none is.
    pub roll_up: Option<RollUp>,
}

/// Decides on the findings of one rule in one run; their order changes nothing. The worst findings
/// alert by themselves, the others go into the roll-up: by severity, by events, by fingerprint.
pub fn decide_alerts(detection: &Detection, kind: RunKind, candidates: &[Candidate]) -> Gated {
    let mut decisions = BTreeMap::new();
    let mut alerting = Vec::new();
    for candidate in candidates {
        let decision = decide_one(detection, kind, candidate);
        match decision {
            AlertDecision::New | AlertDecision::Growth => alerting.push(candidate),
            AlertDecision::RolledUp | AlertDecision::None(_) => {}
        }
        let before = decisions.insert(candidate.fingerprint, decision);
        debug_assert!(before.is_none(), "each finding is given once");
    }
    alerting.sort_by_key(|candidate| {
        let FindingSummary { severity, events, .. } = candidate.now;
        (Reverse(severity), Reverse(events), candidate.fingerprint)
    });
    let alerts_max = detection.alert.alerts_max.unwrap_or(ALERTS_MAX_DEFAULT);
    let alerts_max = usize::try_from(alerts_max).unwrap_or(usize::MAX);
    let rest = alerting.get(alerts_max..).unwrap_or_default();
    for candidate in rest {
        decisions.insert(candidate.fingerprint, AlertDecision::RolledUp);
    }
    Gated { decisions, roll_up: roll_up(detection, rest) }
}

fn decide_one(detection: &Detection, kind: RunKind, candidate: &Candidate) -> AlertDecision {
    match kind {
        RunKind::Backfill => return AlertDecision::None(NoAlert::Backfill),
        RunKind::Live => {}
    }
    match detection.mode {
        Mode::Staging | Mode::Paused => return AlertDecision::None(NoAlert::Mode),
        Mode::Active => {}
    }
    if candidate.suppressed_by.is_some() {
        return AlertDecision::None(NoAlert::Suppressed);
    }
    let Some(last) = &candidate.last_alert else {
        return AlertDecision::New;
    };
    let realert = detection.alert.realert_when.as_ref();
    if realert.is_some_and(|condition| condition.holds(&candidate.now, last)) {
        AlertDecision::Growth
    } else {
        AlertDecision::None(NoAlert::NotGrown)
    }
}

fn roll_up(detection: &Detection, rest: &[&Candidate]) -> Option<RollUp> {
    let severity = rest.iter().map(|candidate| candidate.now.severity).max()?;
    let findings: BTreeSet<Fingerprint> =
        rest.iter().map(|candidate| candidate.fingerprint).collect();
    let mut by_severity = BTreeMap::new();
    let mut events = 0_u64;
    for FindingSummary { severity, events: of_one, .. } in rest.iter().map(|one| one.now) {
        *by_severity.entry(severity).or_insert(0) += 1;
        events = events.saturating_add(of_one);
    }
    let mut parts: Vec<&[u8]> = vec![b"roll-up", detection.id.as_str().as_bytes()];
    parts.extend(findings.iter().map(|fingerprint| fingerprint.0.as_slice()));
    let fingerprint = Fingerprint(ObjectId::from_parts(&parts).0);
    Some(RollUp { fingerprint, findings, by_severity, severity, events })
}
