//! Runs rules on their schedule until it is told to stop.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use trailhouse_alert::{Pump, PumpOptions, Route, Spool, SpoolOptions};
use trailhouse_detect::{
    DetectionId, Mode, RuleTiming, Rulebook, RunOutcome, Schedule, ScheduleLimits,
};
use trailhouse_lake::{CompactionGroup, Lake, RunStatus};
use trailhouse_runtime::{Clock, Drain, SystemClock};

use super::{
    engine::{DetectionEngine, EngineSettings, RowChoice, RuleChoice},
    ledger::last_runs,
    outbox::{Outbox, spool_clock},
    report::RunReport,
    rules::{RuleSource, Rules},
    upkeep::Upkeep,
};
use crate::{alerts::pump_error, error::ServiceError, lake::LakeAddress};

/// The longest sleep: the wall clock may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// How a daemon works.
#[derive(Debug, Clone)]
pub struct DaemonSettings {
    /// The lake.
    pub lake: LakeAddress,
    /// Where rules come from; read again before each round.
    pub rules: RuleSource,
    /// How often rules run that name no time.
    pub default_every: Duration,
    /// By how much the times of rules are moved apart.
    pub jitter_max: Duration,
    /// The most rules of one round.
    pub rules_per_round_max: usize,
    /// How they are run.
    pub engine: EngineSettings,
    /// Where alerts wait until they are sent.
    pub spool: PathBuf,
    /// How often small files of the lake are put together; never where it is absent.
    pub optimize_every: Option<Duration>,
    /// Stop once every rule had its turn.
    pub once: bool,
}

/// What a daemon tells.
#[derive(Debug)]
pub enum DaemonNews<'n> {
    /// A round has ended.
    Round {
        /// What it did.
        report: &'n RunReport,
        /// Alerts that were handed to the spool.
        alerts: u64,
    },
    /// A round could not be made; its rules are tried again later.
    RoundFailed {
        /// Why.
        error: &'n ServiceError,
    },
    /// Alerts could not be taken from the findings; they are taken later.
    AlertsFailed {
        /// Why.
        error: &'n ServiceError,
    },
    /// Small files have become a large one.
    Optimized {
        /// The files.
        group: &'n CompactionGroup,
    },
    /// Small files could not be put together; it is tried again later.
    OptimizeFailed {
        /// Why.
        error: &'n ServiceError,
    },
    /// Packs or site files cannot be read any more; the rules stay as they are.
    RulesBroken {
        /// Why.
        error: &'n ServiceError,
    },
}

/// What a daemon did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DaemonSummary {
    /// Rounds that were made.
    pub rounds: u64,
    /// Rounds that failed.
    pub failed: u64,
    /// New findings.
    pub findings: u64,
    /// Alerts handed to the spool.
    pub alerts: u64,
}

/// Runs until the drain, or until every rule had its turn.
pub async fn daemon(
    settings: &DaemonSettings,
    routes: Vec<Route>,
    drain: &Drain,
    tell: &mut (dyn FnMut(DaemonNews<'_>) + Send),
) -> Result<DaemonSummary, ServiceError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let rules = settings.rules.load().await?;
    let lake = settings.lake.open().await?;
    let routes: Vec<Arc<Route>> = routes.into_iter().map(Arc::new).collect();
    let spool = Arc::new(Spool::open(&settings.spool, SpoolOptions::default())?);
    let pump =
        Pump::new(Arc::clone(&spool), routes.clone(), PumpOptions::default(), spool_clock(&clock))
            .map_err(pump_error)?;
    let outbox = Outbox::new(lake.clone(), spool, routes, Arc::clone(&clock));
    outbox.start().await?;
    let schedule = schedule(settings, &rules.rulebook, &lake, clock.as_ref()).await?;
    let (engine, clock_of_engine) = (settings.engine.clone(), Arc::clone(&clock));
    let engine = DetectionEngine::new(lake.clone(), rules.clone(), engine, clock_of_engine);
    let upkeep = Upkeep::new(settings.optimize_every, clock.now());
    let mut rounds = Rounds {
        settings,
        lake,
        upkeep,
        rules,
        engine,
        schedule,
        outbox,
        clock,
        summary: DaemonSummary::default(),
    };
    if settings.once {
        rounds.all_once(&pump, tell).await?;
    } else {
        let sending = pump.run(drain.requested());
        let judging = rounds.until(drain, &pump, tell);
        tokio::join!(sending, judging);
    }
    Ok(rounds.summary)
}

struct Rounds<'s> {
    settings: &'s DaemonSettings,
    lake: Lake,
    upkeep: Upkeep,
    rules: Rules,
    engine: DetectionEngine,
    schedule: Schedule,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    summary: DaemonSummary,
}

impl Rounds<'_> {
    async fn until(
        &mut self,
        drain: &Drain,
        pump: &Pump,
        tell: &mut (dyn FnMut(DaemonNews<'_>) + Send),
    ) {
        while !drain.is_requested() {
            self.reload(tell).await;
            self.round(tell).await;
            pump.wake();
            self.optimize(tell).await;
            let now = self.clock.now();
            let wake = self.schedule.next_wake().map_or(SLEEP_MAX, |wake| {
                let micros = wake.micros().saturating_sub(now.micros());
                Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(SLEEP_MAX)
            });
            let wake = if self.upkeep.has_more() { Duration::ZERO } else { wake };
            tokio::select! {
                () = tokio::time::sleep(wake) => {}
                () = drain.requested() => {}
            }
        }
    }

    /// Puts some small files together, so that detections stay quick to run.
    async fn optimize(&mut self, tell: &mut (dyn FnMut(DaemonNews<'_>) + Send)) {
        match self.upkeep.step(&self.lake, self.clock.now()).await {
            Ok(Some(group)) => tell(DaemonNews::Optimized { group: &group }),
            Ok(None) => {}
            Err(error) => tell(DaemonNews::OptimizeFailed { error: &error }),
        }
    }

    async fn all_once(
        &mut self,
        pump: &Pump,
        tell: &mut (dyn FnMut(DaemonNews<'_>) + Send),
    ) -> Result<(), ServiceError> {
        let choice = RuleChoice::default();
        let report = self.engine.round(&choice, RowChoice::NewFromNow).await?;
        let alerts = self.outbox.forward(&self.rules.rulebook).await?;
        self.summary.rounds += 1;
        self.summary.alerts += alerts;
        self.summary.findings += crate::count::count(report.findings.len());
        tell(DaemonNews::Round { report: &report, alerts });
        pump.drain().await?;
        Ok(())
    }

    /// Runs the rules that are due, if any are.
    async fn round(&mut self, tell: &mut (dyn FnMut(DaemonNews<'_>) + Send)) {
        let due: BTreeSet<DetectionId> =
            self.schedule.poll(self.clock.now()).into_iter().map(|due| due.id).collect();
        if !due.is_empty() {
            let ids = due.iter().map(|id| id.as_str().to_owned()).collect();
            let choice = RuleChoice { matching: None, ids: Some(ids) };
            let outcome = self.engine.round(&choice, RowChoice::NewFromNow).await;
            let now = self.clock.now();
            for id in &due {
                self.schedule.finished(id, now, outcome_of(id, outcome.as_ref()));
            }
            match &outcome {
                Ok(report) => {
                    self.summary.rounds += 1;
                    self.summary.findings += crate::count::count(report.findings.len());
                    let alerts = self.forward(tell).await;
                    tell(DaemonNews::Round { report, alerts });
                    return;
                }
                Err(error) => {
                    self.summary.failed += 1;
                    tell(DaemonNews::RoundFailed { error });
                }
            }
        }
        self.forward(tell).await;
    }

    /// Takes alerts from the findings; those of an earlier round that could not be taken as well.
    async fn forward(&mut self, tell: &mut (dyn FnMut(DaemonNews<'_>) + Send)) -> u64 {
        match self.outbox.forward(&self.rules.rulebook).await {
            Ok(alerts) => {
                self.summary.alerts += alerts;
                alerts
            }
            Err(error) => {
                tell(DaemonNews::AlertsFailed { error: &error });
                0
            }
        }
    }

    /// Takes up what was changed in packs and site files.
    async fn reload(&mut self, tell: &mut (dyn FnMut(DaemonNews<'_>) + Send)) {
        match self.settings.rules.load().await {
            Ok(rules) => {
                if rules.rulebook != self.rules.rulebook {
                    let timings = timings(&rules.rulebook);
                    self.schedule.reload(timings, self.clock.now());
                }
                self.engine.replace_rules(rules.clone());
                self.rules = rules;
            }
            Err(error) => tell(DaemonNews::RulesBroken { error: &error }),
        }
    }
}

fn outcome_of(id: &DetectionId, outcome: Result<&RunReport, &ServiceError>) -> RunOutcome {
    let Ok(report) = outcome else { return RunOutcome::Failed };
    let failed =
        |(ended, status): &(String, RunStatus)| ended == id.as_str() && *status != RunStatus::Ok;
    if report.ended.iter().any(failed) { RunOutcome::Failed } else { RunOutcome::Done }
}

async fn schedule(
    settings: &DaemonSettings,
    rulebook: &Rulebook,
    lake: &Lake,
    clock: &dyn Clock,
) -> Result<Schedule, ServiceError> {
    let limits = ScheduleLimits {
        concurrency: settings.rules_per_round_max,
        jitter_max: settings.jitter_max,
        default_every: settings.default_every,
    };
    let last = last_runs(lake).await?;
    let mut timings = timings(rulebook);
    for timing in &mut timings {
        timing.last_run = last.get(timing.id.as_str()).copied();
    }
    Ok(Schedule::new(timings, limits, clock.now()))
}

fn timings(rulebook: &Rulebook) -> Vec<RuleTiming> {
    let runs = |rule: &&trailhouse_detect::Rule| rule.detection.mode != Mode::Paused;
    rulebook.rules.iter().filter(runs).map(RuleTiming::from).collect()
}
