//! Detections over traffic that is known to be harmless: what they may find there is a budget.

use std::{
    fs,
    path::{Path, PathBuf},
};

use arrow_array::RecordBatch;
use trailhouse_decode::event_schema;
use trailhouse_detect::{Mode, Pack};
use trailhouse_query::{QuerySession, SessionOptions};

use super::{case_rows::CaseDecoder, is_wanted, judge::judge};
use crate::{
    error::{FailureKind, ServiceError},
    query::query_error,
};

/// Which traffic, and how much may be found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenignOptions {
    /// A CloudTrail file or a folder of them, as CloudTrail delivers them.
    pub path: PathBuf,
    /// Findings that one detection may have; what a pack says of a single detection stands above it.
    pub budget: Option<u32>,
}

/// How the detections did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenignReport {
    /// Events that were judged.
    pub events: usize,
    /// Files that they came from.
    pub files: usize,
    /// Each detection, by id.
    pub results: Vec<BenignResult>,
}

/// How one detection did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenignResult {
    /// The detection.
    pub detection_id: String,
    /// Its findings, or why it could not be run.
    pub findings: Result<usize, String>,
    /// How many it may have.
    pub budget: u32,
}

/// More files are a mistake in the path.
const FILES_MAX: usize = 100_000;

impl BenignReport {
    /// Says whether every detection kept to its budget.
    pub fn is_good(&self) -> bool {
        self.results.iter().all(|result| result.complaint().is_none())
    }
}

impl BenignResult {
    /// Says what is wrong.
    pub fn complaint(&self) -> Option<String> {
        match &self.findings {
            Err(error) => Some(error.clone()),
            Ok(findings) if u32::try_from(*findings).is_ok_and(|it| it <= self.budget) => None,
            Ok(findings) => Some(format!(
                "{findings} findings in harmless traffic, where {} are tolerated",
                self.budget
            )),
        }
    }
}

/// Runs the detections over the traffic.
pub(super) async fn judge_benign(
    packs: &[Pack],
    matching: Option<&str>,
    options: &BenignOptions,
) -> Result<BenignReport, ServiceError> {
    let files = log_files(&options.path)?;
    let batches = decode_files(&files)?;
    let session =
        QuerySession::over_batches(&SessionOptions::default(), &event_schema(), &batches, &[])
            .await
            .map_err(|error| query_error(&error, ""))?;
    let mut results = Vec::new();
    for pack in packs {
        for entry in pack.entries.iter().filter(|entry| is_wanted(entry, matching)) {
            match entry.detection.mode {
                Mode::Active | Mode::Staging => {}
                Mode::Paused => continue,
            }
            let id = entry.detection.id.as_str();
            let judged = judge(&session, &entry.detection).await;
            results.push(BenignResult {
                detection_id: id.to_owned(),
                findings: judged.map(|findings| findings.len()).map_err(|error| error.message),
                budget: pack.manifest.benign.of(id, options.budget),
            });
        }
    }
    results.sort_by(|one, other| one.detection_id.cmp(&other.detection_id));
    let events = batches.iter().map(RecordBatch::num_rows).sum();
    Ok(BenignReport { events, files: files.len(), results })
}

/// Returns the log files at a path, sorted.
fn log_files(path: &Path) -> Result<Vec<PathBuf>, ServiceError> {
    let failed = |path: &Path, error: &std::io::Error| {
        let message = format!("failed to read `{}`: {error}", path.display());
        ServiceError::new(FailureKind::Usage, message)
    };
    let (mut files, mut open) = (Vec::new(), vec![path.to_path_buf()]);
    while let Some(current) = open.pop() {
        let meta = fs::metadata(&current).map_err(|error| failed(&current, &error))?;
        if !meta.is_dir() {
            files.push(current);
            continue;
        }
        for entry in fs::read_dir(&current).map_err(|error| failed(&current, &error))? {
            let entry = entry.map_err(|error| failed(&current, &error))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_log = name.ends_with(".json") || name.ends_with(".json.gz");
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder || is_log {
                open.push(entry.path());
            }
        }
        if files.len() + open.len() > FILES_MAX {
            let message = format!("`{}` holds more than {FILES_MAX} files", path.display());
            return Err(ServiceError::new(FailureKind::Limit, message));
        }
    }
    files.sort();
    if files.is_empty() {
        let message = format!("`{}` holds no .json or .json.gz files", path.display());
        return Err(ServiceError::new(FailureKind::Usage, message));
    }
    Ok(files)
}

fn decode_files(files: &[PathBuf]) -> Result<Vec<RecordBatch>, ServiceError> {
    let mut decoder = CaseDecoder::new();
    let mut batches = Vec::new();
    for file in files {
        let failed = |reason: String| {
            let message = format!("failed to read `{}`: {reason}", file.display());
            ServiceError::new(FailureKind::Usage, message)
        };
        let contents = fs::read(file).map_err(|error| failed(error.to_string()))?;
        batches.push(decoder.document(&contents).map_err(failed)?);
    }
    Ok(batches)
}
