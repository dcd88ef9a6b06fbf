//! Says once when a bucket or a key closes, and once when it opens again.

use std::collections::BTreeMap;

use trailhouse_ingest::{CircuitKey, IngestMachine};

/// What was said so far.
#[derive(Default)]
pub(super) struct CircuitLog {
    /// How often the machine had opened and closed circuits when it was looked at.
    changes: (u64, u64),
    open: BTreeMap<CircuitKey, String>,
}

impl CircuitLog {
    /// Compares the machine with what was said.
    pub(super) fn follow(&mut self, machine: &IngestMachine) {
        let report = machine.report();
        let changes = (report.circuits_opened, report.circuits_closed);
        if changes == self.changes {
            return;
        }
        self.changes = changes;
        let circuits = machine.circuits().into_iter();
        let open: BTreeMap<CircuitKey, String> =
            circuits.map(|circuit| (circuit.key, circuit.detail)).collect();
        for (circuit, detail) in open.iter().filter(|(key, _)| !self.open.contains_key(*key)) {
            tracing::warn!(%circuit, error = detail, "reading is refused; only probes go on");
        }
        for circuit in self.open.keys().filter(|key| !open.contains_key(*key)) {
            tracing::info!(%circuit, "reading is allowed again");
        }
        self.open = open;
    }
}
