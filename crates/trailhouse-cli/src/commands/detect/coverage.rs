//! `trailhouse detect coverage`.

use std::path::Path;

use trailhouse_detect::author::{
    attack::{ATTACK_VERSION, KnownTechnique, Standing, standing, tactic_names},
    coverage::{Coverage, coverage},
};
use trailhouse_service::{PackPlace, ServiceError, load_packs};

use crate::{
    args::{Global, PacksArgs},
    commands::{
        document::write_json,
        rows::{Cells, write},
        summary::{count, plural},
    },
    exit::Exit,
    terminal::Terminal,
};

/// What `detect coverage` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown<'p> {
    Covered,
    Gaps,
    Layer(&'p Path),
}

pub(super) fn run(
    global: &Global,
    packs: &PacksArgs,
    shown: Shown<'_>,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let packs = load_packs(&PackPlace::all(&packs.packs))?;
    let coverage = coverage(packs.iter().flat_map(|pack| &pack.entries));
    match shown {
        Shown::Covered => write_covered(global, &coverage)?,
        Shown::Gaps => write_gaps(global, &coverage)?,
        Shown::Layer(path) => {
            let names: Vec<&str> = packs.iter().map(|pack| pack.manifest.id.as_str()).collect();
            let layer = coverage.navigator_layer(&names.join(" + "));
            write_json(Some(path), &format!("{layer:#}"))?;
        }
    }
    for (technique, detection) in &coverage.unknown {
        terminal
            .warn(&format!("`{technique}` of {detection} is in no version of ATT&CK known here"));
    }
    terminal.say(&format!(
        "{} covered, {} of IaaS clouds open (ATT&CK v{ATTACK_VERSION})",
        plural(count(coverage.covered.len()), "technique"),
        count(coverage.gaps.len()),
    ));
    Ok(Exit::Done)
}

fn write_covered(global: &Global, coverage: &Coverage) -> Result<(), ServiceError> {
    let rows = &coverage.covered;
    let texts = |of: &dyn Fn(&trailhouse_detect::author::coverage::CoveredTechnique) -> String| {
        Cells::Text(rows.iter().map(|row| Some(of(row))).collect())
    };
    let joined = |set: &std::collections::BTreeSet<String>| {
        set.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    write(
        global,
        vec![
            ("technique", texts(&|row| row.technique.id.to_owned())),
            ("name", texts(&|row| full_name(row.technique))),
            ("tactics", texts(&|row| tactic_names(&row.technique.tactics).join(", "))),
            (
                "detections",
                Cells::Count(rows.iter().map(|row| count(row.detections.len())).collect()),
            ),
            ("detection_ids", texts(&|row| joined(&row.detections))),
            ("named_as", texts(&|row| joined(&row.named_as))),
        ],
    )
}

fn write_gaps(global: &Global, coverage: &Coverage) -> Result<(), ServiceError> {
    let texts = |of: &dyn Fn(&KnownTechnique) -> String| {
        Cells::Text(coverage.gaps.iter().map(|gap| Some(of(gap))).collect())
    };
    write(
        global,
        vec![
            ("technique", texts(&|gap| gap.id.to_owned())),
            ("name", texts(&|gap| full_name(gap))),
            ("tactics", texts(&|gap| tactic_names(&gap.tactics).join(", "))),
        ],
    )
}

/// A sub-technique is named after its parent, as ATT&CK writes it.
fn full_name(technique: &KnownTechnique) -> String {
    match technique.parent().map(standing) {
        Some(Standing::Current(parent)) => format!("{}: {}", parent.name, technique.name),
        Some(Standing::Renumbered(_) | Standing::Unknown) | None => technique.name.to_owned(),
    }
}
