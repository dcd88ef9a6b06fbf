//! The service: follows a queue or a folder until it is told to stop, or until it is empty.

use std::{path::PathBuf, time::Duration};

use trailhouse_aws::{AwsClients, QueueAddress, S3Reader, SqsQueue};
use trailhouse_ingest::{IngestLimits, IngestReport};
use trailhouse_local::{FileReader, FolderOptions, FolderQueue, WhenEmpty};
use trailhouse_runtime::Drain;

use crate::{
    error::{FailureKind, ServiceError},
    ingest::{IngestSettings, IngestSummary, Progress, Station, run_blocking},
};

/// A single pass asks every server of SQS, which takes a wait of at least a second.
const WAIT_ONCE: Duration = Duration::from_secs(1);

/// What is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchSource {
    /// A queue, by URL or ARN.
    Queue(String),
    /// A folder.
    Folder(PathBuf),
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
}

/// Follows the source. Every object of it is stored once, whoever else follows it too.
pub async fn watch(
    settings: &IngestSettings,
    watch: &WatchSettings,
    drain: &Drain,
    observer: impl Fn(Progress<'_>),
) -> Result<IngestSummary, ServiceError> {
    let limits = limits(watch);
    let observe = |report: &IngestReport| observer(Progress { report, objects_planned: None });
    match &watch.source {
        WatchSource::Queue(address) => {
            let queue_address: QueueAddress = address
                .parse()
                .map_err(|error| ServiceError::new(FailureKind::Usage, format!("{error}")))?;
            let clients = AwsClients::load(&settings.aws).await;
            let wait = match watch.until {
                WatchUntil::Stopped => SqsQueue::WAIT_DEFAULT,
                WatchUntil::Empty => WAIT_ONCE,
            };
            let queue = SqsQueue::open(&clients, &queue_address, wait).await?;
            let station = Station::open(settings).await?;
            let reader = S3Reader::new(&clients);
            let report = station.drive(limits, queue, reader, drain, observe).await?;
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
            let report = station.drive(limits, queue, FileReader::new(), drain, observe).await?;
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
        ..base
    }
}
