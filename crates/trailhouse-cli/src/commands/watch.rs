//! `trailhouse watch`.

use std::time::Duration;

use trailhouse_service::{
    FailureKind, Progress, ServiceError, StatusServer, WatchSettings, WatchSource, WatchUntil,
    watch,
};

use super::{
    ingest::{show, tell},
    ingest_settings, interrupted, signal_drain, unless_aborted,
};
use crate::{
    args::{Global, WatchArgs},
    exit::Exit,
    terminal::Terminal,
};

pub(super) async fn run(
    global: &Global,
    arguments: &WatchArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let settings = WatchSettings {
        source: source(arguments)?,
        until: if arguments.once { WatchUntil::Empty } else { WatchUntil::Stopped },
        visibility: Duration::from_secs(arguments.visibility_timeout.into()),
        commit_interval: Duration::from_secs(arguments.commit_interval.into()),
        drain_timeout: Duration::from_secs(arguments.drain_timeout.into()),
    };
    let server = match arguments.metrics {
        Some(address) => Some(StatusServer::bind(address).await?),
        None => None,
    };
    let drain = signal_drain()?;
    if settings.until == WatchUntil::Stopped {
        terminal
            .say(&format!("Watching {} into {}; stop with Ctrl-C", settings.source, global.lake));
    }
    if let Some(server) = &server {
        terminal.say(&format!("Metrics at http://{}/metrics", server.address()));
    }
    let bar = terminal.progress_bar(None);
    let observe = |progress: Progress<'_>| show(&bar, progress);
    let ingest_settings = ingest_settings(global);
    let work = Box::pin(watch(&ingest_settings, &settings, server, &drain, observe));
    let ended = unless_aborted(&drain, work).await;
    bar.finish_and_clear();
    match ended {
        Ok(summary) => Ok(tell(&summary, terminal)),
        Err(error) if error.kind == FailureKind::Interrupted => Ok(interrupted(&drain)),
        Err(error) => Err(error),
    }
}

fn source(arguments: &WatchArgs) -> Result<WatchSource, ServiceError> {
    match (&arguments.queue_url, &arguments.dir) {
        (Some(queue), _) => Ok(WatchSource::Queue(queue.clone())),
        (None, Some(folder)) => Ok(WatchSource::Folder(folder.clone())),
        (None, None) => {
            Err(ServiceError::new(FailureKind::Usage, "name a folder, or a queue with --queue-url"))
        }
    }
}
