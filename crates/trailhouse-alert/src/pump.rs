//! Sends what a spool holds.

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use tracing::{error, info, warn};
use trailhouse_model::EventTime;
use uuid::Uuid;

use crate::{
    Route, SendError, SendErrorKind, Spool, SpoolError,
    spool::{EntryId, SpoolDepth},
};

/// How a pump sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PumpOptions {
    /// The longest wait before the second attempt; it doubles with each further one.
    pub retry_first: Duration,
    /// The longest wait between two attempts.
    pub retry_max: Duration,
    /// How long an alert is tried before it becomes a dead letter.
    pub give_up_after: Duration,
    /// How often the spool is looked at without being told.
    pub look_every: Duration,
}

impl Default for PumpOptions {
    fn default() -> Self {
        Self {
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            give_up_after: Duration::from_secs(3 * 86_400),
            look_every: Duration::from_secs(10),
        }
    }
}

/// Tells what time it is.
pub type Clock = Arc<dyn Fn() -> EventTime + Send + Sync>;

/// No pump can be started.
#[derive(Debug, thiserror::Error)]
pub enum PumpError {
    /// Another process sends from this spool.
    #[error("another process sends alerts from this spool")]
    Busy,
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// What happened at a sink since the pump was made.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
}

/// How a sink does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkHealth {
    /// The sink.
    pub sink: String,
    /// Alerts sent since the pump was made.
    pub sent: u64,
    /// Attempts that failed and were made again.
    pub retried: u64,
    /// Alerts given up.
    pub dead: u64,
    /// What the spool holds.
    pub depth: SpoolDepth,
}

/// What one pass over the spool came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrainReport {
    /// Alerts sent.
    pub sent: u64,
    /// Alerts given up.
    pub dead: u64,
    /// Alerts that still wait.
    pub waiting: u64,
}

/// Sends what waits in a spool: for each sink one alert at a time, in order. An alert that has to
/// be tried again keeps those behind it waiting.
#[derive(Debug)]
pub struct Pump {
    shared: Arc<Shared>,
    _lock: File,
}

struct Shared {
    spool: Arc<Spool>,
    routes: Vec<Arc<Route>>,
    options: PumpOptions,
    clock: Clock,
    counts: BTreeMap<String, Counts>,
    wake: Notify,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("routes", &self.routes).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Sent,
    Dead,
    Gone,
    Again { after: Option<Duration> },
}

impl Pump {
    /// Takes the right to send from the spool, and ends what a crash interrupted.
    pub fn new(
        spool: Arc<Spool>,
        routes: Vec<Arc<Route>>,
        options: PumpOptions,
        clock: Clock,
    ) -> Result<Self, PumpError> {
        let lock = spool.lock()?.ok_or(PumpError::Busy)?;
        let mut counts = BTreeMap::new();
        for route in &routes {
            spool.recover(route.name())?;
            counts.insert(route.name().to_owned(), Counts::default());
        }
        let wake = Notify::new();
        let shared = Arc::new(Shared { spool, routes, options, clock, counts, wake });
        Ok(Self { shared, _lock: lock })
    }

    /// Says that something was enqueued.
    pub fn wake(&self) {
        self.shared.wake.notify_waiters();
    }

    /// Returns how each sink does.
    pub fn health(&self) -> Result<Vec<SinkHealth>, SpoolError> {
        let mut health = Vec::with_capacity(self.shared.counts.len());
        for (sink, counts) in &self.shared.counts {
            health.push(SinkHealth {
                sink: sink.clone(),
                sent: counts.sent.load(Ordering::Relaxed),
                retried: counts.retried.load(Ordering::Relaxed),
                dead: counts.dead.load(Ordering::Relaxed),
                depth: self.shared.spool.depth(sink)?,
            });
        }
        Ok(health)
    }

    /// Tries what waits once; at a sink that has to be tried again the rest is left waiting.
    pub async fn drain(&self) -> Result<DrainReport, SpoolError> {
        let mut report = DrainReport::default();
        for route in &self.shared.routes {
            self.shared.drain_route(route, &mut report).await?;
        }
        Ok(report)
    }

    /// Sends until `stop` ends. What is being sent then is ended first; what waits stays in the
    /// spool.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let (stopped, stopping) = watch::channel(false);
        let mut workers = JoinSet::new();
        for route in &self.shared.routes {
            let shared = Arc::clone(&self.shared);
            workers.spawn(shared.work(Arc::clone(route), stopping.clone()));
        }
        stop.await;
        stopped.send_replace(true);
        while let Some(ended) = workers.join_next().await {
            if let Err(failure) = ended {
                error!(%failure, "a sender of alerts ended");
            }
        }
    }
}

impl Shared {
    async fn drain_route(
        self: &Arc<Self>,
        route: &Arc<Route>,
        report: &mut DrainReport,
    ) -> Result<(), SpoolError> {
        let ids = self.pending(route).await?;
        let mut left = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        for id in ids {
            match self.attempt(route, &id).await? {
                Attempt::Sent => report.sent += 1,
                Attempt::Dead => report.dead += 1,
                Attempt::Gone => {}
                Attempt::Again { .. } => break,
            }
            left = left.saturating_sub(1);
        }
        report.waiting += left;
        Ok(())
    }

    async fn work(self: Arc<Self>, route: Arc<Route>, mut stopping: watch::Receiver<bool>) {
        let mut failures = 0;
        while !*stopping.borrow() {
            let wake = self.wake.notified();
            let pause = match self.pass(&route, &mut failures, &stopping).await {
                Ok(pause) => pause,
                Err(trouble) => {
                    error!(sink = route.name(), error = %trouble, "failed to use the alert spool");
                    failures += 1;
                    Pause::For(self.backoff(failures, None))
                }
            };
            let (wait, may_wake) = match pause {
                Pause::Idle => (self.options.look_every, true),
                Pause::For(wait) => (wait, false),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = wake, if may_wake => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// Sends what waits until something has to be tried again or nothing is left.
    async fn pass(
        self: &Arc<Self>,
        route: &Arc<Route>,
        failures: &mut u32,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Pause, SpoolError> {
        for id in self.pending(route).await? {
            if *stopping.borrow() {
                break;
            }
            match self.attempt(route, &id).await? {
                Attempt::Sent | Attempt::Dead | Attempt::Gone => *failures = 0,
                Attempt::Again { after } => {
                    *failures = failures.saturating_add(1);
                    return Ok(Pause::For(self.backoff(*failures, after)));
                }
            }
        }
        Ok(Pause::Idle)
    }

    async fn pending(self: &Arc<Self>, route: &Arc<Route>) -> Result<Vec<EntryId>, SpoolError> {
        let sink = route.name().to_owned();
        self.on_disk(move |spool| spool.pending(&sink)).await
    }

    /// Tries one alert, and settles it where that is possible.
    async fn attempt(
        self: &Arc<Self>,
        route: &Arc<Route>,
        id: &EntryId,
    ) -> Result<Attempt, SpoolError> {
        let (sink, wanted) = (route.name().to_owned(), id.clone());
        let entry = match self.on_disk(move |spool| spool.read(&sink, &wanted)).await {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(Attempt::Gone),
            Err(SpoolError::Damaged { .. }) => {
                let damaged = SendError::rejected("the file in the spool is damaged");
                return self.give_up(route, id, damaged).await;
            }
            Err(trouble) => return Err(trouble),
        };
        let failure = match route.sink().send(&entry.alert).await {
            Ok(_) => {
                let (sink, sent) = (route.name().to_owned(), id.clone());
                self.on_disk(move |spool| spool.settle(&sink, &sent)).await?;
                self.count(route, |counts| &counts.sent);
                return Ok(Attempt::Sent);
            }
            Err(failure) => failure,
        };
        let SendErrorKind::Retryable { after } = failure.kind else {
            return self.give_up(route, id, failure).await;
        };
        let waited_us = (self.clock)().micros().saturating_sub(entry.enqueued_at.micros());
        if u128::try_from(waited_us).unwrap_or(0) >= self.options.give_up_after.as_micros() {
            return self.give_up(route, id, failure).await;
        }
        warn!(sink = route.name(), reason = %failure, "failed to send alert, will try again");
        self.count(route, |counts| &counts.retried);
        Ok(Attempt::Again { after })
    }

    async fn give_up(
        self: &Arc<Self>,
        route: &Arc<Route>,
        id: &EntryId,
        failure: SendError,
    ) -> Result<Attempt, SpoolError> {
        let (sink, buried, now) = (route.name().to_owned(), id.clone(), (self.clock)());
        error!(sink, id = %id, reason = %failure, "gave an alert up; it is a dead letter now");
        self.on_disk(move |spool| spool.bury(&sink, &buried, failure.kind, &failure.reason, now))
            .await?;
        self.count(route, |counts| &counts.dead);
        Ok(Attempt::Dead)
    }

    fn count(&self, route: &Route, which: fn(&Counts) -> &AtomicU64) {
        if let Some(counts) = self.counts.get(route.name()) {
            which(counts).fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Spool) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let spool = Arc::clone(&self.spool);
        match tokio::task::spawn_blocking(move || work(&spool)).await {
            Ok(result) => result,
            Err(failure) => {
                info!(%failure, "the runtime ends");
                let source = std::io::Error::other(failure);
                Err(SpoolError::Io { action: "use", path: "the spool".into(), source })
            }
        }
    }

    fn backoff(&self, failures: u32, after: Option<Duration>) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let longest = self.options.retry_first.saturating_mul(doubled).min(self.options.retry_max);
        // The low bits of such an id are random.
        let (_, chance) = Uuid::now_v7().as_u64_pair();
        let jittered = part_of(longest, chance & u64::from(u32::MAX));
        after.map_or(jittered, |after| after.saturating_add(jittered.min(self.options.retry_first)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// Until something comes.
    Idle,
    /// Whatever comes.
    For(Duration),
}

/// Returns the part of a duration that `chance` stands for: nothing for 0, nearly all of it for the
/// largest number of 32 bits.
fn part_of(longest: Duration, chance: u64) -> Duration {
    let part = (longest.as_nanos().saturating_mul(u128::from(chance))) >> 32;
    Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
