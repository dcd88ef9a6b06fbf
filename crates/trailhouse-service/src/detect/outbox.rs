//! From stored findings to alerts that wait in a spool.
//!
//! The findings table is the outbox: which findings alert is decided and stored in the commit that
//! stores them. For each sink a cursor says up to which version of the table its alerts were taken.
//! A crash between taking them and moving the cursor takes them again; the spool and the receiver
//! know them by their idempotency key.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value};
use trailhouse_alert::{
    Alert, AlertDetection, AlertKind as Why, AlertTechnique, Route, Spool, SpoolError,
};
use trailhouse_detect::{Rule, Rulebook};
use trailhouse_lake::{AlertKind, FindingRow, Lake, TableName};
use trailhouse_model::{EventTime, ObjectId, TableVersion};
use trailhouse_runtime::{Clock, error_chain};

use crate::{
    count::count,
    error::{FailureKind, ServiceError},
};

impl From<SpoolError> for ServiceError {
    fn from(error: SpoolError) -> Self {
        let kind = match &error {
            SpoolError::Full { .. } => FailureKind::Limit,
            SpoolError::Io { .. } | SpoolError::Damaged { .. } | SpoolError::NotASink { .. } => {
                FailureKind::Configuration
            }
        };
        Self::new(kind, error_chain(&error))
    }
}

/// Takes alerts out of the findings table and puts them into the spool.
pub(crate) struct Outbox {
    lake: Lake,
    spool: Arc<Spool>,
    routes: Vec<Arc<Route>>,
    clock: Arc<dyn Clock>,
}

impl Outbox {
    pub(crate) fn new(
        lake: Lake,
        spool: Arc<Spool>,
        routes: Vec<Arc<Route>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { lake, spool, routes, clock }
    }

    /// Gives each sink that has no cursor the present end of the table: what was found before
    /// somebody asked for alerts does not alert.
    pub(crate) async fn start(&self) -> Result<(), ServiceError> {
        let latest = self.lake.latest_version(TableName::Findings).await?;
        for route in &self.routes {
            if self.cursor(route.name())?.is_none() {
                self.spool.set_cursor(route.name(), &latest.0.to_string())?;
            }
        }
        Ok(())
    }

    /// Puts the alerts since the cursor of each sink into the spool; returns how many.
    pub(crate) async fn forward(&self, rulebook: &Rulebook) -> Result<u64, ServiceError> {
        let mut forwarded = 0;
        for route in &self.routes {
            let Some(cursor) = self.cursor(route.name())? else { continue };
            let (rows, latest) = self.lake.findings_after(cursor).await?;
            if latest == cursor {
                continue;
            }
            for alert in self.alerts(rulebook, &rows).await? {
                if route.takes(&alert) {
                    let enqueued = self.spool.enqueue(route.name(), &alert, self.clock.now())?;
                    tracing::debug!(sink = route.name(), ?enqueued, "alert was taken");
                    forwarded += 1;
                }
            }
            self.spool.set_cursor(route.name(), &latest.0.to_string())?;
        }
        Ok(forwarded)
    }

    fn cursor(&self, sink: &str) -> Result<Option<TableVersion>, ServiceError> {
        let Some(text) = self.spool.cursor(sink)? else { return Ok(None) };
        let version = text.parse().map_err(|_| {
            let message = format!("the cursor of sink `{sink}` is no version: `{text}`");
            ServiceError::new(FailureKind::Configuration, message)
        })?;
        Ok(Some(TableVersion(version)))
    }

    /// Makes an alert of each finding that alerts, and one of those that are rolled up by run and
    /// detection.
    async fn alerts(
        &self,
        rulebook: &Rulebook,
        rows: &[FindingRow],
    ) -> Result<Vec<Alert>, ServiceError> {
        let grown: BTreeSet<String> = rows
            .iter()
            .filter(|row| row.alert == Some(AlertKind::Growth))
            .map(|row| row.fingerprint.clone())
            .collect();
        let stored = self.lake.findings_of(&grown).await?;
        let mut alerts = Vec::new();
        let mut rolled_up: BTreeMap<(&str, &str), Vec<&FindingRow>> = BTreeMap::new();
        for row in rows {
            let why = match row.alert {
                None => continue,
                Some(AlertKind::RolledUp) => {
                    let run = (row.run_id.as_str(), row.detection_id.as_str());
                    rolled_up.entry(run).or_default().push(row);
                    continue;
                }
                Some(AlertKind::New) => Why::New,
                Some(AlertKind::Growth) => {
                    let all = stored.get(&row.fingerprint).map(Vec::as_slice).unwrap_or_default();
                    Why::Growth { told_events: told_events(all, row) }
                }
            };
            alerts.push(self.alert(rulebook, row, why));
        }
        for rows in rolled_up.values() {
            alerts.extend(self.roll_up(rulebook, rows));
        }
        Ok(alerts)
    }

    fn alert(&self, rulebook: &Rulebook, row: &FindingRow, kind: Why) -> Alert {
        let rule = rulebook.find(&row.detection_id);
        let shown = rule.map(|rule| rule.detection.alert.columns.clone());
        Alert {
            fingerprint: row.fingerprint.clone(),
            kind,
            detection: detection_of(rule, row),
            severity: row.severity,
            title: row.title.clone(),
            entity: row.entity.clone(),
            key: object(&row.key),
            first_event_time: row.first_event_time,
            last_event_time: row.last_event_time,
            events: row.events,
            event_ids: row
                .event_ids
                .iter()
                .take(trailhouse_alert::EVENT_IDS_MAX)
                .cloned()
                .collect(),
            accounts: row.recipient_account_id.clone(),
            regions: row.aws_region.clone(),
            row: object(&row.row),
            columns: shown.unwrap_or_default(),
            lake: self.lake.url().to_string(),
            run_id: row.run_id.clone(),
            found_at: row.found_at,
        }
    }

    fn roll_up(&self, rulebook: &Rulebook, rows: &[&FindingRow]) -> Option<Alert> {
        let worst = rows.iter().max_by_key(|row| row.severity)?;
        let kind = Why::Rollup { findings: count(rows.len()) };
        let mut alert = self.alert(rulebook, worst, kind);
        let run = [b"roll-up".as_slice(), worst.run_id.as_bytes(), worst.detection_id.as_bytes()];
        alert.fingerprint = ObjectId::from_parts(&run).to_string();
        alert.title = format!("{} more: {}", rows.len(), alert.detection.title);
        alert.entity = String::new();
        alert.key = Map::new();
        alert.row = Map::new();
        alert.columns = Vec::new();
        alert.events = rows.iter().fold(0, |sum, row| row.events.saturating_add(sum));
        alert.event_ids = Vec::new();
        alert.first_event_time = rows.iter().filter_map(|row| row.first_event_time).min();
        alert.last_event_time = rows.iter().filter_map(|row| row.last_event_time).max();
        alert.accounts = merged(rows, |row| &row.recipient_account_id);
        alert.regions = merged(rows, |row| &row.aws_region);
        Some(alert)
    }
}

/// Returns how many events were known when the finding was alerted last before this row.
fn told_events(stored: &[FindingRow], row: &FindingRow) -> u64 {
    let (mut events, mut told) = (0_u64, 0);
    for earlier in stored.iter().take_while(|earlier| earlier.id() != row.id()) {
        events = events.saturating_add(earlier.events);
        if earlier.alert.is_some() {
            told = events;
        }
    }
    told
}

fn merged<'a>(
    rows: &[&'a FindingRow],
    list: impl Fn(&'a FindingRow) -> &'a Vec<String>,
) -> Vec<String> {
    let all: BTreeSet<&String> = rows.iter().flat_map(|row| list(row)).collect();
    all.into_iter().cloned().collect()
}

/// A rule that is gone by now still has its findings told.
fn detection_of(rule: Option<&Rule>, row: &FindingRow) -> AlertDetection {
    let mut tags: Vec<String> = row.tags.clone();
    let Some(rule) = rule else {
        let techniques = row.techniques.iter().map(|technique| AlertTechnique {
            technique: technique.clone(),
            name: None,
            tactic: None,
        });
        return AlertDetection {
            id: row.detection_id.clone(),
            version: row.detection_version.clone(),
            title: row.title.clone(),
            description: String::new(),
            confidence: trailhouse_detect::Confidence::Medium,
            references: Vec::new(),
            runbook: None,
            techniques: techniques.collect(),
            owner: None,
            tags,
        };
    };
    let detection = &rule.detection;
    tags.extend(detection.tags.iter().cloned());
    let techniques = detection.techniques.iter().map(|technique| AlertTechnique {
        technique: technique.technique.clone(),
        name: None,
        tactic: technique.tactic.clone(),
    });
    AlertDetection {
        id: row.detection_id.clone(),
        version: row.detection_version.clone(),
        title: detection.title.clone(),
        description: detection.description.clone(),
        confidence: detection.confidence,
        references: detection.references.clone(),
        runbook: rule.entry.runbook.is_some().then(|| rule.entry.runbook_path()),
        techniques: techniques.collect(),
        owner: detection.owner.clone(),
        tags,
    }
}

/// The stored texts are objects that this program wrote.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Tells a spool what time it is.
pub(crate) fn spool_clock(clock: &Arc<dyn Clock>) -> trailhouse_alert::Clock {
    let clock = Arc::clone(clock);
    Arc::new(move || -> EventTime { clock.now() })
}
