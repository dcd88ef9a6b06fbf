//! Detections over the lake: running them, and checking that they do what they say.

mod benign;
mod case_rows;
mod daemon;
mod engine;
mod explain;
mod judge;
mod ledger;
mod lint;
mod lint_site;
mod new;
mod outbox;
mod plan_cost;
mod report;
mod rules;
mod run;
mod test;
mod upkeep;

pub use benign::{BenignOptions, BenignReport, BenignResult};
pub use daemon::{DaemonNews, DaemonSettings, DaemonSummary, daemon};
pub use engine::{DetectionEngine, EngineSettings, RowChoice, RuleChoice};
pub use explain::{
    ConditionOutcome, EventExplanation, EventStanding, Explanation, SelectExplanation, Verdict,
    explain,
};
pub use ledger::{ExceptionUse, LEDGER_SQL, exception_uses, stats_sql};
pub use lint::{LintReport, Portability, lint};
pub use new::{front_matter_of, new_detection};
pub use plan_cost::PlanCost;
pub use report::{DetectionFailure, RunReport};
pub use rules::{RuleSource, Rules, rulebook};
pub use run::{RunOptions, run};
pub use test::{CaseReport, Noise, TestOptions, TestReport, test};

use trailhouse_detect::PackEntry;
pub use trailhouse_lake::FindingRow;

/// Says whether a detection is among those that are asked for.
pub(crate) fn is_wanted(entry: &PackEntry, matching: Option<&str>) -> bool {
    matching.is_none_or(|text| entry.detection.id.as_str().contains(text))
}
