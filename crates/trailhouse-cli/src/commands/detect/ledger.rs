//! `trailhouse detect ledger` and `stats`.

use trailhouse_query::SiteContext;
use trailhouse_service::{
    ServiceError,
    detect::{LEDGER_SQL, stats_sql},
};

use crate::{args::Global, commands::query::print_query, exit::Exit};

pub(super) async fn ledger(global: &Global) -> Result<Exit, ServiceError> {
    print_query(global, &SiteContext::none(), LEDGER_SQL, None).await?;
    Ok(Exit::Done)
}

pub(super) async fn stats(global: &Global, last: Option<u32>) -> Result<Exit, ServiceError> {
    print_query(global, &SiteContext::none(), &stats_sql(last), None).await?;
    Ok(Exit::Done)
}
