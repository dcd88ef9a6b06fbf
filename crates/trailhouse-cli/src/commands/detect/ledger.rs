//! `trailhouse detect ledger`, `stats` and `exceptions`.

use trailhouse_query::SiteContext;
use trailhouse_service::{
    ServiceError, SiteFolder,
    detect::{ExceptionUse, LEDGER_SQL, exception_uses, stats_sql},
};

use crate::{
    args::Global,
    commands::{
        lake_address,
        query::print_query,
        rows::{Cells, write},
        summary::{count, plural},
    },
    exit::Exit,
    terminal::Terminal,
};

pub(super) async fn ledger(global: &Global) -> Result<Exit, ServiceError> {
    print_query(global, &SiteContext::none(), LEDGER_SQL, None).await?;
    Ok(Exit::Done)
}

pub(super) async fn stats(global: &Global, last: Option<u32>) -> Result<Exit, ServiceError> {
    let sql = stats_sql(&lake_address(global), last).await?;
    print_query(global, &SiteContext::none(), &sql, None).await?;
    Ok(Exit::Done)
}

pub(super) async fn exceptions(
    global: &Global,
    last: Option<u32>,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let site = SiteFolder::new(global.context.clone());
    let uses = exception_uses(&lake_address(global), &site, last).await?;
    let text = |of: &dyn Fn(&ExceptionUse) -> String| {
        Cells::Text(uses.iter().map(|it| Some(of(it))).collect())
    };
    write(
        global,
        vec![
            ("exception_id", text(&|it| it.exception.id.to_string())),
            ("hits", Cells::Count(uses.iter().map(|it| it.hits).collect())),
            ("rule", text(&|it| it.exception.rule.to_string())),
            ("mode", text(&|it| it.exception.mode.to_string())),
            ("owner", text(&|it| it.exception.owner.clone())),
            ("expires", text(&|it| it.exception.expires.to_string())),
            ("reason", text(&|it| it.exception.reason.clone())),
        ],
    )?;
    let unused = count(uses.iter().filter(|it| it.hits == 0).count());
    terminal.say(&match (global.context.is_some(), uses.is_empty()) {
        (false, _) => "No site folder is given: --context names it".to_owned(),
        (true, true) => "The site has no exceptions".to_owned(),
        (true, false) => {
            format!("{}, {unused} of them without a hit", plural(count(uses.len()), "exception"))
        }
    });
    Ok(Exit::Done)
}
