//! `trailhouse table`.

use std::time::Duration;

use trailhouse_service::{
    Compacted, CompactionOptions, OptimizeSettings, OptimizedGroup, ServiceError, TableName,
    VersionSummary, expire, history, optimize, vacuum,
};

use super::{
    lake_address,
    rows::{Cells, write},
    signal_drain,
    summary::{bytes, count, plural},
    unless_aborted,
};
use crate::{
    args::{Global, OptimizeArgs, TableCommand},
    exit::Exit,
    terminal::Terminal,
};

pub(super) async fn run(
    global: &Global,
    command: &TableCommand,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    match command {
        TableCommand::Optimize(arguments) => run_optimize(global, arguments, terminal).await,
        TableCommand::History { table, last } => show_history(global, *table, *last).await,
        TableCommand::Expire { keep, yes } => run_expire(global, *keep, *yes, terminal).await,
        TableCommand::Vacuum { tables, keep, yes } => {
            run_vacuum(global, tables, *keep, *yes, terminal).await
        }
    }
}

async fn run_optimize(
    global: &Global,
    arguments: &OptimizeArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let OptimizeArgs { tables, target_size, min_files, dry_run } = arguments;
    let settings = OptimizeSettings {
        tables: tables.clone(),
        files: CompactionOptions { target_bytes: *target_size, files_min: usize::from(*min_files) },
        is_rehearsal: *dry_run,
    };
    let drain = signal_drain()?;
    let address = lake_address(global);
    let mut tell = |_: &OptimizedGroup| {};
    let work = Box::pin(optimize(&address, &settings, &drain, &mut tell));
    let groups = unless_aborted(&drain, work).await?;
    write_groups(global, &groups)?;
    terminal.say(&summary(&groups, *dry_run));
    Ok(Exit::Done)
}

async fn show_history(
    global: &Global,
    table: TableName,
    versions_max: usize,
) -> Result<Exit, ServiceError> {
    let versions = history(&lake_address(global), table, versions_max).await?;
    let text = |of: &dyn Fn(&VersionSummary) -> Option<String>| {
        Cells::Text(versions.iter().map(of).collect())
    };
    let number =
        |of: &dyn Fn(&VersionSummary) -> u64| Cells::Count(versions.iter().map(of).collect());
    write(
        global,
        vec![
            ("version", number(&|it| it.version.0)),
            ("committed_at", text(&|it| it.committed_at.map(|time| time.to_string()))),
            ("operation", text(&|it| it.operation.clone())),
            ("files_added", number(&|it| it.files_added)),
            ("files_removed", number(&|it| it.files_removed)),
            ("bytes_added", number(&|it| it.bytes_added)),
            ("rows_added", text(&|it| it.rows_added.map(|rows| rows.to_string()))),
            ("repeats_left_out", number(&|it| it.repeats)),
            ("engine", text(&|it| it.engine.clone())),
        ],
    )?;
    Ok(Exit::Done)
}

async fn run_expire(
    global: &Global,
    keep: u32,
    yes: bool,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let keep = Duration::from_secs(keep.into());
    let expired = expire(&lake_address(global), keep, !yes).await?;
    let days = expired.days.iter().cloned().map(Some).collect();
    write(global, vec![("event_date", Cells::Text(days))])?;
    let (days, files) = (plural(count(expired.days.len()), "day"), plural(expired.files, "file"));
    let what = format!("{days} in {files}, {}", bytes(expired.bytes));
    terminal.say(&match expired.version {
        Some(version) => format!("Took out {what}: version {version} of events"),
        None if expired.days.is_empty() => "Nothing is that old".to_owned(),
        None => format!("Would take out {what}; do it with --yes"),
    });
    Ok(Exit::Done)
}

async fn run_vacuum(
    global: &Global,
    tables: &[TableName],
    keep: u32,
    yes: bool,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let keep = Duration::from_secs(keep.into());
    let vacuumed = vacuum(&lake_address(global), tables, keep, !yes).await?;
    let names = vacuumed.iter().map(|it| Some(it.table.as_str().to_owned())).collect();
    let files: Vec<u64> = vacuumed.iter().map(|it| count(it.files.len())).collect();
    let all = plural(files.iter().sum(), "file");
    write(global, vec![("table", Cells::Text(names)), ("files", Cells::Count(files))])?;
    terminal.say(&match yes {
        true => format!("Deleted {all}"),
        false => format!("Would delete {all}; do it with --yes"),
    });
    Ok(Exit::Done)
}

fn write_groups(global: &Global, groups: &[OptimizedGroup]) -> Result<(), ServiceError> {
    let text = |of: &dyn Fn(&OptimizedGroup) -> Option<String>| {
        Cells::Text(groups.iter().map(of).collect())
    };
    let number =
        |of: &dyn Fn(&OptimizedGroup) -> u64| Cells::Count(groups.iter().map(of).collect());
    write(
        global,
        vec![
            ("table", text(&|it| Some(it.group.table.as_str().to_owned()))),
            ("partition", text(&|it| it.group.partition.clone())),
            ("files", number(&|it| count(it.group.files.len()))),
            ("bytes", number(&|it| it.group.bytes)),
            ("bytes_after", text(&|it| after(it).map(|bytes| bytes.to_string()))),
            ("repeats_left_out", text(&|it| repeats(it).map(|rows| rows.to_string()))),
            ("outcome", text(&|it| Some(outcome(it).to_owned()))),
            ("version", text(&|it| it.version().map(|version| version.to_string()))),
        ],
    )
}

fn after(group: &OptimizedGroup) -> Option<u64> {
    match group.outcome {
        Some(Compacted::Done { bytes, .. }) => Some(bytes),
        Some(Compacted::Overtaken) | None => None,
    }
}

fn repeats(group: &OptimizedGroup) -> Option<u64> {
    match group.outcome {
        Some(Compacted::Done { repeats, .. }) => Some(repeats),
        Some(Compacted::Overtaken) | None => None,
    }
}

fn outcome(group: &OptimizedGroup) -> &'static str {
    match group.outcome {
        Some(Compacted::Done { .. }) => "compacted",
        Some(Compacted::Overtaken) => "overtaken",
        None => "planned",
    }
}

fn summary(groups: &[OptimizedGroup], is_rehearsal: bool) -> String {
    if groups.is_empty() {
        return "No small files that are worth becoming one".to_owned();
    }
    let done: Vec<&OptimizedGroup> =
        groups.iter().filter(|group| is_rehearsal || after(group).is_some()).collect();
    let files = count(done.iter().map(|group| group.group.files.len()).sum());
    let before: u64 = done.iter().map(|group| group.group.bytes).sum();
    let (files, into) = (plural(files, "file"), plural(count(done.len()), "file"));
    if is_rehearsal {
        return format!("{files} of {} would become {into}", bytes(before));
    }
    let after: u64 = done.iter().filter_map(|group| after(group)).sum();
    let overtaken = groups.len() - done.len();
    let rest = match overtaken {
        0 => String::new(),
        _ => format!(
            "; {} left, because others changed their files",
            plural(count(overtaken), "group")
        ),
    };
    let repeats: u64 = done.iter().filter_map(|group| repeats(group)).sum();
    let repeats = match repeats {
        0 => String::new(),
        _ => format!("; {} left out, each the same as another", plural(repeats, "event")),
    };
    format!("{files} of {} became {into} of {}{repeats}{rest}", bytes(before), bytes(after))
}
