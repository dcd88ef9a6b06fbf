//! The metrics of an ingest, in the text format of OpenMetrics.
//!
//! Labels take values from closed sets only: nothing that stands in a log or in a message becomes
//! one. Totals that the report counts are shown as they stand there, so that the metrics and the
//! closing summary cannot disagree.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Metric, Registry, Unit},
};
use trailhouse_aws::QueueDepth;
use trailhouse_ingest::{CircuitStatus, IngestGauges, IngestReport};
use trailhouse_model::{EventTime, QuarantineReason};

use super::words::{COMMIT_OUTCOMES, LEASE_OUTCOMES, RECEIVE_OUTCOMES};

/// The type that encoded metrics have in HTTP.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const PREFIX: &str = "trailhouse";

/// From a cached look-up to a store that is about to time out.
const CALL_SECONDS: [f64; 13] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// From an object of one event to one at the limits.
const DECODE_SECONDS: [f64; 11] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];
/// From a queue that is followed closely to the longest time that SQS keeps a message.
const LAG_SECONDS: [f64; 16] = [
    1.0,
    5.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1_800.0,
    3_600.0,
    10_800.0,
    21_600.0,
    86_400.0,
    345_600.0,
    1_209_600.0,
];

type Label = (&'static str, Cow<'static, str>);
/// A counter for each value of one label.
type Counters = Family<[Label; 1], Counter>;
type Histograms = Family<[Label; 1], Histogram, fn() -> Histogram>;
type Seconds = Gauge<f64, AtomicU64>;

/// Takes a total out of the report.
type OfReport = fn(&IngestReport) -> u64;

/// A total of the report and how it is shown: name, unit, help.
struct Total {
    name: &'static str,
    unit: Option<Unit>,
    help: &'static str,
    of: OfReport,
}

const fn total(name: &'static str, help: &'static str, of: OfReport) -> Total {
    Total { name, unit: None, help, of }
}

const TOTALS: &[Total] = &[
    total("messages_received", "Deliveries of messages", |report| report.messages),
    total("messages_acknowledged", "Messages deleted from the queue", |report| {
        report.messages_acknowledged
    }),
    total("messages_unacknowledged", "Settled messages that could not be deleted", |report| {
        report.messages_unacknowledged
    }),
    total("messages_released", "Messages given back unfinished", |report| report.messages_released),
    total("messages_failed", "Messages left in the queue for a failed object", |report| {
        report.messages_failed
    }),
    total("messages_lost", "Messages dropped because their lease was lost", |report| {
        report.messages_lost
    }),
    total("fetch_retries", "Downloads that were put off to be repeated", |report| {
        report.fetch_retries
    }),
    total("objects_named", "Objects that messages named", |report| report.objects_named),
    total("objects_stored", "Objects committed with rows or refused records", |report| {
        report.objects_stored
    }),
    total("objects_empty", "Objects committed without a record", |report| report.objects_empty),
    total("objects_duplicate", "Objects that were stored before or named twice", |report| {
        report.objects_duplicate
    }),
    total("objects_quarantined", "Objects in quarantine as a whole", |report| {
        report.objects_quarantined
    }),
    total("objects_failed", "Objects given up and left in the queue", |report| {
        report.failed_objects_count
    }),
    total("objects_released", "Objects not finished when a drain began", |report| {
        report.objects_released
    }),
    total("events_stored", "Rows in commits", |report| report.events),
    total("records_rejected", "Records of stored objects in quarantine", |report| {
        report.rejected_records
    }),
    total("commits", "Commits that are in the table", |report| report.commits),
    Total {
        name: "objects_compressed",
        unit: Some(Unit::Bytes),
        help: "Stored objects as delivered",
        of: |report| report.compressed_bytes,
    },
    Total {
        name: "objects_inflated",
        unit: Some(Unit::Bytes),
        help: "Stored objects after inflation",
        of: |report| report.inflated_bytes,
    },
];

/// All metrics of one ingest. Recording is a few atomic operations; no lock is held across calls.
pub(crate) struct IngestMetrics {
    registry: Registry,
    totals: Vec<(Counter, OfReport)>,
    messages_ignored: Counters,
    objects_skipped: Counters,
    quarantined: Counters,
    pub(super) receives: Counters,
    pub(super) commit_attempts: Counters,
    pub(super) dedupe_hits: Counters,
    pub(super) lease_extensions: Counters,
    pub(super) call_failures: Family<[Label; 2], Counter>,
    pub(super) call_duration: Histograms,
    pub(super) decode_duration: Histogram,
    pub(super) commit_duration: Histogram,
    pub(super) queue_age: Histogram,
    pub(super) delivery_lag: Histogram,
    pub(super) event_lag: Histogram,
    fetches: Counters,
    work: WorkGauges,
    oldest_message_age: Seconds,
    pub(super) table_version: Gauge,
    pub(super) last_commit_time: Seconds,
    queue_messages: Family<[Label; 1], Gauge>,
    ready: Gauge,
}

impl IngestMetrics {
    /// Registers all of them at zero.
    pub(crate) fn new(started_at: EventTime) -> Self {
        let mut book = Book(Registry::with_prefix(PREFIX));
        let totals = TOTALS.iter().map(|total| (book.total(total), total.of)).collect();
        book.facts(started_at);
        let metrics = Self {
            totals,
            messages_ignored: book.add("messages_ignored", "Messages that name no object, by kind"),
            objects_skipped: book.add("objects_skipped", "Objects not for the lake, by kind"),
            quarantined: book.add(
                "quarantined",
                "Objects, messages and records that went to quarantine, by reason",
            ),
            receives: book.add("receives", "Receives that ended, by outcome"),
            commit_attempts: book.add("commit_attempts", "Attempts to commit, by outcome"),
            dedupe_hits: book.add(
                "dedupe_hits",
                "Objects found to be stored already, by the stage that found them",
            ),
            lease_extensions: book.add("lease_extensions", "Leases extended, lost or not extended"),
            call_failures: book.add("call_failures", "Failed calls to queue, store and lake"),
            call_duration: book.seconds(
                "call_duration",
                "How long calls to queue, store and lake took",
                Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            ),
            decode_duration: book.histogram(
                "decode_duration",
                "How long objects waited for a decoder and were decoded",
                &DECODE_SECONDS,
            ),
            commit_duration: book.histogram(
                "commit_duration",
                "How long attempts to commit took",
                &CALL_SECONDS,
            ),
            queue_age: book.histogram(
                "queue_age",
                "From the sending of a message to its receipt",
                &LAG_SECONDS,
            ),
            delivery_lag: book.histogram(
                "delivery_lag",
                "From the delivery minute of an object to its commit",
                &LAG_SECONDS,
            ),
            event_lag: book.histogram(
                "event_lag",
                "From the earliest event of an object to its commit",
                &LAG_SECONDS,
            ),
            fetches: book.add("fetches", "Downloads that ended, by outcome"),
            work: WorkGauges::new(&mut book),
            oldest_message_age: book.seconds(
                "oldest_message_age",
                "Time since the oldest message in work was sent, 0 where there is none",
                Seconds::default(),
            ),
            table_version: book.add("table_version", "Version of the events table"),
            last_commit_time: book.seconds(
                "last_commit_timestamp",
                "When the last commit was confirmed, in Unix time",
                Seconds::default(),
            ),
            queue_messages: book.add("queue_messages", "Messages in the queue, by state"),
            ready: book.add("ready", "Whether queue and lake answer"),
            registry: book.0,
        };
        metrics.show_closed_sets();
        metrics
    }

    /// A rate needs a zero to begin with.
    fn show_closed_sets(&self) {
        let starts = [
            (&self.receives, "outcome", &RECEIVE_OUTCOMES[..]),
            (&self.commit_attempts, "outcome", &COMMIT_OUTCOMES[..]),
            (&self.lease_extensions, "outcome", &LEASE_OUTCOMES[..]),
            (&self.dedupe_hits, "stage", &["ledger", "race"][..]),
            (&self.quarantined, "reason", &QuarantineReason::ALL.map(QuarantineReason::as_str)[..]),
        ];
        for (counters, label, values) in starts {
            for value in values {
                drop(counters.get_or_create(&[(label, Cow::Borrowed(*value))]));
            }
        }
    }

    /// Shows the totals of the report.
    pub(crate) fn show_report(&self, report: &IngestReport) {
        for (counter, of) in &self.totals {
            show_total(counter, of(report));
        }
        show_kinds(&self.messages_ignored, &report.ignored_messages);
        show_kinds(&self.objects_skipped, &report.skipped);
        for (reason, count) in &report.quarantined {
            let label = [("reason", Cow::Borrowed(reason.as_str()))];
            show_total(&self.quarantined.get_or_create(&label), *count);
        }
        for (outcome, count) in &report.fetches {
            let label = [("outcome", Cow::Borrowed(outcome.as_str()))];
            show_total(&self.fetches.get_or_create(&label), *count);
        }
    }

    /// Shows what is in work.
    pub(crate) fn show_work(&self, gauges: &IngestGauges, circuits: &[CircuitStatus]) {
        self.work.show(gauges, circuits);
    }

    /// Shows what the queue holds; nothing where that is not known.
    pub(crate) fn show_depth(&self, depth: Option<QueueDepth>) {
        self.queue_messages.clear();
        let Some(QueueDepth { waiting, in_flight, delayed }) = depth else { return };
        for (state, count) in [("waiting", waiting), ("in_flight", in_flight), ("delayed", delayed)]
        {
            self.queue_messages.get_or_create(&[("state", state.into())]).set(gauge(count));
        }
    }

    /// Returns everything as text. What depends on the time of asking is given.
    pub(crate) fn encode(&self, oldest_message_age: Option<Duration>, is_ready: bool) -> String {
        self.oldest_message_age.set(oldest_message_age.unwrap_or_default().as_secs_f64());
        self.ready.set(i64::from(is_ready));
        let mut text = String::new();
        let _infallible = text::encode(&mut text, &self.registry);
        text
    }
}

/// Adds one to the counter with this value of its label.
pub(super) fn count(counters: &Counters, label: &'static str, value: &'static str) {
    counters.get_or_create(&[(label, Cow::Borrowed(value))]).inc();
}

/// Counts fit into a gauge.
pub(super) fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn show_total(counter: &Counter, total: u64) {
    counter.inner().store(total, Ordering::Relaxed);
}

fn show_kinds(counters: &Counters, totals: &BTreeMap<String, u64>) {
    for (kind, total) in totals {
        let label = [("kind", Cow::Owned(kind.clone()))];
        show_total(&counters.get_or_create(&label), *total);
    }
}

/// What is in work at this moment.
struct WorkGauges {
    messages: Gauge,
    messages_held: Gauge,
    objects: Gauge,
    bytes: Gauge,
    fetches: Gauge,
    fetch_window: Gauge,
    circuits_open: Gauge,
}

impl WorkGauges {
    fn new(book: &mut Book) -> Self {
        Self {
            messages: book.add("messages_in_flight", "Messages in work"),
            messages_held: book
                .add("messages_held", "Messages that wait for a refused bucket or key"),
            objects: book.add("objects_in_flight", "Objects in work"),
            bytes: book.bytes("in_flight", "Held between fetch and commit"),
            fetches: book.add("fetches_in_flight", "Objects being downloaded"),
            fetch_window: book
                .add("fetch_window", "Downloads that may run at once, as found so far"),
            circuits_open: book.add("circuits_open", "Buckets and keys that refuse to be read"),
        }
    }

    fn show(&self, gauges: &IngestGauges, circuits: &[CircuitStatus]) {
        self.messages.set(gauge(gauges.messages));
        self.messages_held.set(gauge(gauges.messages_held));
        self.objects.set(gauge(gauges.objects));
        self.bytes.set(gauge(gauges.bytes));
        self.fetches.set(gauge(gauges.fetches));
        self.fetch_window.set(gauge(gauges.fetch_window));
        self.circuits_open.set(i64::try_from(circuits.len()).unwrap_or(i64::MAX));
    }
}

/// A registry to which a metric is added and kept in one step.
struct Book(Registry);

impl Book {
    fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    fn seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }

    fn bytes(&mut self, name: &str, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.0.register_with_unit(name, help, Unit::Bytes, gauge.clone());
        gauge
    }

    fn histogram(&mut self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.seconds(name, help, Histogram::new(buckets.iter().copied()))
    }

    fn total(&mut self, total: &Total) -> Counter {
        let counter = Counter::default();
        match &total.unit {
            None => self.0.register(total.name, total.help, counter.clone()),
            Some(unit) => {
                self.0.register_with_unit(total.name, total.help, unit.clone(), counter.clone());
            }
        }
        counter
    }

    /// What does not change.
    fn facts(&mut self, started_at: EventTime) {
        let version: Label = ("version", Cow::Borrowed(env!("CARGO_PKG_VERSION")));
        self.0.register("build", "The build of the program", Info::new([version]));
        let started = self.seconds(
            "start_timestamp",
            "When the program started, in Unix time",
            Seconds::default(),
        );
        started.set(unix_seconds(started_at));
    }
}

/// Returns seconds since the epoch; 0 before it.
pub(super) fn unix_seconds(time: EventTime) -> f64 {
    Duration::from_micros(u64::try_from(time.micros()).unwrap_or(0)).as_secs_f64()
}

/// Returns how long before `now` something was; zero where clocks disagree.
pub(super) fn age(now: EventTime, then: EventTime) -> Duration {
    let micros = now.micros().saturating_sub(then.micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
