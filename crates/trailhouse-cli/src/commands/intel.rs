//! `trailhouse intel`.

use trailhouse_query::{SiteContext, SiteFolders, escape_terminal};
use trailhouse_service::{
    ServiceError,
    intel::{HuntOptions, HuntReport, Sighting, hunt, lists},
    load_context,
};

use super::{
    lake_address,
    rows::{Cells, write},
    session_options,
    summary::plural,
};
use crate::{
    args::{Global, HuntArgs, IntelCommand},
    exit::Exit,
    terminal::Terminal,
};

pub(super) async fn run(
    global: &Global,
    command: &IntelCommand,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    match command {
        IntelCommand::Ls => list(global, terminal).await,
        IntelCommand::Hunt(arguments) => run_hunt(global, arguments, terminal).await,
    }
}

/// Reads the folder that the flag names.
pub(super) async fn context_of(global: &Global) -> Result<SiteContext, ServiceError> {
    load_context(SiteFolders { site: global.context.clone(), packs: Vec::new() }).await
}

async fn list(global: &Global, terminal: &Terminal) -> Result<Exit, ServiceError> {
    let lists = lists(&context_of(global).await?);
    let (mut names, mut kinds, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for list in &lists {
        for (kind, count) in &list.kinds {
            names.push(Some(list.name.clone()));
            kinds.push(Some(kind.to_string()));
            counts.push(*count);
        }
        for skipped in &list.skipped {
            let told = format!("`{}` is not looked for: {}", skipped.id, skipped.reason);
            terminal.warn(&format!("intel.{}: {}", list.name, escape_terminal(&told)));
        }
    }
    let columns = vec![
        ("list", Cells::Text(names)),
        ("kind", Cells::Text(kinds)),
        ("indicators", Cells::Count(counts)),
    ];
    write(global, columns)?;
    Ok(Exit::Done)
}

async fn run_hunt(
    global: &Global,
    arguments: &HuntArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let context = context_of(global).await?;
    let options =
        HuntOptions { from: arguments.from, to: arguments.to, session: session_options(global) };
    let report = hunt(&lake_address(global), &context, &options).await?;
    print_sightings(global, &report.sightings)?;
    terminal.say(&told(&report));
    let is_match = arguments.fail_on_match && !report.sightings.is_empty();
    Ok(if is_match { Exit::FailOn } else { Exit::Done })
}

fn told(report: &HuntReport) -> String {
    let seen = u64::try_from(report.sightings.len()).unwrap_or(u64::MAX);
    format!(
        "{} of {} seen in {}, {} ms",
        seen,
        plural(report.indicators, "indicator"),
        plural(report.events, "event"),
        report.elapsed.as_millis(),
    )
}

fn print_sightings(global: &Global, sightings: &[Sighting]) -> Result<(), ServiceError> {
    let text =
        |of: fn(&Sighting) -> Option<String>| Cells::Text(sightings.iter().map(of).collect());
    let columns = vec![
        ("indicator", text(|it| Some(it.indicator.value.clone()))),
        ("kind", text(|it| Some(it.indicator.kind.to_string()))),
        ("list", text(|it| Some(it.list.clone()))),
        ("description", text(|it| it.indicator.description.clone())),
        ("first_seen", text(|it| it.first_seen.map(|time| time.to_string()))),
        ("last_seen", text(|it| it.last_seen.map(|time| time.to_string()))),
        ("events", Cells::Count(sightings.iter().map(|it| it.events).collect())),
        ("principals", text(|it| Some(principals(it)))),
    ];
    write(global, columns)
}

fn principals(sighting: &Sighting) -> String {
    let names: Vec<&str> = sighting.principals.iter().map(String::as_str).collect();
    names.join(" ")
}
