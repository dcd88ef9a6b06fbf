//! `trailhouse detect`.

mod author;
mod author_checks;
mod coverage;
mod daemon;
mod explain;
mod ledger;
mod run;

use std::time::Duration;

use trailhouse_query::JudgeLimits;
use trailhouse_service::{
    PackPlace, ServiceError, SiteFolder,
    detect::{EngineSettings, Portability, RuleSource},
};

use self::coverage::Shown;
pub(super) use self::run::run_line;
use crate::{
    args::{DetectCommand, Global, PacksArgs, RuleLimitArgs},
    commands::session_options,
    exit::Exit,
    terminal::Terminal,
};

pub(super) async fn run(
    global: &Global,
    command: &DetectCommand,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    match command {
        DetectCommand::Ls { packs, queries: true } => author::list_queries(global, packs, terminal),
        DetectCommand::Ls { packs, queries: false } => author::list(global, packs, terminal),
        DetectCommand::Show { packs, id, show_as } => author::show(packs, id, *show_as, terminal),
        DetectCommand::New(arguments) => author::new(arguments, terminal),
        DetectCommand::Schema { of } => author::schema(global, *of),
        DetectCommand::Lint { packs, portable } => {
            let portability = if *portable { Portability::Checked } else { Portability::Any };
            author_checks::lint(global, packs, portability, terminal).await
        }
        DetectCommand::Test(arguments) => author_checks::test(global, arguments, terminal).await,
        DetectCommand::Coverage { packs, gaps, navigator } => {
            let shown = match navigator {
                Some(path) => Shown::Layer(path),
                None if *gaps => Shown::Gaps,
                None => Shown::Covered,
            };
            coverage::run(global, packs, shown, terminal)
        }
        DetectCommand::Explain(arguments) => explain::run(global, arguments, terminal).await,
        DetectCommand::Run(arguments) => run::run(global, arguments, terminal).await,
        DetectCommand::Daemon(arguments) => daemon::run(global, arguments, terminal).await,
        DetectCommand::Backfill(arguments) => run::backfill(global, arguments, terminal).await,
        DetectCommand::Ledger => ledger::ledger(global).await,
        DetectCommand::Stats { last } => ledger::stats(global, *last).await,
        DetectCommand::Exceptions { last } => ledger::exceptions(global, *last, terminal).await,
    }
}

/// Returns where rules come from.
fn rule_source(global: &Global, packs: &PacksArgs) -> RuleSource {
    RuleSource {
        packs: PackPlace::all(&packs.packs),
        site: SiteFolder::new(global.context.clone()),
    }
}

fn engine_settings(global: &Global, arguments: &RuleLimitArgs) -> EngineSettings {
    let limits = JudgeLimits {
        memory_bytes_per_question: arguments.rule_memory,
        timeout_per_question: Duration::from_secs(arguments.rule_timeout.into()),
        ..JudgeLimits::default()
    };
    EngineSettings { session: session_options(global), limits, cache: None }
}
