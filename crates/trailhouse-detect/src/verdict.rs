//! Compares what a detection found in a case with what the case expects.

use serde_json::Value;
use trailhouse_model::Severity;

use crate::{cases::Case, finding::Finding};

/// One way in which a case fails.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CaseFailure {
    /// The case must fire.
    #[error("fires is true but nothing was found")]
    DidNotFire,
    /// The case must stay quiet.
    #[error("fires is false but this was found: {title}")]
    Fired {
        /// How many findings came.
        findings: usize,
        /// The title of the first.
        title: String,
    },
    /// The number of findings differs.
    #[error("findings: expected {expected}, got {actual}")]
    Findings {
        /// What the case expects.
        expected: u32,
        /// What came.
        actual: usize,
    },
    /// No finding has all that is expected; the severity differs in the nearest one.
    #[error("severity: expected {expected}, got {actual}")]
    Severity {
        /// What the case expects.
        expected: Severity,
        /// What came.
        actual: Severity,
    },
    /// No finding has all that is expected; the entity differs in the nearest one.
    #[error("entity: expected {expected}, got {}", actual.as_deref().unwrap_or("none"))]
    Entity {
        /// What the case expects.
        expected: String,
        /// What came.
        actual: Option<String>,
    },
    /// No finding has all that is expected; a column differs in the nearest one.
    #[error("{column}: expected {expected}, got {}", shown(actual.as_ref()))]
    Column {
        /// The name of the column.
        column: String,
        /// What the case expects.
        expected: Value,
        /// What came; absent where the column is not in the output.
        actual: Option<Value>,
    },
}

/// Returns every way in which the findings differ from what the case expects; none means passed.
pub fn judge(case: &Case, findings: &[Finding]) -> Vec<CaseFailure> {
    match (case.fires, findings.first()) {
        (false, None) => Vec::new(),
        (false, Some(first)) => {
            vec![CaseFailure::Fired { findings: findings.len(), title: first.title.clone() }]
        }
        (true, None) => vec![CaseFailure::DidNotFire],
        (true, Some(_)) => compare(case, findings),
    }
}

fn compare(case: &Case, findings: &[Finding]) -> Vec<CaseFailure> {
    let mut failures = Vec::new();
    if let Some(expected) = case.expect.findings
        && usize::try_from(expected) != Ok(findings.len())
    {
        failures.push(CaseFailure::Findings { expected, actual: findings.len() });
    }
    let differences = findings.iter().map(|finding| differences(case, finding));
    failures.extend(differences.min_by_key(Vec::len).unwrap_or_default());
    failures
}

fn differences(case: &Case, finding: &Finding) -> Vec<CaseFailure> {
    let mut failures = Vec::new();
    if let Some(expected) = case.expect.severity
        && expected != finding.severity
    {
        failures.push(CaseFailure::Severity { expected, actual: finding.severity });
    }
    if let Some(expected) = &case.expect.entity
        && Some(expected) != finding.entity.as_ref()
    {
        let (expected, actual) = (expected.clone(), finding.entity.clone());
        failures.push(CaseFailure::Entity { expected, actual });
    }
    for (column, expected) in &case.expect.columns {
        let actual = finding.row.get(column);
        if actual != Some(expected) {
            let (column, expected) = (column.clone(), expected.clone());
            failures.push(CaseFailure::Column { column, expected, actual: actual.cloned() });
        }
    }
    failures
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "no such column".to_owned(), Value::to_string)
}
