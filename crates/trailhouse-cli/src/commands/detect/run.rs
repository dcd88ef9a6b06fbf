//! `trailhouse detect run`.

use std::collections::BTreeMap;

use trailhouse_model::Severity;
use trailhouse_service::{
    FailureKind, ServiceError,
    detect::{self, FindingRow, RowChoice, RuleChoice, Rules, RunOptions, RunReport},
};

use super::{engine_settings, rule_source};
use crate::{
    args::{BackfillArgs, Global, RunArgs},
    commands::{
        lake_address,
        rows::{Cells, write},
        summary::{count, grouped, plural},
    },
    exit::Exit,
    terminal::Terminal,
};

pub(super) async fn run(
    global: &Global,
    arguments: &RunArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let RunArgs { packs, matching, all, min_severity, fail_on, limits } = arguments;
    let options = RunOptions {
        rows: if *all { RowChoice::All } else { RowChoice::New },
        rules: RuleChoice { matching: matching.clone(), ids: None },
        engine: engine_settings(global, limits),
    };
    let rules = rule_source(global, packs).load().await?;
    tell_notices(&rules, terminal);
    let report = detect::run(&lake_address(global), rules, &options).await?;
    tell_run(global, &report, *min_severity, terminal)?;
    Ok(run_exit(&report, *fail_on))
}

pub(super) async fn backfill(
    global: &Global,
    arguments: &BackfillArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let BackfillArgs { packs, ids, from, to, limits } = arguments;
    if from >= to {
        let message = format!("--from {from} is not before --to {to}");
        return Err(ServiceError::new(FailureKind::Usage, message));
    }
    let rules = rule_source(global, packs).load().await?;
    if let Some(id) = ids.iter().find(|id| rules.rulebook.find(id).is_none()) {
        return Err(ServiceError::new(FailureKind::Usage, format!("no detection `{id}`"))
            .with_hint("`trailhouse detect ls` lists them"));
    }
    let options = RunOptions {
        rows: RowChoice::Backfill { from: *from, to: *to },
        rules: RuleChoice { matching: None, ids: Some(ids.iter().cloned().collect()) },
        engine: engine_settings(global, limits),
    };
    let report = detect::run(&lake_address(global), rules, &options).await?;
    tell_run(global, &report, None, terminal)?;
    Ok(run_exit(&report, None))
}

fn tell_run(
    global: &Global,
    report: &RunReport,
    min_severity: Option<Severity>,
    terminal: &Terminal,
) -> Result<(), ServiceError> {
    let shown: Vec<&FindingRow> = report
        .findings
        .iter()
        .filter(|finding| min_severity.is_none_or(|level| finding.severity >= level))
        .collect();
    write_findings(global, &shown)?;
    for failure in &report.failures {
        terminal.warn(&format!(
            "{} could not be run; its range stays open: {}",
            failure.path, failure.error.message
        ));
    }
    tell_skipped(report, terminal);
    terminal.say(&run_line(report));
    Ok(())
}

/// Says what of the site's files should be looked at, such as exceptions that have ended.
pub(super) fn tell_notices(rules: &Rules, terminal: &Terminal) {
    for notice in &rules.rulebook.notices {
        terminal.warn(&format!("{}:{}: {}", notice.origin, notice.line, notice.message));
    }
}

/// Says which detections were not run because the site has not what they need.
pub(super) fn tell_skipped(report: &RunReport, terminal: &Terminal) {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, reason) in &report.skipped {
        *reasons.entry(reason).or_default() += 1;
    }
    for (reason, number) in reasons {
        terminal.say(&format!("{} skipped: {reason}", plural(number, "detection")));
    }
}

fn write_findings(global: &Global, findings: &[&FindingRow]) -> Result<(), ServiceError> {
    let text = |of: &dyn Fn(&FindingRow) -> Option<String>| {
        Cells::Text(findings.iter().map(|finding| of(finding)).collect())
    };
    write(
        global,
        vec![
            ("severity", text(&|row| Some(row.severity.to_string()))),
            ("title", text(&|row| Some(row.title.clone()))),
            ("entity", text(&|row| Some(row.entity.clone()))),
            ("account", text(&|row| Some(row.recipient_account_id.join(" ")))),
            ("region", text(&|row| Some(row.aws_region.join(" ")))),
            ("first_event_time", text(&|row| row.first_event_time.map(|at| at.to_string()))),
            ("last_event_time", text(&|row| row.last_event_time.map(|at| at.to_string()))),
            ("events", Cells::Count(findings.iter().map(|row| row.events).collect())),
            ("detection_id", text(&|row| Some(row.detection_id.clone()))),
            ("fingerprint", text(&|row| Some(row.fingerprint.clone()))),
        ],
    )
}

/// One line on what a run did.
pub(in crate::commands) fn run_line(report: &RunReport) -> String {
    if report.detections == 0 {
        return format!(
            "Nothing new up to version {}: {} up to date (--all judges the whole lake again)",
            report.up_to,
            plural(report.idle, "detection"),
        );
    }
    let mut levels = Vec::new();
    for severity in Severity::ALL.into_iter().rev() {
        let number = report.count(severity);
        if number > 0 {
            levels.push(format!("{} {severity}", grouped(number)));
        }
    }
    let levels =
        if levels.is_empty() { String::new() } else { format!(" ({})", levels.join(", ")) };
    let known = if report.known > 0 {
        format!(", {} known before", grouped(report.known))
    } else {
        String::new()
    };
    format!(
        "{} up to version {}: {}{levels}{known}, {} ms",
        plural(report.detections, "detection"),
        report.up_to,
        plural(count(report.findings.len()), "finding"),
        grouped(u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX)),
    )
}

/// A detection that failed makes the run partial, unless what to fail on is there.
fn run_exit(report: &RunReport, fail_on: Option<Severity>) -> Exit {
    let is_reached = |level| report.findings.iter().any(|finding| finding.severity >= level);
    if fail_on.is_some_and(is_reached) {
        Exit::FailOn
    } else if report.failures.is_empty() {
        Exit::Done
    } else {
        Exit::Query
    }
}
