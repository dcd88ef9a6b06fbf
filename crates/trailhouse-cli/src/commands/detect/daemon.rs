//! `trailhouse detect daemon`.

use std::{sync::Arc, time::Duration};

use trailhouse_service::{
    ServiceError, alerts,
    detect::{DaemonNews, DaemonSettings, EngineSettings, daemon},
};

use super::{
    engine_settings, rule_source,
    run::{run_line, tell_notices},
};
use crate::{
    args::{DaemonArgs, Global},
    commands::{
        aws_options, lake_address, signal_drain,
        summary::{count, plural},
    },
    exit::Exit,
    terminal::{Stdout, Terminal},
};

const OPTIMIZE_EVERY: Duration = Duration::from_secs(3_600);

pub(super) async fn run(
    global: &Global,
    arguments: &DaemonArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let rules = rule_source(global, &arguments.packs);
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let routes = alerts::routes(&rules.site, &aws_options(global), Some(Arc::new(Stdout))).await?;
    tell_notices(&rules.load().await?, terminal);
    let settings = DaemonSettings {
        lake: lake_address(global),
        rules,
        default_every: seconds(arguments.every),
        jitter_max: arguments.jitter.map(seconds).unwrap_or_default(),
        rules_per_round_max: usize::from(arguments.rules_per_round),
        engine: EngineSettings {
            cache: Some(arguments.cache.clone()),
            ..engine_settings(global, &arguments.limits)
        },
        spool: arguments.spool.spool.clone(),
        optimize_every: (!arguments.no_optimize).then_some(OPTIMIZE_EVERY),
        once: arguments.once,
    };
    let drain = signal_drain()?;
    if !settings.once {
        let sinks = plural(count(routes.len()), "sink");
        terminal.say(&format!("Watching {} with {sinks}; stop with Ctrl-C", global.lake));
    }
    let mut tell = |news: DaemonNews<'_>| tell(terminal, &news);
    let summary = daemon(&settings, routes, &drain, &mut tell).await?;
    terminal.say(&format!(
        "{}, {} failed: {}, {}",
        plural(summary.rounds, "round"),
        summary.failed,
        plural(summary.findings, "finding"),
        plural(summary.alerts, "alert"),
    ));
    Ok(Exit::Done)
}

fn tell(terminal: &Terminal, news: &DaemonNews<'_>) {
    match news {
        DaemonNews::Round { report, alerts } => {
            for failure in &report.failures {
                terminal.warn(&format!(
                    "{} could not be run; its range stays open: {}",
                    failure.path, failure.error.message
                ));
            }
            if report.detections > 0 {
                terminal.say(&format!("{}, {}", run_line(report), plural(*alerts, "alert")));
            }
        }
        DaemonNews::RoundFailed { error } => {
            terminal.warn(&format!("a round failed and is tried again: {}", error.message));
        }
        DaemonNews::AlertsFailed { error } => {
            terminal.warn(&format!("alerts wait in the findings table: {}", error.message));
        }
        DaemonNews::Optimized { group } => terminal.say(&format!(
            "{} of {} became one",
            plural(count(group.files.len()), "small file"),
            group.table.as_str()
        )),
        DaemonNews::OptimizeFailed { error } => {
            terminal.warn(&format!(
                "small files stay as they are until the next time: {}",
                error.message
            ));
        }
        DaemonNews::RulesBroken { error } => {
            terminal.warn(&format!("the rules stay as they were: {}", error.message));
        }
    }
}
