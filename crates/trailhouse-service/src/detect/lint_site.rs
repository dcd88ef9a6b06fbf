//! What can be said of a site's files beside the packs that they are about.

use std::collections::BTreeMap;

use trailhouse_detect::{
    Case, DetectionError, ExceptionId, LintFinding, LintRule, Pack, Rule, SiteRules,
};
use trailhouse_query::SiteContext;

use super::{
    case_rows::CaseDecoder,
    engine::found::{Collector, Output},
    rules::assemble,
    test::open_case,
};
use crate::{
    context::context_error,
    error::ServiceError,
    query::query_error,
    site::{ALERTS_FILE, SiteFolder, read_alerts},
};

/// What is wrong with a site's files, and their texts, by their paths in its folder.
#[derive(Debug, Default)]
pub(super) struct SiteLint {
    pub(super) findings: Vec<LintFinding>,
    pub(super) texts: BTreeMap<String, String>,
}

/// Of how many findings of a rule's cases an exception speaks.
#[derive(Debug, Default)]
struct Spoken {
    of: usize,
    findings: usize,
}

/// Checks exceptions, silences, overlays and alerts. Packs that cannot be read leave nothing to hold
/// exceptions against.
pub(super) async fn lint_site(
    packs: Vec<Pack>,
    site: &SiteFolder,
) -> Result<SiteLint, ServiceError> {
    let mut lint = SiteLint::default();
    let files = site.rule_files()?;
    for (path, contents) in &files {
        lint.texts.insert(path.clone(), String::from_utf8_lossy(contents).into_owned());
    }
    if let Some(text) = site.alerts_file()? {
        lint.take(&read_alerts(&text).err().unwrap_or_default());
        lint.texts.insert(ALERTS_FILE.to_owned(), text);
    }
    let rules = match SiteRules::from_files(files) {
        Ok(rules) => rules,
        Err(broken) => {
            lint.take(&broken.errors);
            return Ok(lint);
        }
    };
    match assemble(packs, rules) {
        Err(errors) => lint.take(&errors),
        Ok(rulebook) => {
            lint.findings.extend(rulebook.notices);
            for rule in rulebook.rules.iter().filter(|rule| !rule.exceptions.is_empty()) {
                lint.findings.extend(covering_exceptions(rule).await?);
            }
        }
    }
    Ok(lint)
}

impl SiteLint {
    fn take(&mut self, errors: &[DetectionError]) {
        self.findings.extend(errors.iter().map(LintFinding::from));
    }
}

/// Finds the exceptions that speak of every finding of all cases of a rule.
async fn covering_exceptions(rule: &Rule) -> Result<Vec<LintFinding>, ServiceError> {
    let mut spoken: BTreeMap<&ExceptionId, Spoken> = BTreeMap::new();
    let mut decoder = CaseDecoder::new();
    for case in rule.entry.cases.iter().flatten().filter(|case| case.fires) {
        // What is wrong with a case is said by `detect test`.
        let Ok(found) = exceptions_of(&mut decoder, rule, case).await else { continue };
        for matched in found {
            for exception in &rule.exceptions {
                let spoken = spoken.entry(&exception.id).or_default();
                spoken.findings += 1;
                spoken.of += usize::from(matched.contains(&exception.id));
            }
        }
    }
    let covers = |id: &ExceptionId| {
        spoken.get(id).is_some_and(|spoken| spoken.findings > 0 && spoken.of == spoken.findings)
    };
    let covering = rule.exceptions.iter().filter(|exception| covers(&exception.id));
    let findings = covering.map(|exception| {
        let (id, rule) = (exception.id.as_str(), rule.detection.id.as_str());
        let message = format!("exception `{id}` speaks of all that the cases of `{rule}` find");
        let place = &exception.place;
        let mut finding = LintRule::CoversAll.finding(place.origin(), place.line(), message);
        finding.help =
            Some("name what makes these findings harmless, or pause the rule".to_owned());
        finding
    });
    Ok(findings.collect())
}

/// Returns the exceptions that speak of each finding of a case.
async fn exceptions_of(
    decoder: &mut CaseDecoder,
    rule: &Rule,
    case: &Case,
) -> Result<Vec<Vec<ExceptionId>>, ServiceError> {
    let Ok(rows) = decoder.case(case) else { return Ok(Vec::new()) };
    let site = SiteContext::none()
        .for_case(&rule.entry.cases_path(), &case.tables)
        .map_err(|errors| context_error(&errors))?;
    let session = open_case(&rows, &site).await?;
    let sql = rule.detection.sql.as_str();
    let failed = |error| query_error(&error, sql);
    let batches = session.run(sql).await.map_err(failed)?.collect().await.map_err(failed)?;
    let mut collector = Collector::new(rule);
    collector.add(&Output { batches, period: None }).await?;
    let found = collector.finish().into_iter();
    Ok(found
        .map(|found| found.matched.iter().map(|exception| exception.id.clone()).collect())
        .collect())
}
