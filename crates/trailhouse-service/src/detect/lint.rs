//! Everything that can be said of packs without data.

use std::collections::BTreeMap;

use trailhouse_detect::{
    LintFinding, LintRule, LintSeverity, Pack,
    author::{
        caret::with_caret,
        portable::lint_portable,
        sarif::{PLAN_RULE, sarif},
    },
    lint_pack,
};
use trailhouse_query::{QuerySession, SessionOptions};

use super::lint_site::{SiteLint, lint_site};
use crate::{
    error::{FailureKind, ServiceError},
    packs::{PackPlace, read_packs},
    site::SiteFolder,
};

/// How far a detection may lean on this engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portability {
    /// It may use all that is here.
    Any,
    /// It is warned of what other SQL engines do not have.
    Checked,
}

/// What the lint found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LintReport {
    /// What is wrong, by file and line.
    pub findings: Vec<LintFinding>,
    /// The files that were read, by the names that findings give them.
    texts: BTreeMap<String, String>,
}

impl LintReport {
    /// Shows a finding with the line that it is about.
    pub fn rendered(&self, finding: &LintFinding) -> String {
        with_caret(finding, self.texts.get(&finding.origin).map(String::as_str))
    }

    /// Returns the findings as a SARIF 2.1.0 log.
    pub fn sarif(&self, tool_version: &str) -> String {
        format!("{:#}", sarif(tool_version, &self.findings))
    }

    /// Counts the findings of a severity.
    pub fn count(&self, severity: LintSeverity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Checks front matter, SQL, cases and runbooks of packs, and what a site says about them.
pub async fn lint(
    places: &[PackPlace],
    portability: Portability,
    site: &SiteFolder,
) -> Result<LintReport, ServiceError> {
    let mut report = LintReport::default();
    let mut packs = Vec::new();
    for source in read_packs(places)? {
        let (pack, mut findings) = match source.pack {
            Ok(pack) => (Some(pack), Vec::new()),
            Err(broken) => {
                let findings = broken.errors.iter().map(LintFinding::from).collect();
                (broken.readable.map(|pack| *pack), findings)
            }
        };
        if let Some(pack) = pack {
            findings.extend(lint_pack(&pack));
            findings.extend(lint_plans(&pack).await?);
            match portability {
                Portability::Any => {}
                Portability::Checked => findings.extend(lint_portability(&pack)),
            }
            packs.push((source.place.clone(), pack));
        }
        for finding in &mut findings {
            finding.origin = source.place.path_of(&finding.origin);
        }
        report.findings.extend(findings);
        let named =
            source.texts.into_iter().map(|(path, text)| (source.place.path_of(&path), text));
        report.texts.extend(named);
    }
    report.findings.extend(lint_shared_ids(&packs));
    if let Some(root) = site.root() {
        let packs = packs.into_iter().map(|(_, pack)| pack).collect();
        let SiteLint { mut findings, texts } = lint_site(packs, site).await?;
        let named = |path: &str| root.join(path).display().to_string();
        for finding in &mut findings {
            finding.origin = named(&finding.origin);
        }
        report.findings.extend(findings);
        report.texts.extend(texts.into_iter().map(|(path, text)| (named(&path), text)));
    }
    let place = |finding: &LintFinding| (finding.origin.clone(), finding.line, finding.column);
    report.findings.sort_by_key(place);
    Ok(report)
}

fn lint_portability(pack: &Pack) -> Vec<LintFinding> {
    let entries = pack.entries.iter();
    entries.flat_map(|entry| lint_portable(&entry.path, &entry.detection)).collect()
}

/// Ids are unique across packs as well.
fn lint_shared_ids(packs: &[(PackPlace, Pack)]) -> Vec<LintFinding> {
    let mut first_paths: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    let mut findings = Vec::new();
    for (number, (place, pack)) in packs.iter().enumerate() {
        for entry in &pack.entries {
            let id = entry.detection.id.as_str();
            let path = place.path_of(&entry.path);
            match first_paths.get(id) {
                Some((first, taken_by)) if *first != number => {
                    let message = format!("the id `{id}` is already taken by {taken_by}");
                    findings.push(LintRule::DuplicateId.finding(&path, 1, message));
                }
                Some(_) => {}
                None => {
                    first_paths.insert(id, (number, path));
                }
            }
        }
    }
    findings
}

/// Plans every detection against the tables, without rows.
async fn lint_plans(pack: &Pack) -> Result<Vec<LintFinding>, ServiceError> {
    let schema = trailhouse_decode::event_schema();
    let session = QuerySession::over_batches(&SessionOptions::default(), &schema, &[], &[])
        .await
        .map_err(|error| ServiceError::new(FailureKind::Bug, error.to_string()))?;
    let mut findings = Vec::new();
    for entry in &pack.entries {
        let detection = &entry.detection;
        let Err(error) = session.check(&detection.sql).await else { continue };
        let mut finding = LintFinding {
            code: PLAN_RULE,
            severity: LintSeverity::Error,
            origin: entry.path.clone(),
            line: detection.body_line,
            column: 1,
            columns: 0,
            message: error.to_string(),
            help: None,
        };
        if let Some(span) = error.at() {
            let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
            let above = narrow(span.start.line).saturating_sub(1);
            finding.line = detection.body_line.saturating_add(above);
            let is_one_line = span.start.line == span.end.line;
            let columns = if is_one_line { span.end.column - span.start.column } else { 1 };
            finding = finding.at(narrow(span.start.column), narrow(columns.max(1)));
        }
        findings.push(finding);
    }
    Ok(findings)
}
