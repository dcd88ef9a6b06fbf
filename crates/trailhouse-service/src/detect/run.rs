//! Runs detections once.

use std::sync::Arc;

use trailhouse_runtime::SystemClock;

use super::{
    engine::{DetectionEngine, EngineSettings, RowChoice, RuleChoice},
    report::RunReport,
    rules::Rules,
};
use crate::{error::ServiceError, lake::LakeAddress};

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// Which rows.
    pub rows: RowChoice,
    /// Which detections.
    pub rules: RuleChoice,
    /// How they are run.
    pub engine: EngineSettings,
}

/// Runs the active detections of a rulebook once, and stores findings and runs in one commit.
pub async fn run(
    lake: &LakeAddress,
    rules: Rules,
    options: &RunOptions,
) -> Result<RunReport, ServiceError> {
    let lake = lake.open().await?;
    let clock = Arc::new(SystemClock);
    let mut engine = DetectionEngine::new(lake, rules, options.engine.clone(), clock);
    engine.round(&options.rules, options.rows).await
}
