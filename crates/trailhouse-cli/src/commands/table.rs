//! `trailhouse table`.

use trailhouse_service::{
    Compacted, CompactionOptions, OptimizeSettings, OptimizedGroup, ServiceError, optimize,
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
    format!("{files} of {} became {into} of {}{rest}", bytes(before), bytes(after))
}
