//! `trailhouse alert`.

use std::sync::Arc;

use trailhouse_service::{FailureKind, Route, ServiceError, SiteFolder, alerts};

use super::{
    aws_options,
    rows::{Cells, write},
    summary::{count, plural},
};
use crate::{
    args::{AlertCommand, Global},
    exit::Exit,
    terminal::{Stdout, Terminal},
};

pub(super) async fn run(
    global: &Global,
    command: &AlertCommand,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    match command {
        AlertCommand::Check => {
            let routes = routes(global).await?;
            for route in &routes {
                terminal.print(route.name())?;
            }
            terminal.say(&format!("{} can be used", plural(count(routes.len()), "sink")));
            Ok(Exit::Done)
        }
        AlertCommand::Test { sink } => try_out(global, sink.as_deref(), terminal).await,
        AlertCommand::Send { spool } => {
            let report = alerts::send(&spool.spool, routes(global).await?).await?;
            terminal.say(&format!(
                "{} sent, {} given up, {} waiting",
                plural(report.sent, "alert"),
                report.dead,
                report.waiting
            ));
            let is_done = report.dead == 0 && report.waiting == 0;
            Ok(if is_done { Exit::Done } else { Exit::Partial })
        }
        AlertCommand::Ls { spool } => list(global, &alerts::spooled(&spool.spool)?, terminal),
        AlertCommand::Retry { sink, spool } => {
            let retried = alerts::retry_dead(&spool.spool, sink)?;
            terminal.say(&format!("{} wait again", plural(retried, "alert")));
            Ok(Exit::Done)
        }
        AlertCommand::Drop { sink, spool } => {
            let dropped = alerts::drop_dead(&spool.spool, sink)?;
            terminal.say(&format!("{} thrown away", plural(dropped, "alert")));
            Ok(Exit::Done)
        }
    }
}

async fn routes(global: &Global) -> Result<Vec<Route>, ServiceError> {
    let site = SiteFolder::new(global.context.clone());
    if site.root().is_none() {
        let message = "no site folder is named, so there is no alerts.toml";
        return Err(ServiceError::new(FailureKind::Usage, message)
            .with_hint("name it with --context or TRAILHOUSE_CONTEXT"));
    }
    alerts::routes(&site, &aws_options(global), Some(Arc::new(Stdout))).await
}

async fn try_out(
    global: &Global,
    sink: Option<&str>,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let mut failed = 0_u64;
    for tried in alerts::try_out(&routes(global).await?, sink).await? {
        match &tried.outcome {
            Ok(()) => terminal.say(&format!("{}: sent", tried.sink)),
            Err(error) => {
                failed += 1;
                terminal.warn(&format!("{}: {}", tried.sink, error.reason));
            }
        }
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::FailOn })
}

fn list(
    global: &Global,
    sinks: &[alerts::SinkSpool],
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let dead = || sinks.iter().flat_map(|sink| sink.dead.iter().map(move |dead| (sink, dead)));
    let text = |of: &dyn Fn(&alerts::SinkSpool, &alerts::Dead) -> Option<String>| {
        Cells::Text(dead().map(|(sink, dead)| of(sink, dead)).collect())
    };
    write(
        global,
        vec![
            ("sink", text(&|sink, _| Some(sink.sink.clone()))),
            ("died_at", text(&|_, dead| Some(dead.died_at.to_string()))),
            ("kind", text(&|_, dead| Some(dead.kind.clone()))),
            ("reason", text(&|_, dead| Some(dead.reason.clone()))),
            ("title", text(&|_, dead| Some(dead.alert.as_ref()?.title.clone()))),
            ("fingerprint", text(&|_, dead| Some(dead.alert.as_ref()?.fingerprint.clone()))),
        ],
    )?;
    for sink in sinks {
        let oldest = match sink.depth.oldest {
            Some(oldest) => format!(", the oldest since {oldest}"),
            None => String::new(),
        };
        terminal.say(&format!(
            "{}: {} waiting{oldest}, {} could not be sent",
            sink.sink, sink.depth.pending, sink.depth.dead
        ));
    }
    Ok(Exit::Done)
}
