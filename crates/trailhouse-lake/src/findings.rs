//! The findings table.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_model::{EventTime, ObjectId, Severity, TableVersion};

use crate::{
    error::LakeError,
    finding_rows::{finding_rows, read_rows},
    keyed::KeyedRows,
    lake::Lake,
    run_record::RunRecord,
    scan,
    tables::TableName,
};

const TABLE: TableName = TableName::Findings;

/// How a finding is alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    /// It is new.
    New,
    /// It was alerted, and has grown.
    Growth,
    /// It is one of too many, which are alerted together.
    RolledUp,
}

impl AlertKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::New, Self::Growth, Self::RolledUp];

    /// Returns the word that stands for the kind in the findings table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Growth => "growth",
            Self::RolledUp => "rolled_up",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One row of the findings table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// The identity of what was found; more evidence for it makes another row.
    pub fingerprint: String,
    /// What found it.
    pub detection_id: String,
    /// The hash of the SQL that found it.
    pub detection_version: String,
    /// The headline.
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whom or what it is about.
    pub entity: String,
    /// The values that make the fingerprint, as JSON.
    pub key: String,
    /// Earliest event time of the evidence.
    pub first_event_time: Option<EventTime>,
    /// Latest event time of the evidence.
    pub last_event_time: Option<EventTime>,
    /// How many events there are, listed or not.
    pub events: u64,
    /// The events by their ids.
    pub event_ids: Vec<String>,
    /// The accounts they happened in.
    pub recipient_account_id: Vec<String>,
    /// The regions they happened in.
    pub aws_region: Vec<String>,
    /// ATT&CK technique ids.
    pub techniques: Vec<String>,
    /// The row of the detection, as JSON.
    pub row: String,
    /// The exception that applied, if one did.
    pub suppressed_by: Option<String>,
    /// How it is alerted; absent where it is not.
    pub alert: Option<AlertKind>,
    /// Words that exceptions gave it.
    pub tags: Vec<String>,
    /// The run that found it.
    pub run_id: String,
    /// The version after which the run's range begins; `None` from the beginning.
    pub from_version: Option<TableVersion>,
    /// The last version of the run's range.
    pub to_version: TableVersion,
    /// When it was found.
    pub found_at: EventTime,
}

impl FindingRow {
    /// Returns the identity of the row: the same finding with the same evidence has the same one.
    pub fn id(&self) -> ObjectId {
        let ids: BTreeSet<&str> = self.event_ids.iter().map(String::as_str).collect();
        let events = self.events.to_be_bytes();
        let last = self.last_event_time.map_or(0, EventTime::micros).to_be_bytes();
        let mut parts: Vec<&[u8]> = vec![b"finding", self.fingerprint.as_bytes()];
        if ids.is_empty() {
            // A detection that lists no events still tells apart how many there were and when.
            parts.extend([events.as_slice(), last.as_slice()]);
        }
        parts.extend(ids.into_iter().map(str::as_bytes));
        ObjectId::from_parts(&parts)
    }
}

/// What became of the findings of some runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// They are stored in this version of the findings table.
    Stored(TableVersion),
    /// There was nothing to write.
    Nothing,
    /// Somebody else has run these detections in the meantime; nothing was stored.
    Overtaken(BTreeSet<String>),
}

impl Lake {
    /// Appends the findings of these runs and the runs themselves in one commit. A finding that is
    /// stored with the same evidence is not stored twice.
    ///
    /// `since` is the version of the findings table from which it was decided what the runs judge.
    /// Where a run since then has covered more of one of their detections, nothing is stored: the
    /// same rows would be judged twice.
    pub async fn append_findings(
        &self,
        since: TableVersion,
        runs: Vec<RunRecord>,
        findings: &[FindingRow],
    ) -> Result<Appended, LakeError> {
        self.check_for_writing().await?;
        let ids: Vec<ObjectId> = findings.iter().map(FindingRow::id).collect();
        let rows = finding_rows(&ids, findings)?;
        let outcome =
            self.findings().append(KeyedRows { ids, rows, runs, since: Some(since) }).await;
        match outcome {
            Ok(Some(version)) => {
                if let Err(error) = self.list_runs().await {
                    tracing::warn!(%error, "runs table lags behind");
                }
                Ok(Appended::Stored(version))
            }
            Ok(None) => Ok(Appended::Nothing),
            Err(LakeError::Overtaken { detections }) => Ok(Appended::Overtaken(detections)),
            Err(error) => Err(error),
        }
    }

    /// Returns the stored rows of these fingerprints, in the order in which they were found.
    pub async fn findings_of(
        &self,
        fingerprints: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Vec<FindingRow>>, LakeError> {
        let mut stored: BTreeMap<String, Vec<FindingRow>> = BTreeMap::new();
        if fingerprints.is_empty() {
            return Ok(stored);
        }
        let log = self.log(TABLE);
        let snapshot = log.latest().await?;
        let batches = scan::rows_with(log, snapshot, "fingerprint", fingerprints).await?;
        for row in read_rows(&batches)? {
            stored.entry(row.fingerprint.clone()).or_default().push(row);
        }
        for rows in stored.values_mut() {
            rows.sort_by_key(|row| (row.found_at, row.id()));
        }
        Ok(stored)
    }

    /// Returns the rows that were added to the findings after a version of their table, and the
    /// version up to which that is.
    pub async fn findings_after(
        &self,
        after: TableVersion,
    ) -> Result<(Vec<FindingRow>, TableVersion), LakeError> {
        let log = self.log(TABLE);
        let snapshot = log.latest().await?;
        let latest = TableVersion(snapshot.version());
        if latest <= after {
            return Ok((Vec::new(), after));
        }
        let added: BTreeSet<String> = log
            .entries(after, latest)
            .await?
            .iter()
            .filter_map(|entry| entry.payload.as_ref())
            .flat_map(|payload| payload.ids.iter().cloned())
            .collect();
        if added.is_empty() {
            return Ok((Vec::new(), latest));
        }
        let batches = scan::rows_with(log, snapshot, "finding_id", &added).await?;
        let mut rows = read_rows(&batches)?;
        rows.sort_by_cached_key(|row| (row.found_at, row.fingerprint.clone(), row.id()));
        Ok((rows, latest))
    }
}
