//! What is in work at this moment, for whoever watches.

use crate::{
    circuit::{Circuit, CircuitKey, CircuitStep},
    machine::IngestMachine,
    object::ObjectStage,
};

/// How much is in work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestGauges {
    /// Messages held and not yet acknowledged.
    pub messages: u64,
    /// Messages that wait for an open circuit.
    pub messages_held: u64,
    /// Objects of all messages.
    pub objects: u64,
    /// Objects that wait for an open circuit.
    pub objects_held: u64,
    /// Bytes held for objects between fetch and commit.
    pub bytes: u64,
    /// Objects being downloaded.
    pub fetches: u64,
    /// Objects that may be downloaded at the same time, as found so far.
    pub fetch_window: u64,
    /// Calls that wait for messages.
    pub receives: u64,
    /// Settled messages that are not yet deleted.
    pub acknowledgements: u64,
}

/// Where an open circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CircuitState {
    /// The next probe has its time.
    Waiting,
    /// A probe is on its way.
    Probing,
    /// There were enough probes; its objects are given up.
    GivenUp,
}

impl CircuitState {
    /// Returns the word for the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Probing => "probing",
            Self::GivenUp => "given_up",
        }
    }
}

/// An open circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitStatus {
    /// What must be put right.
    pub key: CircuitKey,
    /// Where it stands.
    pub state: CircuitState,
    /// Probes that did not succeed.
    pub failed_probes: u32,
    /// What was said the last time.
    pub detail: String,
}

impl IngestMachine {
    /// Returns how much is in work. Costs time in proportion to what waits for circuits.
    pub fn gauges(&self) -> IngestGauges {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        IngestGauges {
            messages: count(self.messages.len()),
            messages_held: count(self.held_messages().len()),
            objects: count(self.objects.len()),
            objects_held: count(self.objects.count(ObjectStage::Held)),
            bytes: self.budget.held_bytes(),
            fetches: count(self.objects.count(ObjectStage::Fetching)),
            fetch_window: u64::from(self.window.size()),
            receives: u64::from(self.receives_in_flight),
            acknowledgements: count(self.messages.count_settled()),
        }
    }

    /// Returns the open circuits, oldest first.
    pub fn circuits(&self) -> Vec<CircuitStatus> {
        self.circuits.open().map(status_of).collect()
    }
}

fn status_of(circuit: &Circuit) -> CircuitStatus {
    let state = match circuit.step {
        CircuitStep::Probing(_) => CircuitState::Probing,
        CircuitStep::GivenUp => CircuitState::GivenUp,
        CircuitStep::Closed | CircuitStep::Waiting | CircuitStep::Due => CircuitState::Waiting,
    };
    CircuitStatus {
        key: circuit.key.clone(),
        state,
        failed_probes: circuit.failed_probes,
        detail: circuit.detail.clone(),
    }
}
