//! Runs the cases of packs, and holds detections against each other's cases and harmless traffic.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Map, Value};
use trailhouse_decode::event_schema;
use trailhouse_detect::{
    Case, CaseFailure, Finding, Mode, Pack, PackEntry,
    author::{conditions::texts_to_fire, junit::JunitCase},
    judge as judge_case,
};
use trailhouse_query::{QueryError, QuerySession, SessionOptions, SiteContext};

use super::{
    benign::{BenignOptions, BenignReport, judge_benign},
    case_rows::{CaseDecoder, CaseRows},
    is_wanted,
    judge::judge,
};
use crate::{context::context_error, error::ServiceError, query::query_error};

/// Whether cases are shown to the detections that they are not about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Noise {
    /// Each case is for its own detection only.
    #[default]
    Unchecked,
    /// Each case that fires is shown to all detections of all packs.
    Checked,
}

/// What to test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestOptions {
    /// Only cases where `<id> <name of the case>` contains this.
    pub matching: Option<String>,
    /// How many cases a detection must have, at least.
    pub cases_min: usize,
    /// Whether detections are held against each other's cases.
    pub noise: Noise,
    /// Harmless traffic to hold the detections against.
    pub benign: Option<BenignOptions>,
}

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
    /// Whether the detection must find something.
    pub fires: bool,
    /// What is wrong; nothing where it passed.
    pub failures: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// How the cases went.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TestReport {
    /// Every case, in the order of the files.
    pub cases: Vec<CaseReport>,
    /// Detections with too few cases, and what they lack.
    pub untested: Vec<(String, String)>,
    /// How the detections did on harmless traffic.
    pub benign: Option<BenignReport>,
}

impl TestReport {
    /// Counts the cases that failed.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.failures.is_empty()).count()
    }

    /// Says whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        let benign_is_good = self.benign.as_ref().is_none_or(BenignReport::is_good);
        self.failed() == 0 && self.untested.is_empty() && benign_is_good
    }

    /// Returns the cases for a report in JUnit's form; what is wrong with a detection as a whole is
    /// a case as well.
    pub fn junit_cases(&self) -> Vec<JunitCase> {
        let mut cases = Vec::new();
        for case in &self.cases {
            cases.push(JunitCase {
                suite: case.detection_id.clone(),
                name: case.name.clone(),
                file: case.path.clone(),
                failures: case.failures.clone(),
                millis: u64::try_from(case.elapsed.as_millis()).unwrap_or(u64::MAX),
            });
        }
        let whole = |suite: &str, name: &str, failures: Vec<String>| JunitCase {
            suite: suite.to_owned(),
            name: name.to_owned(),
            file: String::new(),
            failures,
            millis: 0,
        };
        for (id, lacks) in &self.untested {
            cases.push(whole(id, "has enough cases", vec![lacks.clone()]));
        }
        for result in self.benign.iter().flat_map(|benign| &benign.results) {
            let failures = result.complaint().into_iter().collect();
            cases.push(whole(&result.detection_id, "harmless traffic", failures));
        }
        cases
    }
}

/// Runs cases of the packs.
pub async fn test(packs: &[Pack], options: &TestOptions) -> Result<TestReport, ServiceError> {
    let mut report = TestReport::default();
    let mut decoder = CaseDecoder::new();
    let others = match options.noise {
        Noise::Checked => Others::of(packs),
        Noise::Unchecked => Others { entries: Vec::new() },
    };
    for entry in packs.iter().flat_map(|pack| &pack.entries) {
        let id = entry.detection.id.as_str();
        let is_asked = |case: &Case| {
            let name = format!("{id} {}", case.name);
            options.matching.as_ref().is_none_or(|text| name.contains(text))
        };
        if is_wanted(entry, options.matching.as_deref()) {
            let lacks = lacks(entry, options.cases_min);
            report.untested.extend(lacks.map(|lacks| (id.to_owned(), lacks)));
        }
        for case in entry.cases.iter().flatten().filter(|case| is_asked(case)) {
            let started = Instant::now();
            let failures = run_case(&mut decoder, entry, case, &others).await?;
            report.cases.push(CaseReport {
                detection_id: id.to_owned(),
                path: entry.cases_path(),
                line: case.line,
                name: case.name.clone(),
                fires: case.fires,
                failures,
                elapsed: started.elapsed(),
            });
        }
    }
    if let Some(benign) = &options.benign {
        report.benign = Some(judge_benign(packs, options.matching.as_deref(), benign).await?);
    }
    Ok(report)
}

fn lacks(entry: &PackEntry, cases_min: usize) -> Option<String> {
    let cases = entry.cases.as_deref().unwrap_or_default();
    if !cases.iter().any(|case| case.fires) || cases.iter().all(|case| case.fires) {
        return Some("needs a case that fires and one that does not".to_owned());
    }
    let is_short = cases.len() < cases_min;
    is_short.then(|| format!("has {} of the {cases_min} cases that it needs", cases.len()))
}

async fn run_case(
    decoder: &mut CaseDecoder,
    entry: &PackEntry,
    case: &Case,
    others: &Others<'_>,
) -> Result<Vec<String>, ServiceError> {
    let rows = match decoder.case(case) {
        Ok(rows) => rows,
        Err(failure) => return Ok(vec![failure]),
    };
    let site = SiteContext::none()
        .for_case(&entry.cases_path(), &case.tables)
        .map_err(|errors| context_error(&errors))?;
    let session = open_case(&rows, &site).await?;
    let findings = match judge(&session, &entry.detection).await {
        Ok(findings) => findings,
        Err(error) => return Ok(vec![error.message]),
    };
    let mut failures: Vec<String> =
        judge_case(case, &findings).iter().map(CaseFailure::to_string).collect();
    if case.fires && failures.is_empty() {
        failures.extend(unsteadiness(entry, &rows, &site, &findings).await?);
        failures.extend(others.noise(&session, entry, case).await);
    }
    Ok(failures)
}

/// Opens a session over the rows of a case.
pub(super) async fn open_case(
    rows: &CaseRows,
    site: &SiteContext,
) -> Result<QuerySession, ServiceError> {
    open(rows, &SessionOptions::default(), site).await
}

async fn open(
    rows: &CaseRows,
    options: &SessionOptions,
    site: &SiteContext,
) -> Result<QuerySession, ServiceError> {
    let failed = |error: QueryError| query_error(&error, "");
    let schema = event_schema();
    let session = QuerySession::over_batches(options, &schema, &rows.events, &rows.history).await;
    session.map_err(failed)?.with_context(site).await.map_err(failed)
}

/// Judges the rows again in another order and in other batches.
async fn unsteadiness(
    entry: &PackEntry,
    rows: &CaseRows,
    site: &SiteContext,
    findings: &[Finding],
) -> Result<Option<String>, ServiceError> {
    let message = "the findings depend on the order of the rows";
    let turned = match rows.reversed_one_by_one() {
        Ok(turned) => turned,
        Err(failure) => return Ok(Some(failure)),
    };
    let options = SessionOptions { batch_size: 1, ..SessionOptions::default() };
    let session = open(&turned, &options, site).await?;
    let again = match judge(&session, &entry.detection).await {
        Ok(again) => again,
        Err(error) => return Ok(Some(error.message)),
    };
    let is_same = identities(findings) == identities(&again);
    Ok((!is_same).then(|| message.to_owned()))
}

/// What of a finding must not depend on how its rows came. The sample row is left out: a list in it
/// has no order.
fn identities(findings: &[Finding]) -> BTreeSet<String> {
    let identity = |finding: &Finding| {
        format!(
            "{} {} {:?} {} {} {:?}",
            finding.fingerprint,
            finding.severity,
            finding.entity,
            finding.title,
            finding.events,
            finding.event_ids
        )
    };
    findings.iter().map(identity).collect()
}

/// All detections, with what their events must have for them to find anything.
struct Others<'p> {
    entries: Vec<Other<'p>>,
}

struct Other<'p> {
    entry: &'p PackEntry,
    sources: Option<BTreeSet<String>>,
    names: Option<BTreeSet<String>>,
}

impl<'p> Others<'p> {
    fn of(packs: &'p [Pack]) -> Self {
        let mut entries = Vec::new();
        for entry in packs.iter().flat_map(|pack| &pack.entries) {
            match entry.detection.mode {
                Mode::Active | Mode::Staging => {}
                Mode::Paused => continue,
            }
            let sql = &entry.detection.sql;
            entries.push(Other {
                entry,
                sources: texts_to_fire(sql, "event_source"),
                names: texts_to_fire(sql, "event_name"),
            });
        }
        Self { entries }
    }

    /// Returns what is wrong with the other detections that find something in a case, or do not
    /// although the case lists them. One that fails has a case of its own that says so.
    async fn noise(&self, session: &QuerySession, own: &PackEntry, case: &Case) -> Vec<String> {
        let mut failures = Vec::new();
        for other in &self.entries {
            let id = other.entry.detection.id.as_str();
            if id == own.detection.id.as_str() {
                continue;
            }
            let is_listed = case.also.iter().any(|listed| listed == id);
            let findings = if other.may_fire(&case.events) {
                judge(session, &other.entry.detection).await.unwrap_or_default()
            } else {
                Vec::new()
            };
            match (findings.is_empty(), is_listed) {
                (false, false) => failures.push(format!(
                    "`{id}` fires too; narrow one of the two, or list it under `also`"
                )),
                (true, true) => {
                    failures.push(format!("`{id}` is listed under `also` and does not fire"));
                }
                (false, true) | (true, false) => {}
            }
        }
        failures
    }
}

impl Other<'_> {
    /// Says whether the detection can find anything in the events. Only a clear no is one.
    fn may_fire(&self, events: &[Map<String, Value>]) -> bool {
        let has = |wanted: &Option<BTreeSet<String>>, event: &Map<String, Value>, field: &str| {
            let value = event.get(field).and_then(Value::as_str);
            wanted.as_ref().is_none_or(|texts| value.is_some_and(|value| texts.contains(value)))
        };
        let is_told = self.sources.is_some() || self.names.is_some();
        !is_told
            || events.iter().any(|event| {
                has(&self.sources, event, "eventSource") && has(&self.names, event, "eventName")
            })
    }
}
