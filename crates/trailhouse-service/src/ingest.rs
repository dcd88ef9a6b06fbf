//! Stores what sources name, once: files, folders, patterns, prefixes in S3, standard input.

use std::{
    collections::BTreeSet,
    io,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use trailhouse_aws::{AwsClients, AwsOptions, ListingCounts, S3Listing, S3Reader, S3Url};
use trailhouse_decode::DecodeLimits;
use trailhouse_ingest::{IngestLimits, IngestMachine, IngestReport};
use trailhouse_lake::{Added, Durability, EventWriter, Lake};
use trailhouse_local::{SourceLimits, plan};
use trailhouse_model::EventTime;
use trailhouse_runtime::{
    Clock, DecodePool, Drain, IngestObserver, IngestPorts, NotificationQueue, ObjectReader,
    SystemClock, Turn, drive_ingest,
};
use trailhouse_source::{KeyFilter, classify_key};
use uuid::Uuid;

use crate::{
    error::{FailureKind, ServiceError},
    lake::LakeAddress,
};

/// How long it may take to tidy up once somebody waits for the end.
pub(crate) const TIDY_TIME_MAX: Duration = Duration::from_secs(2);

/// How often it is looked whether a checkpoint is due.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// What is the same for every way of ingesting.
#[derive(Debug, Clone, Default)]
pub struct IngestSettings {
    /// Where the lake is; made where there is none.
    pub lake: String,
    /// Threads that decode; one for each processor where it is left out.
    pub threads: Option<NonZeroUsize>,
    /// How to reach S3 and SQS.
    pub aws: AwsOptions,
    /// What a commit on a local disk survives.
    pub durability: Durability,
    /// What one object may cost.
    pub decode: DecodeLimits,
}

impl IngestSettings {
    /// Returns where the lake is and how to reach it.
    pub(crate) fn lake_address(&self) -> LakeAddress {
        LakeAddress { uri: self.lake.clone(), aws: self.aws.clone(), durability: self.durability }
    }
}

/// What is known while it runs.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'report> {
    /// What was done so far.
    pub report: &'report IngestReport,
    /// How many objects there are in all, where that is known.
    pub objects_planned: Option<u64>,
}

/// Which objects are stored, by what their names say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestSelection {
    /// When they were delivered.
    pub window: Window,
    /// Those of these accounts; of all where there is none.
    pub accounts: BTreeSet<String>,
    /// Those of these regions; of all where there is none.
    pub regions: BTreeSet<String>,
}

/// A range of delivery times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Window {
    /// At any time.
    #[default]
    Always,
    /// From one time, up to and without another.
    Between {
        /// From the beginning where it is left out.
        from: Option<EventTime>,
        /// To the end where it is left out.
        to: Option<EventTime>,
    },
    /// In so many of the last seconds.
    LastSeconds(u32),
}

impl IngestSelection {
    fn filter(&self, now: EventTime) -> Result<KeyFilter, ServiceError> {
        let (from, to) = match self.window {
            Window::Always => (None, None),
            Window::Between { from, to } => (from, to),
            Window::LastSeconds(seconds) => (Some(now.plus_seconds(-i64::from(seconds))), None),
        };
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            let message = format!("nothing lies between {from} and {to}");
            return Err(ServiceError::new(FailureKind::Usage, message));
        }
        let (accounts, regions) = (self.accounts.clone(), self.regions.clone());
        Ok(KeyFilter { from, to, accounts, regions })
    }
}

/// What an ingest ended with.
#[derive(Debug, Clone, Default)]
pub struct IngestSummary {
    /// What was done.
    pub report: IngestReport,
    /// Where it is.
    pub lake: String,
    /// How long it took.
    pub elapsed: Duration,
    /// Files in folders that are no logs by their name.
    pub other_files: u64,
    /// What it took to list buckets.
    pub listed: Option<Listed>,
    /// Files that are not asked for, by what their names say.
    pub passed_files: u64,
    /// Events that were left out, because they repeat another of the same commit.
    pub repeated_events: u64,
    /// The files of events that were added, together.
    pub bytes_written: u64,
}

/// What it took to list buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Requests.
    pub requests: u64,
    /// Objects that were listed and are not asked for.
    pub passed: u64,
}

/// Stores everything that the sources name and the selection picks. Running it again stores nothing
/// twice: what is stored already is not read again.
pub async fn ingest(
    settings: &IngestSettings,
    sources: &[String],
    selection: &IngestSelection,
    drain: &Drain,
    observer: impl Fn(Progress<'_>),
) -> Result<IngestSummary, ServiceError> {
    let (remote, local): (Vec<&String>, Vec<&String>) =
        sources.iter().partition(|source| source.starts_with("s3://"));
    let prefixes = parse_prefixes(&remote)?;
    let filter = selection.filter(SystemClock.now())?;
    let names: Vec<String> = local.into_iter().cloned().collect();
    if names.iter().any(|name| name == "-") && !filter.picks_all() {
        let message = "standard input has no name that says when and where it is from";
        return Err(ServiceError::new(FailureKind::Usage, message)
            .with_hint("leave out --from, --to, --last, --account and --region"));
    }
    let mut planned =
        run_blocking(move || plan(&names, io::stdin(), SourceLimits::default())).await??;
    let passed_files =
        if filter.picks_all() { 0 } else { planned.keep(|key| filter.picks(key.as_str())) };
    // As they were delivered, whatever account and region they are of: a commit makes a file for
    // each day that it has events of.
    planned.order_by(|key| {
        let kind = classify_key(key.as_str());
        kind.facts().and_then(|facts| facts.delivered_at)
    });
    let station = Station::open(settings).await?;

    let objects_planned = prefixes.is_empty().then_some(planned.objects);
    let other_files = planned.other_files;
    let mut total = IngestReport::default();
    let mut counts = None;
    if planned.objects > 0 {
        let (listing, reader) = planned.into_ports();
        let shown = Shown { progress: &observer, objects_planned };
        total = station.drive(IngestLimits::finite(), listing, reader, drain, &shown).await?;
    }
    if !prefixes.is_empty() && !drain.is_requested() {
        let clients = AwsClients::load(&settings.aws).await;
        let listing = S3Listing::filtered(&clients, prefixes, filter);
        counts = Some(listing.counts());
        let reader = S3Reader::new(&clients);
        let shown = Shown { progress: &observer, objects_planned: None };
        let report = station.drive(IngestLimits::finite(), listing, reader, drain, &shown).await?;
        total.absorb(report);
    }
    let time_max = drain.is_requested().then_some(TIDY_TIME_MAX);
    let summary = station.finish(total, other_files, time_max).await;
    Ok(IngestSummary { listed: counts.as_ref().map(listed), passed_files, ..summary })
}

fn listed(counts: &ListingCounts) -> Listed {
    Listed { requests: counts.requests(), passed: counts.passed() }
}

/// Shows the progress at every turn.
struct Shown<'observer, F> {
    progress: &'observer F,
    objects_planned: Option<u64>,
}

impl<F: Fn(Progress<'_>)> IngestObserver for Shown<'_, F> {
    fn turned(&self, turn: Turn<'_>) {
        let objects_planned = self.objects_planned;
        (self.progress)(Progress { report: turn.machine.report(), objects_planned });
    }
}

fn parse_prefixes(sources: &[&String]) -> Result<Vec<S3Url>, ServiceError> {
    let mut prefixes = Vec::new();
    for source in sources {
        let parsed: Result<S3Url, _> = source.parse();
        let url =
            parsed.map_err(|error| ServiceError::new(FailureKind::Usage, error.to_string()))?;
        prefixes.push(url);
    }
    Ok(prefixes)
}

/// Everything that stands ready between the sources and the lake.
pub(crate) struct Station {
    lake: Lake,
    lake_uri: String,
    writer: Arc<EventWriter>,
    pool: DecodePool,
    started: Instant,
}

impl Station {
    /// Opens or makes the lake, and starts the decoders.
    pub(crate) async fn open(settings: &IngestSettings) -> Result<Self, ServiceError> {
        let started = Instant::now();
        let lake = settings.lake_address().create_or_open().await?;
        let writer = Arc::new(lake.event_writer().await?);
        let pool = match settings.threads {
            Some(threads) => DecodePool::new(threads, settings.decode),
            None => DecodePool::for_this_machine(settings.decode),
        };
        let pool = pool.map_err(|error| ServiceError::new(FailureKind::Bug, error.to_string()))?;
        let lake_uri = settings.lake.clone();
        Ok(Self { lake, lake_uri, writer, pool, started })
    }

    /// Runs one queue to its end, or until the drain.
    pub(crate) async fn drive<Q, O>(
        &self,
        limits: IngestLimits,
        queue: Q,
        objects: O,
        drain: &Drain,
        observer: &dyn IngestObserver,
    ) -> Result<IngestReport, ServiceError>
    where
        Q: NotificationQueue,
        O: ObjectReader,
    {
        // Ends with the drive.
        let mut upkeep = JoinSet::new();
        upkeep.spawn(write_checkpoints(self.lake.clone()));
        let machine = IngestMachine::new(limits, &Uuid::now_v7().to_string(), Instant::now());
        let ports = IngestPorts {
            queue: Arc::new(queue),
            objects: Arc::new(objects),
            lake: Arc::clone(&self.writer),
            pool: self.pool.clone(),
            clock: Arc::new(SystemClock),
        };
        Ok(Box::pin(drive_ingest(machine, ports, drain.clone(), observer)).await?)
    }

    /// Tidies the logs up, within `time_max` where somebody waits for the end, and sums up.
    pub(crate) async fn finish(
        self,
        report: IngestReport,
        other_files: u64,
        time_max: Option<Duration>,
    ) -> IngestSummary {
        let elapsed = self.started.elapsed();
        let tidying = write_checkpoint(&self.lake);
        match time_max {
            None => tidying.await,
            Some(time_max) => {
                if tokio::time::timeout(time_max, tidying).await.is_err() {
                    tracing::info!("left the logs as they are, for want of time");
                }
            }
        }
        let Added { bytes, repeats } = self.writer.added();
        IngestSummary {
            report,
            lake: self.lake_uri,
            elapsed,
            other_files,
            listed: None,
            passed_files: 0,
            repeated_events: repeats,
            bytes_written: bytes,
        }
    }
}

/// Keeps the log short while objects come in, which may be for months.
async fn write_checkpoints(lake: Lake) {
    loop {
        tokio::time::sleep(CHECKPOINT_INTERVAL).await;
        write_checkpoint(&lake).await;
    }
}

async fn write_checkpoint(lake: &Lake) {
    if let Err(error) = lake.checkpoint_if_due().await {
        // It is tried again; readers only have more log entries to read.
        tracing::warn!(%error, "failed to write a checkpoint");
    }
}

/// Runs what blocks on a thread that may block.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServiceError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ServiceError::new(FailureKind::Bug, error.to_string()))
}
