//! Sinks of alerts and the spool in front of them, for those who look after them.

use std::{path::Path, sync::Arc};

pub use trailhouse_alert::DeadAlert as Dead;
use trailhouse_alert::{
    Alert, DeadAlert, DrainReport, LineWriter, Pump, PumpError, PumpOptions, Route, SendError,
    Spool, SpoolDepth, SpoolOptions, Surroundings, build_routes,
};
use trailhouse_aws::{AwsClients, AwsOptions, SnsTopics};
use trailhouse_runtime::{Clock, SystemClock, error_chain};

use crate::{
    error::{FailureKind, ServiceError},
    site::SiteFolder,
};

/// Makes the sinks of the site's `alerts.toml`; none where it has none.
pub async fn routes(
    site: &SiteFolder,
    aws: &AwsOptions,
    stdout: Option<Arc<dyn LineWriter>>,
) -> Result<Vec<Route>, ServiceError> {
    let Some(config) = site.alerts()? else { return Ok(Vec::new()) };
    let folder = site.root().unwrap_or(Path::new(".")).to_path_buf();
    let clients = AwsClients::load(aws).await;
    let topics = Arc::new(SnsTopics::new(clients));
    let around = Surroundings { folder, stdout, topics: Some(topics) };
    build_routes(&config, &around).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(|error| error_chain(error)).collect();
        ServiceError::new(FailureKind::Configuration, lines.join("\n")).with_hint(
            "mend alerts.toml, or set what it names; `trailhouse alert check` looks again",
        )
    })
}

/// How a test alert went.
#[derive(Debug)]
pub struct Tried {
    /// The sink.
    pub sink: String,
    /// What it answered.
    pub outcome: Result<(), SendError>,
}

/// Sends a test alert to each of the sinks, or to one of them.
pub async fn try_out(routes: &[Route], sink: Option<&str>) -> Result<Vec<Tried>, ServiceError> {
    let wanted = |route: &&Route| sink.is_none_or(|sink| route.name() == sink);
    let alert = Alert::test(SystemClock.now());
    let mut tried = Vec::new();
    for route in routes.iter().filter(wanted) {
        let outcome = route.sink().send(&alert).await.map(drop);
        tried.push(Tried { sink: route.name().to_owned(), outcome });
    }
    if tried.is_empty() {
        let message = match sink {
            Some(sink) => format!("no sink `{sink}`"),
            None => "there is no sink".to_owned(),
        };
        return Err(ServiceError::new(FailureKind::Configuration, message)
            .with_hint("sinks stand in alerts.toml of the folder that --context names"));
    }
    Ok(tried)
}

/// What the spool holds for one sink.
#[derive(Debug)]
pub struct SinkSpool {
    /// The sink.
    pub sink: String,
    /// How much waits, and how much could not be sent.
    pub depth: SpoolDepth,
    /// What could not be sent.
    pub dead: Vec<DeadAlert>,
}

/// Looks into a spool.
pub fn spooled(folder: &Path) -> Result<Vec<SinkSpool>, ServiceError> {
    let spool = Spool::open(folder, SpoolOptions::default())?;
    let mut sinks = Vec::new();
    for sink in spool.sinks()? {
        let (depth, dead) = (spool.depth(&sink)?, spool.dead(&sink)?);
        sinks.push(SinkSpool { sink, depth, dead });
    }
    Ok(sinks)
}

/// Sends once what waits in a spool.
pub async fn send(folder: &Path, routes: Vec<Route>) -> Result<DrainReport, ServiceError> {
    let spool = Arc::new(Spool::open(folder, SpoolOptions::default())?);
    let routes = routes.into_iter().map(Arc::new).collect();
    let clock: trailhouse_alert::Clock = Arc::new(|| SystemClock.now());
    let pump = Pump::new(spool, routes, PumpOptions::default(), clock).map_err(pump_error)?;
    Ok(pump.drain().await?)
}

/// Lets the dead letters of a sink wait again; returns how many.
pub fn retry_dead(folder: &Path, sink: &str) -> Result<u64, ServiceError> {
    let spool = Spool::open(folder, SpoolOptions::default())?;
    let mut retried = 0;
    for dead in spool.dead(sink)? {
        retried += u64::from(spool.retry_dead(sink, &dead.id, SystemClock.now())?);
    }
    Ok(retried)
}

/// Throws the dead letters of a sink away; returns how many.
pub fn drop_dead(folder: &Path, sink: &str) -> Result<u64, ServiceError> {
    let spool = Spool::open(folder, SpoolOptions::default())?;
    let mut dropped = 0;
    for dead in spool.dead(sink)? {
        dropped += u64::from(spool.drop_dead(sink, &dead.id)?);
    }
    Ok(dropped)
}

pub(crate) fn pump_error(error: PumpError) -> ServiceError {
    match error {
        PumpError::Busy => ServiceError::new(FailureKind::Configuration, error_chain(&error))
            .with_hint("one process sends from a spool at a time; name another with --spool"),
        PumpError::Spool(error) => error.into(),
    }
}
