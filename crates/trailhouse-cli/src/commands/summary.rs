//! What an ingest ended with, told to a person.

use trailhouse_query::escape_terminal;
use trailhouse_service::{IngestReport, IngestSummary};

/// How many quarantined or failed objects are named one by one.
const EXAMPLES_MAX: usize = 5;

/// Renders the summary, a fact a line.
pub(super) fn render(summary: &IngestSummary) -> String {
    let report = &summary.report;
    let mut lines = vec![stored(summary)];
    if report.objects_duplicate > 0 {
        lines.push(format!(
            "Duplicate    {} that the lake already has",
            plural(report.objects_duplicate, "object")
        ));
    }
    if summary.repeated_events > 0 {
        lines.push(format!(
            "Repeats      {} left out, each the same as another of its commit (CloudTrail delivers some twice)",
            plural(summary.repeated_events, "event")
        ));
    }
    lines.extend(skipped(report));
    lines.extend(quarantined(report));
    lines.extend(failed(report));
    lines.extend(listed(summary));
    if summary.other_files > 0 {
        lines.push(format!(
            "Passed over  {} files that are no logs by their name",
            grouped(summary.other_files)
        ));
    }
    lines.extend(covers(report));
    lines.push(read(summary));
    lines.join("\n")
}

/// Tells what listing buckets took, and what was listed in vain.
fn listed(summary: &IngestSummary) -> Option<String> {
    let passed = summary.listed.map_or(0, |listed| listed.passed) + summary.passed_files;
    let requests = summary.listed.map(|listed| plural(listed.requests, "list request"));
    let passed =
        (passed > 0).then(|| format!("{} not asked for by their names", plural(passed, "object")));
    let all: Vec<String> = requests.into_iter().chain(passed).collect();
    (!all.is_empty()).then(|| format!("Listed       {}", all.join(", ")))
}

fn stored(summary: &IngestSummary) -> String {
    let report = &summary.report;
    let objects = report.objects_stored + report.objects_empty;
    if objects == 0 {
        return format!("Stored       nothing new in {}", summary.lake);
    }
    let empty = if report.objects_empty > 0 {
        format!(", {} of them empty", grouped(report.objects_empty))
    } else {
        String::new()
    };
    format!(
        "Stored       {} of {}{empty} in {}, {} into {}",
        plural(report.events.saturating_sub(summary.repeated_events), "event"),
        plural(objects, "object"),
        plural(report.commits, "commit"),
        bytes(summary.bytes_written),
        summary.lake,
    )
}

fn skipped(report: &IngestReport) -> Option<String> {
    let kinds: Vec<String> =
        report.skipped.iter().map(|(kind, count)| format!("{} {kind}", grouped(*count))).collect();
    let ignored: Vec<String> = report
        .ignored_messages
        .iter()
        .map(|(why, count)| format!("{} {why}", grouped(*count)))
        .collect();
    let all = [kinds, ignored].concat();
    (!all.is_empty()).then(|| format!("Skipped      {}", all.join(", ")))
}

fn quarantined(report: &IngestReport) -> Vec<String> {
    if !report.has_quarantined() {
        return Vec::new();
    }
    let reasons: Vec<String> = report
        .quarantined
        .iter()
        .map(|(reason, count)| format!("{} {reason}", grouped(*count)))
        .collect();
    let mut lines =
        vec![format!("Quarantined  {}   (trailhouse quarantine ls)", reasons.join(", "))];
    for (object, reason, detail) in report.quarantine_examples.iter().take(EXAMPLES_MAX) {
        lines.push(format!(
            "             {reason}  {}: {}",
            escape_terminal(object),
            escape_terminal(detail)
        ));
    }
    lines
}

fn failed(report: &IngestReport) -> Vec<String> {
    if report.failed_objects_count == 0 {
        return Vec::new();
    }
    let count = grouped(report.failed_objects_count);
    let mut lines =
        vec![format!("Not read     {count} objects; run the same command again to retry them")];
    for (object, detail) in report.failed_objects.iter().take(EXAMPLES_MAX) {
        lines.push(format!(
            "             {}: {}",
            escape_terminal(object),
            escape_terminal(detail)
        ));
    }
    lines
}

fn covers(report: &IngestReport) -> Option<String> {
    let (first, last) = (report.first_event_time?, report.last_event_time?);
    let accounts = plural(count(report.accounts.len()), "account");
    let regions = plural(count(report.regions.len()), "region");
    Some(format!("Covers       {first} to {last}, {accounts}, {regions}"))
}

fn read(summary: &IngestSummary) -> String {
    let report = &summary.report;
    let seconds = summary.elapsed.as_secs_f64();
    format!(
        "Read         {} ({} inflated) in {seconds:.1} s, {} events/s",
        bytes(report.compressed_bytes),
        bytes(report.inflated_bytes),
        grouped(rate(report.events, summary.elapsed.as_millis())),
    )
}

/// Returns events in a second, rounded down; 0 where no time has passed.
pub(super) fn rate(events: u64, elapsed_ms: u128) -> u64 {
    let per_second = u128::from(events).saturating_mul(1_000).checked_div(elapsed_ms).unwrap_or(0);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

/// Returns a length as a count.
pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Writes a count with its noun.
pub(super) fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(count))
}

/// Writes a number with commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a size with a binary unit and one decimal.
pub(super) fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = u128::from(size) * 10;
    let mut unit = None;
    for next in UNITS {
        if tenths < 10 * 1024 {
            break;
        }
        tenths /= 1024;
        unit = Some(next);
    }
    match unit {
        None => format!("{size} B"),
        Some(unit) => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(2_900), "2,900");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(100 << 20), "100.0 MiB");
        assert_eq!(plural(1, "commit"), "1 commit");
        assert_eq!(rate(10, 0), 0);
        assert_eq!(rate(2_900, 500), 5_800);
    }
}
