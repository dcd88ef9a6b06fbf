//! `trailhouse ingest`.

use indicatif::ProgressBar;
use trailhouse_service::{
    FailureKind, IngestReport, IngestSelection, IngestSummary, Progress, ServiceError, Window,
    ingest,
};

use super::{
    ingest_settings, interrupted, signal_drain,
    summary::{self, grouped, rate},
    unless_aborted,
};
use crate::{
    args::{Global, IngestArgs},
    exit::Exit,
    terminal::Terminal,
};

pub(super) async fn run(
    global: &Global,
    arguments: &IngestArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let drain = signal_drain()?;
    let bar = terminal.progress_bar(None);
    let observe = |progress: Progress<'_>| show(&bar, progress);
    let settings = ingest_settings(global);
    let selection = selection(arguments);
    let work = Box::pin(ingest(&settings, &arguments.sources, &selection, &drain, observe));
    let ended = unless_aborted(&drain, work).await;
    bar.finish_and_clear();
    match ended {
        Ok(summary) => Ok(tell(&summary, terminal)),
        Err(error) if error.kind == FailureKind::Interrupted => Ok(interrupted(&drain)),
        Err(error) => Err(error),
    }
}

fn selection(arguments: &IngestArgs) -> IngestSelection {
    let window = match (arguments.last, arguments.from, arguments.to) {
        (Some(seconds), _, _) => Window::LastSeconds(seconds),
        (None, None, None) => Window::Always,
        (None, from, to) => Window::Between { from, to },
    };
    IngestSelection {
        window,
        accounts: arguments.accounts.iter().cloned().collect(),
        regions: arguments.regions.iter().cloned().collect(),
    }
}

/// Prints the summary and returns the exit that belongs to it.
pub(super) fn tell(summary: &IngestSummary, terminal: &Terminal) -> Exit {
    terminal.say(&summary::render(summary));
    if is_partial(&summary.report) { Exit::Partial } else { Exit::Done }
}

fn is_partial(report: &IngestReport) -> bool {
    report.has_quarantined() || report.failed_objects_count > 0
}

/// Moves the bar to what is done.
pub(super) fn show(bar: &ProgressBar, progress: Progress<'_>) {
    if bar.is_hidden() {
        return;
    }
    let report = progress.report;
    if bar.length() != progress.objects_planned
        && let Some(planned) = progress.objects_planned
    {
        bar.set_length(planned);
    }
    let settled = report.objects_stored
        + report.objects_empty
        + report.objects_duplicate
        + report.objects_skipped()
        + report.objects_quarantined
        + report.failed_objects_count;
    bar.set_position(settled);
    let per_second = rate(report.events, bar.elapsed().as_millis());
    bar.set_message(format!("{} events   {} ev/s", grouped(report.events), grouped(per_second)));
}
