//! Everything that can be said of a pack without data.

use std::path::Path;

use trailhouse_detect::{LintFinding, LintSeverity, lint_pack};

use super::test::check_sql;
use crate::{error::ServiceError, packs::read_pack};

/// Checks front matter, SQL, cases and runbooks of the pack in a folder, or of the built-in one.
/// Findings come sorted by file and line.
pub async fn lint(folder: Option<&Path>) -> Result<Vec<LintFinding>, ServiceError> {
    let (pack, mut findings) = match read_pack(folder)? {
        Ok(pack) => (Some(pack), Vec::new()),
        Err(broken) => {
            let findings = broken.errors.iter().map(LintFinding::from).collect();
            (broken.readable.map(|pack| *pack), findings)
        }
    };
    if let Some(pack) = pack {
        findings.extend(lint_pack(&pack));
        for (origin, line, message) in check_sql(&pack).await? {
            findings.push(LintFinding {
                code: "plan",
                severity: LintSeverity::Error,
                origin,
                line,
                message,
            });
        }
    }
    findings.sort_by(|one, other| (&one.origin, one.line).cmp(&(&other.origin, other.line)));
    Ok(findings)
}
