//! What is new about findings, and which of them alert.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use trailhouse_detect::{
    ExceptionHits, Finding, FindingSummary, Rule,
    gate::{self, AlertDecision, Candidate, decide_alerts},
};
use trailhouse_lake::{AlertKind, FindingRow, RunRecord};
use trailhouse_model::{ObjectId, Severity};

use super::found::Found;
use crate::count::count;

/// What is stored of a finding.
#[derive(Debug, Clone, Default)]
struct Stored {
    event_ids: BTreeSet<String>,
    unlisted: u64,
    accounts: BTreeSet<String>,
    regions: BTreeSet<String>,
    severity: Option<Severity>,
    last_alert: Option<FindingSummary>,
    /// The rows themselves, so that the same evidence is recognised where events are not listed.
    rows: BTreeSet<ObjectId>,
}

impl Stored {
    /// Takes in rows in the order in which they were stored.
    fn of(rows: &[FindingRow]) -> Self {
        let mut stored = Self::default();
        for row in rows {
            stored.take(row);
            if row.alert.is_some() {
                stored.last_alert = Some(stored.summary());
            }
        }
        stored
    }

    fn take(&mut self, row: &FindingRow) {
        self.rows.insert(row.id());
        self.event_ids.extend(row.event_ids.iter().cloned());
        self.unlisted =
            self.unlisted.saturating_add(row.events.saturating_sub(count(row.event_ids.len())));
        self.accounts.extend(row.recipient_account_id.iter().cloned());
        self.regions.extend(row.aws_region.iter().cloned());
        self.severity = self.severity.max(Some(row.severity));
    }

    fn summary(&self) -> FindingSummary {
        FindingSummary {
            events: count(self.event_ids.len()).saturating_add(self.unlisted),
            accounts: count(self.accounts.len()),
            regions: count(self.regions.len()),
            severity: self.severity.unwrap_or(Severity::Info),
        }
    }
}

/// What of the findings of one rule is stored, and what is known already.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    pub(crate) rows: Vec<FindingRow>,
    pub(crate) known: u64,
    /// To how many findings each exception applied.
    pub(crate) hits: BTreeMap<String, u64>,
}

/// What earlier runs have stored.
#[derive(Debug)]
pub(crate) struct Past {
    /// The rows of the findings in question, by fingerprint.
    pub(crate) findings: BTreeMap<String, Vec<FindingRow>>,
    /// How often exceptions have applied today.
    pub(crate) hits: ExceptionHits,
}

/// Leaves what is new of the findings of one rule, and decides which of it alerts.
pub(crate) fn sift(
    rule: &Rule,
    run: &RunRecord,
    kind: gate::RunKind,
    found: Vec<Found>,
    past: &mut Past,
) -> Sifted {
    let mut sifted = Sifted::default();
    let mut candidates = Vec::new();
    let mut fingerprints = Vec::new();
    for Found { finding, matched } in found {
        let fingerprint = finding.fingerprint;
        let rows = past.findings.get(&fingerprint.to_string());
        let mut all = Stored::of(rows.map(Vec::as_slice).unwrap_or_default());
        let entity = finding.entity.clone();
        let mut row = finding_row(finding, run);
        if !keep_new_evidence(&mut row, &all) {
            sifted.known += 1;
            continue;
        }
        let matched = matched.iter().map(Arc::as_ref);
        let now = run.finished_at;
        let excepted = rule.except(row.severity, entity.as_deref(), matched, &mut past.hits, now);
        for id in excepted.applied {
            *sifted.hits.entry(id.as_str().to_owned()).or_default() += 1;
        }
        row.severity = excepted.severity;
        row.tags = excepted.tags.into_iter().collect();
        row.suppressed_by.clone_from(&excepted.suppressed_by);
        let suppressed_by = excepted.suppressed_by;
        let last_alert = all.last_alert;
        all.take(&row);
        candidates.push(Candidate { fingerprint, now: all.summary(), last_alert, suppressed_by });
        fingerprints.push(fingerprint);
        sifted.rows.push(row);
    }
    let gated = decide_alerts(&rule.detection, kind, &candidates);
    for (fingerprint, row) in fingerprints.iter().zip(&mut sifted.rows) {
        row.alert = match gated.decisions.get(fingerprint) {
            Some(AlertDecision::New) => Some(AlertKind::New),
            Some(AlertDecision::Growth) => Some(AlertKind::Growth),
            Some(AlertDecision::RolledUp) => Some(AlertKind::RolledUp),
            Some(AlertDecision::None(_)) | None => None,
        };
    }
    sifted
}

/// Leaves only what is new; says whether anything is. A list of ids that was cut is left as it is
/// where it names something new, since the rest of it cannot be told.
fn keep_new_evidence(row: &mut FindingRow, stored: &Stored) -> bool {
    if row.event_ids.is_empty() {
        return !stored.rows.contains(&row.id());
    }
    let is_complete = count(row.event_ids.len()) == row.events;
    let has_new = row.event_ids.iter().any(|id| !stored.event_ids.contains(id));
    if has_new && is_complete {
        row.event_ids.retain(|id| !stored.event_ids.contains(id));
        row.events = count(row.event_ids.len());
    }
    has_new
}

fn finding_row(finding: Finding, run: &RunRecord) -> FindingRow {
    let key: serde_json::Map<String, _> = finding.key.into_iter().collect();
    let row: serde_json::Map<String, _> = finding.row.into_iter().collect();
    FindingRow {
        fingerprint: finding.fingerprint.to_string(),
        detection_id: run.detection_id.clone(),
        detection_version: run.detection_version.clone(),
        title: finding.title,
        severity: finding.severity,
        entity: finding.entity.unwrap_or_default(),
        key: serde_json::Value::Object(key).to_string(),
        first_event_time: finding.first_event_time,
        last_event_time: finding.last_event_time,
        events: finding.events,
        event_ids: finding.event_ids,
        recipient_account_id: finding.accounts.into_iter().collect(),
        aws_region: finding.regions.into_iter().collect(),
        techniques: finding.techniques.into_iter().map(|technique| technique.technique).collect(),
        row: serde_json::Value::Object(row).to_string(),
        suppressed_by: None,
        alert: None,
        tags: Vec::new(),
        run_id: run.run_id.clone(),
        from_version: run.from_version,
        to_version: run.to_version,
        found_at: run.finished_at,
    }
}
