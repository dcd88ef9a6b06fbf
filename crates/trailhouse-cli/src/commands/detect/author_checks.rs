//! What authors of detections check: lint and cases.

use trailhouse_detect::{LintFinding, LintSeverity, author::junit::junit};
use trailhouse_service::{
    PackPlace, ServiceError, SiteFolder,
    detect::{
        self, BenignOptions, BenignReport, LintReport, Noise, Portability, TestOptions, TestReport,
    },
    load_packs,
};

use crate::{
    args::{FormatName, Global, PacksArgs, TestArgs},
    commands::{
        document::{write_file, write_json},
        rows::{Cells, write},
        summary::{count, grouped, plural},
    },
    exit::Exit,
    terminal::Terminal,
};

pub(super) async fn lint(
    global: &Global,
    packs: &PacksArgs,
    portability: Portability,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let site = SiteFolder::new(global.context.clone());
    let report = detect::lint(&PackPlace::all(&packs.packs), portability, &site).await?;
    match global.format {
        None | Some(FormatName::Text) => {
            for finding in &report.findings {
                terminal.print(&format!("{}\n", report.rendered(finding)))?;
            }
        }
        Some(FormatName::Sarif) => {
            let sarif = report.sarif(env!("CARGO_PKG_VERSION"));
            write_json(global.output.as_deref(), &sarif)?;
        }
        Some(FormatName::Rows(_)) => write_findings(global, &report)?,
    }
    let errors = report.count(LintSeverity::Error);
    let warnings = report.count(LintSeverity::Warning);
    terminal.say(&format!(
        "{}, {}",
        plural(count(errors), "error"),
        plural(count(warnings), "warning")
    ));
    Ok(if errors > 0 { Exit::FailOn } else { Exit::Done })
}

fn write_findings(global: &Global, report: &LintReport) -> Result<(), ServiceError> {
    let findings = &report.findings;
    let text = |of: &dyn Fn(&LintFinding) -> Option<String>| {
        Cells::Text(findings.iter().map(of).collect())
    };
    let number = |of: &dyn Fn(&LintFinding) -> u32| {
        Cells::Count(findings.iter().map(|finding| u64::from(of(finding))).collect())
    };
    write(
        global,
        vec![
            ("severity", text(&|finding| Some(finding.severity.as_str().to_owned()))),
            ("code", text(&|finding| Some(finding.code.to_owned()))),
            ("file", text(&|finding| Some(finding.origin.clone()))),
            ("line", number(&|finding| finding.line)),
            ("column", number(&|finding| finding.column)),
            ("message", text(&|finding| Some(finding.message.clone()))),
            ("help", text(&|finding| finding.help.clone())),
        ],
    )
}

pub(super) async fn test(
    global: &Global,
    arguments: &TestArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let packs = load_packs(&PackPlace::all(&arguments.packs.packs))?;
    let benign = arguments.benign.clone();
    let options = TestOptions {
        matching: arguments.matching.clone(),
        cases_min: arguments.min_cases,
        noise: if arguments.cross_noise { Noise::Checked } else { Noise::Unchecked },
        benign: benign.map(|path| BenignOptions { path, budget: arguments.budget }),
    };
    let report = detect::test(&packs, &options).await?;
    if let Some(path) = &arguments.junit {
        write_file(path, &junit(&report.junit_cases()))?;
    }
    match global.format {
        None | Some(FormatName::Text) => print_failures(&report, terminal)?,
        Some(FormatName::Rows(_) | FormatName::Sarif) => write_cases(global, &report)?,
    }
    tell_test(&report, terminal);
    Ok(if report.is_good() { Exit::Done } else { Exit::FailOn })
}

fn print_failures(report: &TestReport, terminal: &Terminal) -> Result<(), ServiceError> {
    for case in &report.cases {
        for failure in &case.failures {
            terminal.print(&format!(
                "FAILED {}:{}: {} \"{}\": {failure}",
                case.path, case.line, case.detection_id, case.name
            ))?;
        }
    }
    for (id, lacks) in &report.untested {
        terminal.print(&format!("FAILED {id}: {lacks}"))?;
    }
    for result in report.benign.iter().flat_map(|benign| &benign.results) {
        if let Some(complaint) = result.complaint() {
            terminal.print(&format!("FAILED {}: {complaint}", result.detection_id))?;
        }
    }
    Ok(())
}

fn write_cases(global: &Global, report: &TestReport) -> Result<(), ServiceError> {
    let cases = &report.cases;
    let text = |of: &dyn Fn(&detect::CaseReport) -> String| {
        Cells::Text(cases.iter().map(|case| Some(of(case))).collect())
    };
    let result = |case: &detect::CaseReport| {
        if case.failures.is_empty() { "passed".to_owned() } else { "FAILED".to_owned() }
    };
    let millis =
        |case: &detect::CaseReport| u64::try_from(case.elapsed.as_millis()).unwrap_or(u64::MAX);
    write(
        global,
        vec![
            ("detection_id", text(&|case| case.detection_id.clone())),
            ("case", text(&|case| case.name.clone())),
            ("fires", text(&|case| case.fires.to_string())),
            ("result", text(&result)),
            ("failures", text(&|case| case.failures.join("; "))),
            ("ms", Cells::Count(cases.iter().map(millis).collect())),
            ("file", text(&|case| case.path.clone())),
            ("line", Cells::Count(cases.iter().map(|case| u64::from(case.line)).collect())),
        ],
    )
}

fn tell_test(report: &TestReport, terminal: &Terminal) {
    let failed = report.failed();
    terminal.say(&format!(
        "{} passed, {} failed, of {}",
        grouped(count(report.cases.len().saturating_sub(failed))),
        grouped(count(failed)),
        plural(count(report.cases.len()), "case"),
    ));
    if let Some(benign) = &report.benign {
        tell_benign(benign, terminal);
    }
}

fn tell_benign(benign: &BenignReport, terminal: &Terminal) {
    let over = benign.results.iter().filter(|result| result.complaint().is_some()).count();
    let found = benign.results.iter().map(|result| *result.findings.as_ref().unwrap_or(&0)).sum();
    terminal.say(&format!(
        "Harmless traffic: {} in {}, {}, {} over its budget",
        plural(count(benign.events), "event"),
        plural(count(benign.files), "file"),
        plural(count(found), "finding"),
        plural(count(over), "detection"),
    ));
}
