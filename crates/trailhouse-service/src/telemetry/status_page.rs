//! The document behind `/statusz`.

use serde_json::{Value, json};
use trailhouse_query::escape_terminal;

use super::{Telemetry, health::Health, now};

impl Telemetry {
    /// Returns what a person on call wants to know first, as one JSON document.
    pub(super) fn status_document(&self) -> Value {
        let health = self.health().clone();
        let now = now();
        let troubles = health.troubles(now);
        let gauges = &health.in_flight.gauges;
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "source": self.source,
            "lake": self.lake,
            "state": health.phase.as_str(),
            "live": health.live(now).is_ok(),
            "ready": troubles.is_empty(),
            "reasons": troubles,
            "uptime_seconds": health.uptime(now).as_secs(),
            "in_flight": {
                "messages": gauges.messages,
                "messages_held": gauges.messages_held,
                "objects": gauges.objects,
                "bytes": gauges.bytes,
                "fetches": gauges.fetches,
                "fetch_window": gauges.fetch_window,
            },
            "circuits": circuits(&health),
            "oldest_message_age_seconds":
                self.oldest_message_age(&health).map(|age| age.as_secs_f64()),
            "last_commit": last_commit(&health),
            "last_errors": last_errors(&health),
        })
    }
}

fn last_commit(health: &Health) -> Value {
    let Some(commit) = &health.last_commit else { return Value::Null };
    json!({
        "version": commit.version.0,
        "objects": commit.objects,
        "events": commit.events,
        "at": commit.at.to_string(),
        "delivery_lag_seconds": commit.delivery_lag.map(|lag| lag.as_secs_f64()),
        "event_lag_seconds": commit.event_lag.map(|lag| lag.as_secs_f64()),
    })
}

fn circuits(health: &Health) -> Value {
    let circuits = health.in_flight.circuits.iter().map(|circuit| {
        json!({
            "refused": escape_terminal(&circuit.key.to_string()),
            "state": circuit.state.as_str(),
            "failed_probes": circuit.failed_probes,
            "error": escape_terminal(&circuit.detail),
        })
    });
    circuits.collect()
}

fn last_errors(health: &Health) -> Value {
    let errors = health.last_errors.iter().map(|(call, last)| {
        json!({
            "call": call,
            "count": last.count,
            "at": last.at.to_string(),
            "error": last.error,
        })
    });
    errors.collect()
}
