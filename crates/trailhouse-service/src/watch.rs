//! The service: follows a queue or a folder until it is told to stop, or until it is empty.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use trailhouse_aws::{AwsClients, QueueAddress, S3Reader, SqsQueue};
use trailhouse_ingest::IngestLimits;
use trailhouse_local::{FileReader, FolderOptions, FolderQueue, WhenEmpty};
use trailhouse_runtime::{Drain, SystemClock};

use crate::{
    error::{FailureKind, ServiceError},
    ingest::{IngestSettings, IngestSummary, Progress, Station, run_blocking},
    telemetry::{StatusServer, Telemetry, WatchObserver, sample_depth},
};

/// A single pass asks every server of SQS, which takes a wait of at least a second.
const WAIT_ONCE: Duration = Duration::from_secs(1);
/// SQS may hand messages to a receive that nobody listens to any more, and hides them then. So a
/// drain waits for the receives in flight, and they are kept short so that it need not wait long.
/// What that costs is a million calls a month more than with the longest wait.
const WAIT_STOPPED: Duration = Duration::from_secs(5);
/// Longer than the wait of a receive.
const RECEIVE_DRAIN_MAX: Duration = Duration::from_secs(7);

/// What is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchSource {
    /// A queue, by URL or ARN.
    Queue(String),
    /// A folder.
    Folder(PathBuf),
}

impl fmt::Display for WatchSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(address) => f.write_str(address),
            Self::Folder(folder) => folder.display().fmt(f),
        }
    }
}

/// When to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchUntil {
    /// When told to.
    Stopped,
    /// When there is nothing left.
    Empty,
}

/// How to follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSettings {
    /// What.
    pub source: WatchSource,
    /// Until when.
    pub until: WatchUntil,
    /// How long a message stays hidden from others while it is worked on.
    pub visibility: Duration,
    /// The longest time between an object and its commit.
    pub commit_interval: Duration,
    /// How long it may take to finish or to give back what it holds, once told to stop.
    pub drain_timeout: Duration,
}

/// Follows the source. Every object of it is stored once, whoever else follows it too. What it does
/// shows on the server while it does it.
pub async fn watch(
    settings: &IngestSettings,
    watch: &WatchSettings,
    server: Option<StatusServer>,
    drain: &Drain,
    progress: impl Fn(Progress<'_>),
) -> Result<IngestSummary, ServiceError> {
    let limits = limits(watch);
    let lake = settings.lake.clone();
    let telemetry = Telemetry::new(Arc::new(SystemClock), watch.source.to_string(), lake);
    let telemetry = Arc::new(telemetry);
    let serving = server.map(|server| server.serve(Arc::clone(&telemetry)));
    let observer = WatchObserver { telemetry: Arc::clone(&telemetry), progress };
    match &watch.source {
        WatchSource::Queue(address) => {
            let queue_address: QueueAddress = address
                .parse()
                .map_err(|error| ServiceError::new(FailureKind::Usage, format!("{error}")))?;
            let clients = AwsClients::load(&settings.aws).await;
            let wait = match watch.until {
                WatchUntil::Stopped => WAIT_STOPPED,
                WatchUntil::Empty => WAIT_ONCE,
            };
            let queue = SqsQueue::open(&clients, &queue_address, wait).await?;
            let _depth =
                serving.is_some().then(|| sample_depth(queue.clone(), Arc::clone(&telemetry)));
            let station = Station::open(settings).await?;
            let reader = S3Reader::new(&clients);
            let report = station.drive(limits, queue, reader, drain, &observer).await?;
            telemetry.ended();
            station.finish(report, 0).await
        }
        WatchSource::Folder(folder) => {
            let when_empty = match watch.until {
                WatchUntil::Stopped => WhenEmpty::Wait,
                WatchUntil::Empty => WhenEmpty::Return,
            };
            let options = FolderOptions { when_empty, ..FolderOptions::default() };
            let folder = folder.clone();
            let queue = run_blocking(move || FolderQueue::open(&folder, options)).await??;
            let station = Station::open(settings).await?;
            let report = station.drive(limits, queue, FileReader::new(), drain, &observer).await?;
            telemetry.ended();
            station.finish(report, 0).await
        }
    }
}

fn limits(watch: &WatchSettings) -> IngestLimits {
    let base = match watch.until {
        WatchUntil::Stopped => IngestLimits::default(),
        WatchUntil::Empty => IngestLimits::once(),
    };
    IngestLimits {
        visibility: Some(watch.visibility),
        batch_linger_max: watch.commit_interval,
        drain_max: watch.drain_timeout,
        receive_drain_max: match watch.source {
            WatchSource::Queue(_) => RECEIVE_DRAIN_MAX,
            // A folder hands out nothing that would stay out after the process.
            WatchSource::Folder(_) => Duration::ZERO,
        },
        ..base
    }
}
