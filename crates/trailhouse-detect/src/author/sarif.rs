//! Lint findings as SARIF 2.1.0, which code hosts show beside the line.

use serde_json::{Value, json};

use crate::{
    diagnostic::DetectionErrorCode,
    lint::{LintFinding, LintRule, LintSeverity},
};

/// The rule of findings that the engine makes when it plans a detection.
pub const PLAN_RULE: &str = "plan";

/// Returns the findings as a SARIF log of one run. Places are relative to where the program runs.
pub fn sarif(tool_version: &str, findings: &[LintFinding]) -> Value {
    let rules = rules();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, &rules)).collect();
    let described: Vec<Value> = rules.iter().map(Rule::describe).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "trailhouse",
                "version": tool_version,
                "informationUri": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html",
                "rules": described,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

struct Rule {
    id: &'static str,
    meaning: &'static str,
    severity: LintSeverity,
}

impl Rule {
    fn describe(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.id,
            "shortDescription": { "text": self.meaning },
            "defaultConfiguration": { "level": self.severity.as_str() },
        })
    }
}

fn rules() -> Vec<Rule> {
    let codes = DetectionErrorCode::ALL.map(|code| Rule {
        id: code.as_str(),
        meaning: code.meaning(),
        severity: LintSeverity::Error,
    });
    let rules = LintRule::ALL.map(|rule| Rule {
        id: rule.as_str(),
        meaning: rule.asks(),
        severity: rule.severity(),
    });
    let plan = Rule {
        id: PLAN_RULE,
        meaning: "the engine can plan the SQL",
        severity: LintSeverity::Error,
    };
    codes.into_iter().chain(rules).chain([plan]).collect()
}

fn result(finding: &LintFinding, rules: &[Rule]) -> Value {
    let text = match &finding.help {
        Some(help) => format!("{} ({help})", finding.message),
        None => finding.message.clone(),
    };
    let mut region = json!({ "startLine": finding.line });
    if finding.columns > 0 {
        region["startColumn"] = json!(finding.column);
        region["endColumn"] = json!(finding.column.saturating_add(finding.columns));
    }
    json!({
        "ruleId": finding.code,
        "ruleIndex": rules.iter().position(|rule| rule.id == finding.code),
        "level": finding.severity.as_str(),
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": as_uri(&finding.origin) },
            "region": region,
        } }],
    })
}

/// Writes a path as a relative reference: what a URI may not hold is escaped.
fn as_uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
