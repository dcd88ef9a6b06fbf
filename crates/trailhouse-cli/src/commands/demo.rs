//! `trailhouse demo`.

use std::collections::BTreeMap;

use trailhouse_service::{
    DemoReport, FailureKind, Progress, ServiceError, demo, detect::FindingRow,
};

use super::{
    detect::run_line,
    ingest::show,
    interrupted, signal_drain,
    summary::{bytes, grouped, plural},
};
use crate::{
    args::{DemoArgs, Global},
    exit::Exit,
    terminal::{Line, Terminal},
};

/// Findings that the story shows.
const FINDINGS_MAX: usize = 20;

pub(super) async fn run(
    _global: &Global,
    arguments: &DemoArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let drain = signal_drain()?;
    let bar = terminal.progress_bar(None);
    let observe = |progress: Progress<'_>| show(&bar, progress);
    let ended = Box::pin(demo(&arguments.dir, arguments.seed, &drain, observe)).await;
    bar.finish_and_clear();
    match ended {
        Ok(report) => {
            terminal.print_lines(&story(&report, arguments.seed))?;
            Ok(Exit::Done)
        }
        Err(error) if error.kind == FailureKind::Interrupted => Ok(interrupted(&drain)),
        Err(error) => Err(error),
    }
}

fn story(report: &DemoReport, seed: u64) -> Vec<Line> {
    let mut lines: Vec<Line> = head(report, seed).into_iter().map(Line::Plain).collect();
    lines.push(Line::Plain(format!("\n{}", run_line(&report.run))));
    let names: BTreeMap<&str, &str> =
        report.accounts.iter().map(|account| (account.id, account.name)).collect();
    for finding in report.run.findings.iter().take(FINDINGS_MAX) {
        lines.push(Line::Graded(finding.severity, finding_text(finding, &names)));
    }
    let more = report.run.findings.len().saturating_sub(FINDINGS_MAX);
    if more > 0 {
        lines.push(Line::Plain(format!("  ... and {more} more")));
    }
    lines.push(Line::Plain(format!(
        "  {} of the attack's {} are evidence of a finding ({} names them)\n",
        grouped(report.labels_found),
        plural(report.labels, "event"),
        report.dir.join("labels.ndjson").display(),
    )));
    lines.extend(next_steps(&report.lake.display().to_string()).into_iter().map(Line::Plain));
    lines
}

fn head(report: &DemoReport, seed: u64) -> Vec<String> {
    let stored = &report.ingest.report;
    let lake = if stored.events > 0 {
        format!(
            "{} events stored, Delta, {}",
            grouped(stored.events),
            bytes(report.ingest.bytes_written)
        )
    } else {
        format!("nothing new: {} were there", plural(stored.objects_duplicate, "object"))
    };
    let skipped: Vec<String> =
        stored.skipped.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
    let skipped = if skipped.is_empty() {
        String::new()
    } else {
        format!(", skipped {}", skipped.join(", "))
    };
    vec![
        format!(
            "Created {} (offline sample, {} events, {} accounts, 14 days, seed {seed})",
            report.dir.display(),
            grouped(report.events),
            report.accounts.len(),
        ),
        format!(
            "  logs         {} in {}{skipped}",
            plural(report.objects, "object"),
            report.dir.join("logs").display()
        ),
        format!("  lake         {}   {lake}", report.lake.display()),
        format!("  pack         {}   {}", report.pack, plural(report.detections, "detection")),
        "  storyline    leaked key > recon > role chain > snapshot shared > trail stopped"
            .to_owned(),
    ]
}

fn finding_text(finding: &FindingRow, names: &BTreeMap<&str, &str>) -> String {
    let accounts: Vec<&str> = finding
        .recipient_account_id
        .iter()
        .map(|account| names.get(account.as_str()).copied().unwrap_or(account.as_str()))
        .collect();
    let at = finding.first_event_time.map_or_else(String::new, |at| at.to_string());
    format!("{at:<20}  {:<14} {}", accounts.join(" "), finding.title)
}

fn next_steps(lake: &str) -> Vec<String> {
    vec![
        "Try next:".to_owned(),
        format!(
            "  trailhouse --lake {lake} query \"SELECT event_time, event_name, user_identity_arn, error_code FROM events WHERE user_identity_access_key_id = 'AKIADEMOLEAKEDKEY001' AND source_ip_address = '198.51.100.177' ORDER BY event_time\""
        ),
        format!(
            "  trailhouse --lake {lake} query \"SELECT event_name, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 10\""
        ),
        format!(
            "  trailhouse --lake {lake} query \"SELECT severity, title, entity, events FROM findings ORDER BY first_event_time\""
        ),
        "  trailhouse detect show aws.logging.trail-stopped".to_owned(),
        format!("  trailhouse --lake {lake} status"),
    ]
}
