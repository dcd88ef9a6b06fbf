//! Runs the cases of a pack: their events go through the decoder that production uses.

use arrow_array::RecordBatch;
use trailhouse_decode::{DecodeContext, DecodeLimits, Decoder, event_schema};
use trailhouse_detect::{Case, CaseFailure, Pack, PackEntry, judge as judge_case};
use trailhouse_model::{EventTime, ObjectId};
use trailhouse_query::{QuerySession, SessionOptions};
use trailhouse_runtime::error_chain;

use super::{is_wanted, judge::judge};
use crate::{
    error::{FailureKind, ServiceError},
    query::query_error,
};

/// How one case went.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseReport {
    /// The detection.
    pub detection_id: String,
    /// The file of the case.
    pub path: String,
    /// Its line.
    pub line: u32,
    /// Its name.
    pub name: String,
    /// What is wrong; nothing where it passed.
    pub failures: Vec<String>,
}

/// How the cases of a pack went.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TestReport {
    /// Every case, in the order of the files.
    pub cases: Vec<CaseReport>,
    /// Detections with no case that fires or none that does not.
    pub untested: Vec<String>,
}

impl TestReport {
    /// Counts the cases that failed.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.failures.is_empty()).count()
    }
}

/// Runs the cases of the detections whose id contains the text.
pub async fn test(pack: &Pack, matching: Option<&str>) -> Result<TestReport, ServiceError> {
    let mut report = TestReport::default();
    let mut decoder = Decoder::new(DecodeLimits::default());
    for entry in pack.entries.iter().filter(|entry| is_wanted(entry, matching)) {
        let cases = entry.cases.as_deref().unwrap_or_default();
        if !cases.iter().any(|case| case.fires) || cases.iter().all(|case| case.fires) {
            report.untested.push(entry.detection.id.as_str().to_owned());
        }
        for case in cases {
            report.cases.push(run_case(&mut decoder, entry, case).await?);
        }
    }
    Ok(report)
}

async fn run_case(
    decoder: &mut Decoder,
    entry: &PackEntry,
    case: &Case,
) -> Result<CaseReport, ServiceError> {
    let decoded = decode(decoder, &case.events_document())
        .and_then(|events| Ok((events, decode(decoder, &case.history_document())?)));
    let failures = match decoded {
        Err(failure) => vec![failure],
        Ok((events, history)) => {
            let options = SessionOptions::default();
            let schema = event_schema();
            let session = QuerySession::over_batches(&options, &schema, &[events], &[history])
                .await
                .map_err(|error| query_error(&error, ""))?;
            match judge(&session, &entry.detection).await {
                Ok(findings) => {
                    judge_case(case, &findings).iter().map(CaseFailure::to_string).collect()
                }
                Err(error) => vec![error.message],
            }
        }
    };
    Ok(CaseReport {
        detection_id: entry.detection.id.as_str().to_owned(),
        path: entry.cases_path(),
        line: case.line,
        name: case.name.clone(),
        failures,
    })
}

/// Decodes a document; every record of a case must become a row.
fn decode(decoder: &mut Decoder, document: &[u8]) -> Result<RecordBatch, String> {
    // 2026-06-01: cases have times of that year, and decoding needs to know what is far off.
    let decoded_at = EventTime::from_micros(1_780_272_000_000_000);
    let context = DecodeContext { object_id: ObjectId([0; 16]), delivered_at: None, decoded_at };
    let decoded = decoder.decode(&context, document).map_err(|error| error_chain(&error))?;
    match decoded.rejects.first() {
        Some(reject) => {
            Err(format!("record {} is refused: {}", reject.record_index, reject.reason))
        }
        None => Ok(decoded.events),
    }
}

/// Plans every detection against the tables, without rows.
pub(super) async fn check_sql(pack: &Pack) -> Result<Vec<(String, u32, String)>, ServiceError> {
    let session = QuerySession::over_batches(&SessionOptions::default(), &event_schema(), &[], &[])
        .await
        .map_err(|error| ServiceError::new(FailureKind::Bug, error.to_string()))?;
    let mut broken = Vec::new();
    for entry in &pack.entries {
        let detection = &entry.detection;
        if let Err(error) = session.check(&detection.sql).await {
            let line = error.at().map_or(1, |at| u32::try_from(at.start.line).unwrap_or(1));
            let line = detection.body_line.saturating_add(line).saturating_sub(1);
            broken.push((entry.path.clone(), line, error.to_string()));
        }
    }
    Ok(broken)
}
