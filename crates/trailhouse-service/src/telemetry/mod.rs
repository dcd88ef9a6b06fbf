//! What an ingest shows of itself: metrics, health, and lines in the log.

mod connection;
mod depth;
mod health;
mod metrics;
mod observer;
mod server;
mod status_page;
mod words;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;
use trailhouse_runtime::Clock;

pub use self::server::{LoopbackAddress, LoopbackAddressError, StatusServer};
pub(crate) use self::{depth::sample_depth, observer::WatchObserver};
use self::{
    health::{Health, Phase},
    metrics::{IngestMetrics, age},
};

/// What is known of one ingest while it runs; shared by its observer and the HTTP server.
pub(crate) struct Telemetry {
    metrics: IngestMetrics,
    health: Mutex<Health>,
    clock: Arc<dyn Clock>,
    source: String,
    lake: String,
}

impl Telemetry {
    /// Begins at zero.
    pub(crate) fn new(clock: Arc<dyn Clock>, source: String, lake: String) -> Self {
        let metrics = IngestMetrics::new(clock.now());
        Self { metrics, health: Mutex::new(Health::new(now())), clock, source, lake }
    }

    /// Notes that the loop has ended.
    pub(crate) fn ended(&self) {
        let messages = {
            let mut health = self.health();
            health.phase = Phase::Ended;
            health.in_flight.gauges.messages
        };
        if messages > 0 {
            tracing::warn!(messages, "left messages to come back when their visibility ends");
        }
    }

    /// Returns how long ago the oldest message in work was sent.
    fn oldest_message_age(&self, health: &Health) -> Option<Duration> {
        health.in_flight.oldest_sent_at.map(|sent_at| age(self.clock.now(), sent_at))
    }

    fn encode_metrics(&self) -> String {
        let health = self.health().clone();
        let is_ready = health.troubles(now()).is_empty();
        self.metrics.encode(self.oldest_message_age(&health), is_ready)
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that ends when this is dropped.
pub(crate) struct Background(JoinHandle<()>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The runtime's clock, so that tests can pause it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
