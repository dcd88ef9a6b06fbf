//! Turns what the driver tells into metrics, health and lines in the log.

use std::{sync::Arc, time::Duration};

use trailhouse_model::{CommitOutcome, TableVersion};
use trailhouse_runtime::{
    AcknowledgeReport, IngestObserver, PoolDecodeError, PortCall, PortError, Quarantined,
    QueueMessage, StoredObject, Turn,
};

use super::{
    Telemetry,
    health::{InFlight, LastCommit, Part, Phase},
    metrics::{age, count, gauge, unix_seconds},
    now, words,
};
use crate::ingest::Progress;

/// Observes a watch.
pub(crate) struct WatchObserver<F> {
    pub(crate) telemetry: Arc<Telemetry>,
    /// Shows a person how it goes on.
    pub(crate) progress: F,
}

impl<F: Fn(Progress<'_>)> IngestObserver for WatchObserver<F> {
    fn called(&self, call: PortCall, took: Duration, outcome: Result<(), &PortError>) {
        self.telemetry.called(call, took, outcome);
    }

    fn received(&self, messages: &[QueueMessage]) {
        let telemetry = &self.telemetry;
        let outcome = if messages.is_empty() { "empty" } else { "messages" };
        count(&telemetry.metrics.receives, "outcome", outcome);
        let now = telemetry.clock.now();
        for sent_at in messages.iter().filter_map(|message| message.sent_at) {
            telemetry.metrics.queue_age.observe(age(now, sent_at).as_secs_f64());
        }
    }

    fn found_stored(&self, objects: usize) {
        self.telemetry.deduplicated("ledger", objects);
    }

    fn decoded(&self, took: Duration, outcome: Result<(), &PoolDecodeError>) {
        self.telemetry.metrics.decode_duration.observe(took.as_secs_f64());
        if let Err(error) = outcome {
            self.telemetry.failed("decode", &error.to_string());
        }
    }

    fn commit_ended(&self, took: Duration, outcome: &CommitOutcome) {
        self.telemetry.commit_ended(took, outcome);
    }

    fn stored(&self, version: TableVersion, objects: &[StoredObject]) {
        self.telemetry.stored(version, objects);
    }

    fn quarantined(&self, entries: &[Quarantined]) {
        for Quarantined { bucket, key, reason, detail } in entries {
            tracing::warn!(%bucket, %key, %reason, detail, "quarantined");
        }
    }

    fn acknowledged(&self, took: Duration, report: &AcknowledgeReport) {
        self.telemetry.timed("acknowledge", took);
        for (_, kind) in &report.failed {
            self.telemetry.count_failure("acknowledge", words::kind(*kind));
        }
    }

    fn turned(&self, turn: Turn<'_>) {
        self.telemetry.turned(turn);
        (self.progress)(Progress { report: turn.machine.report(), objects_planned: None });
    }
}

impl Telemetry {
    fn called(&self, call: PortCall, took: Duration, outcome: Result<(), &PortError>) {
        let word = words::call(call);
        let part = match call {
            PortCall::Receive => Some(Part::Queue),
            PortCall::LookUp | PortCall::Quarantine | PortCall::Probe => Some(Part::Lake),
            PortCall::Fetch | PortCall::Extend | PortCall::Release => None,
        };
        match call {
            PortCall::Receive if outcome.is_err() => {
                count(&self.metrics.receives, "outcome", "failed");
            }
            // A receive waits for messages; that is no measure of anything.
            PortCall::Receive => {}
            PortCall::Extend => {
                count(&self.metrics.lease_extensions, "outcome", words::lease(outcome));
            }
            PortCall::LookUp
            | PortCall::Fetch
            | PortCall::Quarantine
            | PortCall::Probe
            | PortCall::Release => self.timed(word, took),
        }
        match (outcome, part) {
            (Ok(()), Some(part)) => self.health().answered(part),
            (Ok(()), None) => {}
            (Err(error), part) => {
                let (kind, error) = (words::kind(error.kind), error.chain());
                tracing::warn!(call = word, kind, error, "call failed");
                self.count_failure(word, kind);
                self.failed(word, &error);
                if let Some(part) = part {
                    self.health().refused(now(), part, &error);
                }
            }
        }
    }

    fn commit_ended(&self, took: Duration, outcome: &CommitOutcome) {
        let word = words::commit(outcome);
        count(&self.metrics.commit_attempts, "outcome", word);
        self.metrics.commit_duration.observe(took.as_secs_f64());
        match outcome {
            CommitOutcome::Committed { .. } => self.health().answered(Part::Lake),
            CommitOutcome::Superseded { objects, version: _ } => {
                self.deduplicated("race", objects.len());
                self.health().answered(Part::Lake);
            }
            CommitOutcome::Unknown | CommitOutcome::Failed { .. } => {
                tracing::warn!(outcome = word, "commit did not succeed");
                let error = format!("the outcome of a commit is: {word}");
                self.failed("commit", &error);
                self.health().refused(now(), Part::Lake, &error);
            }
        }
    }

    fn stored(&self, version: TableVersion, objects: &[StoredObject]) {
        let at = self.clock.now();
        let lag = |time: Option<_>| time.map(|time| age(at, time));
        let (mut delivery_lag, mut event_lag, mut events) = (None, None, 0_u64);
        for object in objects {
            let delivery = lag(object.delivered_at);
            let event = lag(object.first_event_time);
            delivery.inspect(|lag| self.metrics.delivery_lag.observe(lag.as_secs_f64()));
            event.inspect(|lag| self.metrics.event_lag.observe(lag.as_secs_f64()));
            delivery_lag = delivery_lag.max(delivery);
            event_lag = event_lag.max(event);
            events = events.saturating_add(object.events);
        }
        tracing::info!(%version, objects = objects.len(), events, "committed");
        self.metrics.table_version.set(gauge(version.0));
        self.metrics.last_commit_time.set(unix_seconds(at));
        let objects = objects.len();
        self.health().last_commit =
            Some(LastCommit { version, objects, events, at, delivery_lag, event_lag });
    }

    fn turned(&self, turn: Turn<'_>) {
        let Turn { machine, is_draining } = turn;
        let (gauges, circuits) = (machine.gauges(), machine.circuits());
        self.metrics.show_report(machine.report());
        self.metrics.show_work(&gauges, &circuits);
        let phase = if is_draining { Phase::Draining } else { Phase::Running };
        let in_flight = InFlight { gauges, circuits, oldest_sent_at: machine.oldest_sent_at() };
        self.health().turned(now(), phase, in_flight);
    }

    fn deduplicated(&self, stage: &'static str, objects: usize) {
        let objects = u64::try_from(objects).unwrap_or(u64::MAX);
        self.metrics.dedupe_hits.get_or_create(&[("stage", stage.into())]).inc_by(objects);
    }

    fn timed(&self, call: &'static str, took: Duration) {
        let label = [("call", call.into())];
        self.metrics.call_duration.get_or_create(&label).observe(took.as_secs_f64());
    }

    pub(super) fn count_failure(&self, call: &'static str, kind: &'static str) {
        let labels = [("call", call.into()), ("kind", kind.into())];
        self.metrics.call_failures.get_or_create(&labels).inc();
    }

    fn failed(&self, call: &'static str, error: &str) {
        self.health().failed(call, error, self.clock.now());
    }
}
