//! What must hold between any two inputs; shared by assertions and tests.

mod promise;

use crate::{
    circuit::CircuitStep,
    machine::{IngestMachine, Lane},
    message::MessageStage,
    object::ObjectStage,
};

pub use promise::Invariant;

/// An invariant does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invariant violated: {0}")]
pub struct Violation(pub &'static str);

/// Checks everything. Costs time in proportion to what is in work.
pub fn check(machine: &IngestMachine) -> Result<(), Violation> {
    check_limits(machine)?;
    check_indexes(machine)?;
    check_messages(machine)?;
    check_objects(machine)?;
    check_circuits(machine)?;
    check_lane(machine)?;
    check_accounts(machine)
}

/// Checks what can be checked without a walk over all that is in work.
pub(crate) fn check_limits(machine: &IngestMachine) -> Result<(), Violation> {
    let limits = &machine.limits;
    let count = |stage| machine.objects.count(stage);
    let at_most = |count: usize, limit: u32| u32::try_from(count).is_ok_and(|n| n <= limit);
    require(
        machine.fetches_in_flight <= limits.fetches_in_flight_max
            && count(ObjectStage::Fetching)
                <= usize::try_from(machine.fetches_in_flight).unwrap_or(usize::MAX),
        "fetches stay within their limit",
    )?;
    require(machine.window.is_within_limits(), "the fetch window stays within its limit")?;
    require(
        at_most(machine.messages.len(), limits.messages_in_flight_max),
        "messages stay within their limit",
    )?;
    require(
        at_most(machine.objects.active(), limits.objects_in_flight_max),
        "objects stay within their limit",
    )?;
    require(
        machine.receives_in_flight <= limits.receives_in_flight_max,
        "receives stay within their limit",
    )?;
    require(
        machine.acknowledges_in_flight <= limits.acknowledges_in_flight_max,
        "acknowledgements stay within their limit",
    )?;
    let committing = machine.commit.as_ref().map_or(0, |flight| flight.tickets.len());
    require(committing == count(ObjectStage::Committing), "one commit is in flight")?;
    require(at_most(committing, limits.batch_objects_max.max(1)), "batches stay within their limit")
}

fn check_indexes(machine: &IngestMachine) -> Result<(), Violation> {
    require(machine.objects.is_consistent(), "objects agree with their indexes")?;
    require(machine.messages.is_consistent(), "messages agree with their groups")?;
    require(machine.circuits.is_consistent(), "circuits agree with their indexes")?;
    require(machine.deadlines.is_consistent(), "deadlines agree with their index")?;
    let held: u64 = machine.objects.iter().map(|(_, work)| work.held_bytes).sum();
    require(held == machine.budget.held_bytes(), "the budget is the sum of its shares")?;
    let batched: u64 = machine
        .objects
        .at(ObjectStage::Batched)
        .filter_map(|ticket| machine.objects.get(ticket)?.facts.as_ref())
        .map(|facts| facts.inflated_bytes)
        .sum();
    require(batched == machine.batch_bytes, "the batch is the sum of its objects")
}

/// I1: no message is on its way out while an object of it is in work or was given up.
fn check_messages(machine: &IngestMachine) -> Result<(), Violation> {
    for (message, work) in machine.messages.iter() {
        let knows_message = |ticket| {
            machine.objects.get(ticket).is_some_and(|object| object.messages.contains(&message))
        };
        require(
            work.open.iter().copied().all(knows_message),
            "messages wait for objects that know them",
        )?;
        match work.stage {
            MessageStage::Working => {
                require(!work.open.is_empty(), "a message in work waits for something")?;
            }
            MessageStage::Unreadable(_) | MessageStage::Quarantining(_) => {
                require(work.open.is_empty(), "an unreadable message has no objects")?;
            }
            MessageStage::InLine
            | MessageStage::Settled
            | MessageStage::Acknowledging
            | MessageStage::WaitingToAcknowledge => {
                let is_settled = work.open.is_empty() && !work.has_failed;
                require(is_settled, "I1: acknowledged only when all is settled")?;
                let has_its_turn = machine.messages.is_first_in_group(message)
                    != matches!(work.stage, MessageStage::InLine);
                require(has_its_turn, "a group is acknowledged in the order received")?;
            }
        }
    }
    Ok(())
}

fn check_objects(machine: &IngestMachine) -> Result<(), Violation> {
    for (ticket, work) in machine.objects.iter() {
        let is_awaited = |message| {
            machine.messages.get(message).is_some_and(|waiting| waiting.open.contains(&ticket))
        };
        require(
            work.messages.iter().copied().all(is_awaited),
            "objects know messages that wait for them",
        )?;
        let is_on_its_way = machine.objects.is_at(ticket, ObjectStage::Committing)
            || machine.objects.is_at(ticket, ObjectStage::Quarantining);
        require(
            machine.is_draining || is_on_its_way || !work.messages.is_empty(),
            "an object is in work for a message",
        )?;
    }
    Ok(())
}

/// What an open circuit concerns is not asked for, but for one probe. What was asked before it
/// opened may still be on its way.
fn check_circuits(machine: &IngestMachine) -> Result<(), Violation> {
    for ticket in machine.objects.at(ObjectStage::Fetching) {
        let Some(work) = machine.objects.get(ticket) else { continue };
        let Some((id, since)) = machine.circuits.holding(&work.object.bucket) else { continue };
        let is_allowed =
            work.fetch_number < since || machine.circuits.probed_by(ticket) == Some(id);
        require(is_allowed, "an open circuit lets one probe pass")?;
    }
    for ticket in machine.objects.at(ObjectStage::Held) {
        let work = machine.objects.get(ticket);
        let holder = work.and_then(|work| machine.circuits.holding(&work.object.bucket));
        let circuit = holder.and_then(|(id, _)| machine.circuits.get(id));
        let is_awaited = circuit.is_some_and(|circuit| circuit.step != CircuitStep::GivenUp);
        require(is_awaited, "what is held waits for an open circuit that is tried again")?;
    }
    Ok(())
}

/// While a message is worked on alone, nothing else is between fetch and commit.
fn check_lane(machine: &IngestMachine) -> Result<(), Violation> {
    let Lane::Alone(alone) = machine.lane else { return Ok(()) };
    for ticket in Lane::STAGES.into_iter().flat_map(|stage| machine.objects.at(stage)) {
        let is_of_it = machine
            .objects
            .get(ticket)
            .is_some_and(|work| work.messages.is_empty() || work.messages.contains(&alone));
        require(is_of_it, "a message that is worked on alone is alone")?;
    }
    require(machine.suspects.contains(&alone), "who is alone has reason to be")
}

/// Nothing is lost from the books.
fn check_accounts(machine: &IngestMachine) -> Result<(), Violation> {
    let report = &machine.report;
    let in_work = u64::try_from(machine.objects.len()).unwrap_or(u64::MAX);
    let objects = report.objects_stored
        + report.objects_empty
        + report.objects_duplicate
        + report.objects_skipped()
        + report.objects_quarantined
        + report.failed_objects_count
        + report.objects_released
        + in_work;
    let duplicates: u64 = report.dedupe_hits.values().sum();
    require(duplicates == report.objects_duplicate, "every duplicate was found somewhere")?;
    require(objects == report.objects_named, "every object named is accounted for")?;
    let in_work = u64::try_from(machine.messages.len()).unwrap_or(u64::MAX);
    let messages = report.messages_acknowledged
        + report.messages_unacknowledged
        + report.messages_failed
        + report.messages_released
        + report.messages_lost
        + in_work;
    require(messages == report.messages, "every message is accounted for")
}

fn require(holds: bool, what: &'static str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation(what)) }
}
