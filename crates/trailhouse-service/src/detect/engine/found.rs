//! From the rows that a rule put out to findings, with the exceptions that speak of them.

use std::{collections::BTreeSet, sync::Arc};

use arrow_array::RecordBatch;
use trailhouse_detect::{
    Detection, DetectionErrorCode, Exception, Finding, FindingError, FindingSet, Fingerprint, Row,
    Rule,
};
use trailhouse_model::EventTime;
use trailhouse_query::{rows_as_json, rows_matching};
use trailhouse_runtime::error_chain;

use crate::error::{FailureKind, ServiceError};

/// A finding of a run, before it is known what of it is new.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) finding: Finding,
    /// The exceptions whose conditions hold for all of its rows.
    pub(crate) matched: Vec<Arc<Exception>>,
}

/// The rows of one answer, and where the period began that they were found in, if it was one.
pub(crate) struct Output {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) period: Option<EventTime>,
}

/// The findings of a rule while its answers come in.
pub(crate) struct Collector<'r> {
    rule: &'r Rule,
    all: FindingSet<'r>,
    /// For each exception, the findings of the rows of which it does not speak.
    spared: Vec<FindingSet<'r>>,
}

impl<'r> Collector<'r> {
    pub(crate) fn new(rule: &'r Rule) -> Self {
        let detection = &rule.detection;
        let spared = rule.exceptions.iter().map(|_| FindingSet::new(detection)).collect();
        Self { rule, all: FindingSet::new(detection), spared }
    }

    /// Takes in the rows of one answer.
    pub(crate) async fn add(&mut self, output: &Output) -> Result<(), ServiceError> {
        let detection = &self.rule.detection;
        let rows = rows_as_json(&output.batches)
            .map_err(|error| ServiceError::new(FailureKind::Query, error_chain(&error)))?;
        absorb(&mut self.all, detection, output.period, &rows)?;
        for (exception, spared) in self.rule.exceptions.iter().zip(&mut self.spared) {
            let holds = condition_holds(exception, &output.batches).await?;
            let rest = rows.iter().zip(&holds).filter(|(_, holds)| !**holds);
            let rest: Vec<Row> = rest.map(|(row, _)| row.clone()).collect();
            absorb(spared, detection, output.period, &rest)?;
        }
        Ok(())
    }

    /// Returns the findings, sorted by fingerprint.
    pub(crate) fn finish(self) -> Vec<Found> {
        let spared: Vec<BTreeSet<Fingerprint>> = self
            .spared
            .into_iter()
            .map(|set| set.finish().into_iter().map(|finding| finding.fingerprint).collect())
            .collect();
        let mut found = Vec::new();
        for finding in self.all.finish() {
            let speaks = |of: &&BTreeSet<Fingerprint>| !of.contains(&finding.fingerprint);
            let matched = self.rule.exceptions.iter().zip(&spared);
            let matched = matched.filter(|(_, spared)| speaks(spared));
            let matched = matched.map(|(exception, _)| Arc::clone(exception)).collect();
            found.push(Found { finding, matched });
        }
        found.sort_by_key(|found| found.finding.fingerprint);
        found
    }
}

fn absorb(
    set: &mut FindingSet<'_>,
    detection: &Detection,
    period: Option<EventTime>,
    rows: &[Row],
) -> Result<(), ServiceError> {
    let mut part = match period {
        Some(start) => FindingSet::for_period(detection, start),
        None => FindingSet::new(detection),
    };
    part.add(rows).map_err(|error| bad_output(detection, &error))?;
    set.absorb(part);
    Ok(())
}

fn bad_output(detection: &Detection, error: &FindingError) -> ServiceError {
    let message = format!("`{}`: {}", detection.id.as_str(), error_chain(error));
    ServiceError::new(FailureKind::Configuration, message)
}

async fn condition_holds(
    exception: &Exception,
    batches: &[RecordBatch],
) -> Result<Vec<bool>, ServiceError> {
    rows_matching(batches, &exception.condition).await.map_err(|error| {
        let message = format!("the condition cannot be applied: {error}");
        let help = "it is SQL over the columns that the detection puts out";
        let error = exception.place.error(DetectionErrorCode::BadValue, message, help);
        ServiceError::new(FailureKind::Configuration, error.rendered)
    })
}
