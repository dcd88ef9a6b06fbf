//! One module a command.

mod alert;
mod demo;
mod detect;
mod document;
mod ingest;
mod intel;
mod quarantine;
mod query;
mod rows;
mod status;
mod summary;
mod table;
mod watch;

use std::num::NonZeroUsize;

use trailhouse_query::SessionOptions;
use trailhouse_service::{
    AwsOptions, DecodeLimits, Drain, FailureKind, IngestSettings, LakeAddress, ServiceError,
    StopSignal, install_signal_drain,
};

use crate::{
    args::{Cli, Command, Global},
    exit::Exit,
    terminal::Terminal,
};

/// Runs the command of the command line.
pub(crate) async fn run(cli: &Cli, terminal: &Terminal) -> Result<Exit, ServiceError> {
    let global = &cli.global;
    match &cli.command {
        Command::Demo(arguments) => demo::run(global, arguments, terminal).await,
        Command::Ingest(arguments) => ingest::run(global, arguments, terminal).await,
        Command::Watch(arguments) => watch::run(global, arguments, terminal).await,
        Command::Quarantine(command) => quarantine::run(global, command, terminal).await,
        Command::Status(arguments) => status::run(global, arguments, terminal).await,
        Command::Query(arguments) => query::run(global, arguments).await,
        Command::Table(command) => table::run(global, command, terminal).await,
        Command::Alert(command) => alert::run(global, command, terminal).await,
        Command::Detect(command) => detect::run(global, command, terminal).await,
        Command::Intel(command) => intel::run(global, command, terminal).await,
    }
}

fn aws_options(global: &Global) -> AwsOptions {
    AwsOptions {
        profile: global.profile.clone(),
        region: global.region.clone(),
        endpoint_url: global.endpoint_url.clone(),
        role_arn: global.role_arn.clone(),
        ..AwsOptions::default()
    }
}

fn lake_address(global: &Global) -> LakeAddress {
    let (uri, aws) = (global.lake.clone(), aws_options(global));
    LakeAddress { uri, aws, durability: global.durability.into() }
}

fn ingest_settings(global: &Global) -> IngestSettings {
    let LakeAddress { uri: lake, aws, durability } = lake_address(global);
    let threads = global.threads.and_then(|threads| NonZeroUsize::new(usize::from(threads)));
    let decode =
        DecodeLimits { inflated_bytes_max: global.inflated_limit, ..DecodeLimits::default() };
    IngestSettings { lake, threads, aws, durability, decode }
}

fn session_options(global: &Global) -> SessionOptions {
    SessionOptions {
        memory_bytes: global.memory,
        threads: global.threads.map(usize::from),
        ..SessionOptions::default()
    }
}

fn signal_drain() -> Result<Drain, ServiceError> {
    install_signal_drain().map_err(|error| {
        let message = format!("failed to install signal handlers: {error}");
        ServiceError::new(FailureKind::Bug, message)
    })
}

/// Runs an ingest to its end, or until a second signal, whatever it is doing then.
async fn unless_aborted<T>(
    drain: &Drain,
    work: impl Future<Output = Result<T, ServiceError>>,
) -> Result<T, ServiceError> {
    tokio::select! {
        biased;
        ended = work => ended,
        () = drain.aborted() => {
            Err(ServiceError::new(FailureKind::Interrupted, "stopped by a second signal"))
        }
    }
}

/// The end of an ingest that was asked to stop at once.
fn interrupted(drain: &Drain) -> Exit {
    match drain.signal() {
        Some(StopSignal::Terminate) => Exit::Terminated,
        Some(StopSignal::Interrupt) | None => Exit::Interrupted,
    }
}
