//! The service: follows a queue or a folder until it is told to stop, or until it is empty.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use trailhouse_aws::{AwsClients, QueueAddress, QueueFacts, S3Reader, SqsQueue};
use trailhouse_ingest::IngestLimits;
use trailhouse_local::{FileReader, FolderOptions, FolderQueue, WhenEmpty};
use trailhouse_runtime::{Drain, IngestObserver, NotificationQueue, ObjectReader, SystemClock};

use crate::{
    error::{FailureKind, ServiceError},
    ingest::{IngestSettings, IngestSummary, Progress, Station, TIDY_TIME_MAX, run_blocking},
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
    let source = watch.source.to_string();
    let telemetry = Telemetry::new(Arc::new(SystemClock), source, settings.lake.clone());
    let telemetry = Arc::new(telemetry);
    let serving = server.map(|server| server.serve(Arc::clone(&telemetry)));
    let observer = WatchObserver { telemetry: Arc::clone(&telemetry), progress };
    let following = Following {
        settings,
        watch,
        drain,
        telemetry,
        observer: &observer,
        is_served: serving.is_some(),
    };
    match &watch.source {
        WatchSource::Queue(address) => following.follow_queue(address).await,
        WatchSource::Folder(folder) => following.follow_folder(folder).await,
    }
}

/// What a watch needs at every step.
struct Following<'watch> {
    settings: &'watch IngestSettings,
    watch: &'watch WatchSettings,
    drain: &'watch Drain,
    telemetry: Arc<Telemetry>,
    observer: &'watch dyn IngestObserver,
    is_served: bool,
}

impl Following<'_> {
    async fn follow_queue(&self, address: &str) -> Result<IngestSummary, ServiceError> {
        let queue_address: QueueAddress = address
            .parse()
            .map_err(|error| ServiceError::new(FailureKind::Usage, format!("{error}")))?;
        let wait = match self.watch.until {
            WatchUntil::Stopped => WAIT_STOPPED,
            WatchUntil::Empty => WAIT_ONCE,
        };
        let opening = async {
            let clients = AwsClients::load(&self.settings.aws).await;
            let queue = SqsQueue::open(&clients, &queue_address, wait).await?;
            let facts = queue_facts(&queue).await;
            let station = Station::open(self.settings).await?;
            Ok((station, queue, facts, S3Reader::new(&clients)))
        };
        let opened = self.unless_drained(Box::pin(opening)).await?;
        let Some((station, queue, facts, reader)) = opened else { return Ok(self.nothing()) };
        let telemetry = Arc::clone(&self.telemetry);
        let _depth = self.is_served.then(|| sample_depth(queue.clone(), telemetry));
        let isolate_receive_count = facts.isolate_receive_count();
        let limits = IngestLimits { isolate_receive_count, ..limits(self.watch) };
        self.follow(limits, station, queue, reader).await
    }

    async fn follow_folder(&self, folder: &Path) -> Result<IngestSummary, ServiceError> {
        let when_empty = match self.watch.until {
            WatchUntil::Stopped => WhenEmpty::Wait,
            WatchUntil::Empty => WhenEmpty::Return,
        };
        let options = FolderOptions { when_empty, ..FolderOptions::default() };
        let folder = folder.to_path_buf();
        let opening = async {
            let queue = run_blocking(move || FolderQueue::open(&folder, options)).await??;
            Ok((Station::open(self.settings).await?, queue))
        };
        let Some((station, queue)) = self.unless_drained(Box::pin(opening)).await? else {
            return Ok(self.nothing());
        };
        self.follow(limits(self.watch), station, queue, FileReader::new()).await
    }

    async fn follow<Q: NotificationQueue, O: ObjectReader>(
        &self,
        limits: IngestLimits,
        station: Station,
        queue: Q,
        objects: O,
    ) -> Result<IngestSummary, ServiceError> {
        let report = station.drive(limits, queue, objects, self.drain, self.observer).await?;
        self.telemetry.ended();
        let time_max = self.drain.is_requested().then(|| tidy_time(self.watch.drain_timeout));
        Ok(station.finish(report, 0, time_max).await)
    }

    /// Opens what is needed; `None` where it is told to stop meanwhile, when nothing is held yet.
    async fn unless_drained<T>(
        &self,
        opening: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<Option<T>, ServiceError> {
        tokio::select! {
            biased;
            () = self.drain.requested() => Ok(None),
            opened = opening => opened.map(Some),
        }
    }

    fn nothing(&self) -> IngestSummary {
        IngestSummary { lake: self.settings.lake.clone(), ..IngestSummary::default() }
    }
}

/// Returns what of the time for stopping is kept for what follows the last message.
fn tidy_time(drain_timeout: Duration) -> Duration {
    TIDY_TIME_MAX.min(drain_timeout / 4)
}

/// Asks the queue how it is set up. Only some care depends on it, so a refusal costs no more.
async fn queue_facts(queue: &SqsQueue) -> QueueFacts {
    match queue.facts().await {
        Ok(Some(facts)) => {
            if facts.dead_letters.is_none() {
                tracing::info!(
                    "queue has no dead letters: what fails comes again until it expires"
                );
            }
            facts
        }
        Ok(None) => {
            tracing::info!("without sqs:GetQueueAttributes no message is worked on alone");
            QueueFacts::default()
        }
        Err(error) => {
            tracing::warn!(error = %error.chain(), "failed to ask how the queue is set up");
            QueueFacts::default()
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
        drain_max: watch.drain_timeout - tidy_time(watch.drain_timeout),
        receive_drain_max: match watch.source {
            WatchSource::Queue(_) => RECEIVE_DRAIN_MAX,
            // A folder hands out nothing that would stay out after the process.
            WatchSource::Folder(_) => Duration::ZERO,
        },
        ..base
    }
}
