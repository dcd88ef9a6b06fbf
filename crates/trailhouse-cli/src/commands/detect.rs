//! `trailhouse detect`.

use trailhouse_detect::{LintSeverity, PackEntry};
use trailhouse_model::Severity;
use trailhouse_service::{
    FailureKind, ServiceError,
    detect::{self, FindingRow, RunOptions, RunRange, RunReport},
    load_pack,
};

use super::{
    lake_address,
    rows::{Cells, write},
    session_options,
    summary::{count, grouped, plural},
};
use crate::{
    args::{DetectCommand, Global, PackArgs},
    exit::Exit,
    terminal::Terminal,
};

pub(super) async fn run(
    global: &Global,
    command: &DetectCommand,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    match command {
        DetectCommand::Ls { pack } => list(global, pack, terminal),
        DetectCommand::Show { pack, id } => show(pack, id, terminal),
        DetectCommand::Lint { pack } => lint(pack, terminal).await,
        DetectCommand::Test { pack, matching } => test(pack, matching.as_deref(), terminal).await,
        DetectCommand::Run { pack, matching, all, min_severity, fail_on } => {
            let pack = load_pack(pack.pack.as_deref())?;
            let options = RunOptions {
                range: if *all { RunRange::All } else { RunRange::New },
                matching: matching.clone(),
                session: session_options(global),
            };
            let report = detect::run(&lake_address(global), &pack, &options).await?;
            tell_run(global, &report, *min_severity, terminal)?;
            Ok(run_exit(&report, *fail_on))
        }
    }
}

fn list(global: &Global, pack: &PackArgs, terminal: &Terminal) -> Result<Exit, ServiceError> {
    let pack = load_pack(pack.pack.as_deref())?;
    let text = |of: &dyn Fn(&PackEntry) -> String| {
        Cells::Text(pack.entries.iter().map(|entry| Some(of(entry))).collect())
    };
    write(
        global,
        vec![
            ("id", text(&|entry| entry.detection.id.as_str().to_owned())),
            ("severity", text(&|entry| entry.detection.severity.to_string())),
            ("theme", text(&|entry| entry.theme.clone())),
            ("title", text(&|entry| entry.detection.title.clone())),
            ("techniques", text(&|entry| techniques(entry))),
        ],
    )?;
    let manifest = &pack.manifest;
    terminal.say(&format!(
        "{} in pack {} {} (ATT&CK v{})",
        plural(count(pack.entries.len()), "detection"),
        manifest.id,
        manifest.version,
        manifest.attack_version,
    ));
    Ok(Exit::Done)
}

fn techniques(entry: &PackEntry) -> String {
    let names: Vec<&str> =
        entry.detection.techniques.iter().map(|technique| technique.technique.as_str()).collect();
    names.join(" ")
}

fn show(pack: &PackArgs, id: &str, terminal: &Terminal) -> Result<Exit, ServiceError> {
    let pack = load_pack(pack.pack.as_deref())?;
    let Some(entry) = pack.find(id) else {
        let message = format!("no detection `{id}` in pack {}", pack.manifest.id);
        return Err(ServiceError::new(FailureKind::Usage, message)
            .with_hint("`trailhouse detect ls` lists them"));
    };
    let detection = &entry.detection;
    let mut text = format!(
        "{}\n{}\n\nid          {}\nseverity    {}\ntechniques  {} (ATT&CK v{})\nfile        {}\n",
        detection.title,
        detection.description,
        detection.id.as_str(),
        detection.severity,
        techniques(entry),
        pack.manifest.attack_version,
        entry.path,
    );
    if !detection.false_positives.is_empty() {
        text.push_str(&format!("false positives: {}\n", detection.false_positives.join("; ")));
    }
    text.push_str(&format!("\n{}\n", detection.sql.trim_end()));
    if let Some(runbook) = &entry.runbook {
        text.push_str(&format!("\n{}", runbook.trim_end()));
    }
    terminal.print(&text)?;
    Ok(Exit::Done)
}

async fn lint(pack: &PackArgs, terminal: &Terminal) -> Result<Exit, ServiceError> {
    let findings = detect::lint(pack.pack.as_deref()).await?;
    let mut errors = 0_u64;
    for finding in &findings {
        match finding.severity {
            LintSeverity::Error => errors += 1,
            LintSeverity::Warning => {}
        }
        terminal.print(&format!(
            "{}[{}] {}:{}: {}",
            finding.severity.as_str(),
            finding.code,
            finding.origin,
            finding.line,
            finding.message
        ))?;
    }
    let warnings = count(findings.len()).saturating_sub(errors);
    terminal.say(&format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")));
    Ok(if errors > 0 { Exit::FailOn } else { Exit::Done })
}

async fn test(
    pack: &PackArgs,
    matching: Option<&str>,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let pack = load_pack(pack.pack.as_deref())?;
    let report = detect::test(&pack, matching).await?;
    for case in &report.cases {
        for failure in &case.failures {
            terminal.print(&format!(
                "FAILED {}:{}: {} \"{}\": {failure}",
                case.path, case.line, case.detection_id, case.name
            ))?;
        }
    }
    for id in &report.untested {
        terminal.print(&format!("FAILED {id}: needs a case that fires and one that does not"))?;
    }
    let failed = report.failed();
    terminal.say(&format!(
        "{} passed, {} failed, of {}",
        grouped(count(report.cases.len().saturating_sub(failed))),
        grouped(count(failed)),
        plural(count(report.cases.len()), "case"),
    ));
    let is_good = failed == 0 && report.untested.is_empty();
    Ok(if is_good { Exit::Done } else { Exit::FailOn })
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
    terminal.say(&run_line(report));
    Ok(())
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
pub(super) fn run_line(report: &RunReport) -> String {
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
