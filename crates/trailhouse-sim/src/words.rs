//! Actions, inputs and calls in words for the action log, and the keys that tell them apart.

use std::hash::{DefaultHasher, Hash, Hasher};

use trailhouse_ingest::{Action, Delivery, Input, MessageTicket, QuarantineSubject, Ticket};

use crate::{commit::LakeCall, table::Entry};

/// Returns what tells an action from others.
pub(crate) fn action_key(action: &Action) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(action).hash(&mut hasher);
    match action {
        Action::Receive { messages_max, visibility } => {
            (messages_max, visibility).hash(&mut hasher)
        }
        Action::LookUp { objects } => {
            objects.iter().for_each(|(ticket, _)| ticket.hash(&mut hasher))
        }
        Action::Fetch { ticket, .. } | Action::Decode { ticket, .. } => ticket.hash(&mut hasher),
        Action::Quarantine { subjects } => subjects.len().hash(&mut hasher),
        Action::Commit { batch, tickets } => (batch, tickets).hash(&mut hasher),
        Action::Probe { batch } => batch.hash(&mut hasher),
        Action::Acknowledge { deliveries } => {
            deliveries.iter().for_each(|delivery| delivery.receipt.hash(&mut hasher));
        }
        Action::ExtendVisibility { delivery, .. } | Action::Release { delivery, .. } => {
            delivery.receipt.hash(&mut hasher);
        }
        Action::Forget { tickets } => tickets.hash(&mut hasher),
    }
    hasher.finish()
}

/// Returns what tells an input from others.
pub(crate) fn input_key(input: &Input) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(input).hash(&mut hasher);
    match input {
        Input::Received { messages } => {
            messages.iter().for_each(|message| message.receipt.hash(&mut hasher));
        }
        Input::LookedUp { outcome } => outcome.as_ref().ok().hash(&mut hasher),
        Input::Fetched { ticket, outcome } => (ticket, outcome.is_ok()).hash(&mut hasher),
        Input::Decoded { ticket, outcome } => (ticket, outcome.is_ok()).hash(&mut hasher),
        Input::Committed { batch, outcome } => {
            (batch, std::mem::discriminant(outcome)).hash(&mut hasher);
        }
        Input::Probed { batch, outcome } => (batch, outcome.as_ref().ok()).hash(&mut hasher),
        Input::Acknowledged { done, failed } => (done, failed).hash(&mut hasher),
        Input::VisibilityExtended { message, outcome } => {
            (message, outcome.is_ok()).hash(&mut hasher);
        }
        Input::Quarantined { outcome } => outcome.is_ok().hash(&mut hasher),
        Input::Released { message } => message.hash(&mut hasher),
        Input::ReceiveFailed { .. } | Input::Drain => {}
    }
    hasher.finish()
}

/// Returns what tells a call to the lake from others.
pub(crate) fn lake_key(call: &LakeCall) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(call).hash(&mut hasher);
    match call {
        LakeCall::ReadEntry(version)
        | LakeCall::Put { version, .. }
        | LakeCall::Project(version) => {
            version.hash(&mut hasher);
        }
        LakeCall::Load(partitions) => partitions.hash(&mut hasher),
        LakeCall::WriteRejects(objects) => objects.hash(&mut hasher),
        LakeCall::WriteFile(rows) => rows.hash(&mut hasher),
        LakeCall::Discard(files) => files.hash(&mut hasher),
        LakeCall::Pause(attempt) => attempt.hash(&mut hasher),
        LakeCall::Open => {}
    }
    hasher.finish()
}

/// Says what an action is.
pub(crate) fn action(action: &Action) -> String {
    match action {
        Action::Receive { messages_max, visibility } => {
            format!("receive {messages_max} for {visibility:?}")
        }
        Action::LookUp { objects } => {
            let tickets: Vec<Ticket> = objects.iter().map(|(ticket, _)| *ticket).collect();
            format!("look up {}", join(&tickets))
        }
        Action::Fetch { ticket, object, .. } => format!("fetch {ticket}: {object}"),
        Action::Decode { ticket, .. } => format!("decode {ticket}"),
        Action::Quarantine { subjects } => {
            let all: Vec<String> = subjects.iter().map(subject).collect();
            format!("quarantine {}", join(&all))
        }
        Action::Commit { batch, tickets } => format!("commit {batch}: {}", join(tickets)),
        Action::Probe { batch } => format!("probe {batch}"),
        Action::Acknowledge { deliveries } => {
            let all: Vec<String> = deliveries.iter().map(delivery).collect();
            format!("acknowledge {}", join(&all))
        }
        Action::ExtendVisibility { delivery: message, by } => {
            format!("extend {} by {by:?}", delivery(message))
        }
        Action::Release { delivery: message, delay } => {
            format!("release {} after {delay:?}", delivery(message))
        }
        Action::Forget { tickets } => format!("forget {}", join(tickets)),
    }
}

/// Says what an input is.
pub(crate) fn input(input: &Input) -> String {
    match input {
        Input::Received { messages } => {
            let receipts: Vec<&str> =
                messages.iter().map(|message| message.receipt.as_str()).collect();
            format!("received [{}]", receipts.join(", "))
        }
        Input::ReceiveFailed { failure } => format!("receive failed: {}", failure.detail),
        Input::LookedUp { outcome: Ok(stored) } => {
            let stored: Vec<Ticket> = stored.iter().copied().collect();
            format!("looked up, stored are [{}]", join(&stored))
        }
        Input::LookedUp { outcome: Err(failure) } => format!("look-up failed: {}", failure.detail),
        Input::Fetched { ticket, outcome } => match outcome {
            Ok(bytes) => format!("fetched {ticket}: {bytes} bytes"),
            Err(failure) => format!("fetch of {ticket} failed: {}", failure.detail),
        },
        Input::Decoded { ticket, outcome } => match outcome {
            Ok(facts) => format!("decoded {ticket}: {} rows", facts.events),
            Err(failure) => format!("decoding {ticket} failed: {}", failure.detail),
        },
        Input::Quarantined { outcome } => format!("quarantined: {}", outcome.is_ok()),
        Input::Committed { batch, outcome } => format!("commit {batch} ended: {outcome:?}"),
        Input::Probed { batch, outcome } => format!("probed {batch}: {outcome:?}"),
        Input::Acknowledged { done, failed } => {
            let show = |list: &[MessageTicket]| join(list);
            format!("acknowledged [{}], not [{}]", show(done), show(failed))
        }
        Input::VisibilityExtended { message, outcome } => match outcome {
            Ok(()) => format!("extended {message}"),
            Err(failure) => format!("extension of {message} failed: {}", failure.detail),
        },
        Input::Released { message } => format!("released {message}"),
        Input::Drain => "drain".to_owned(),
    }
}

/// Says what a call to the lake is.
pub(crate) fn lake(call: &LakeCall) -> String {
    match call {
        LakeCall::Open => "open".to_owned(),
        LakeCall::Load(partitions) => format!("read ledger of {partitions:?}"),
        LakeCall::ReadEntry(version) => format!("read version {version}"),
        LakeCall::Put { version, entry } => format!("put version {version}: {}", content(entry)),
        LakeCall::WriteRejects(objects) => format!("quarantine records of objects {objects:?}"),
        LakeCall::WriteFile(rows) => format!("write data file of {rows:?}"),
        LakeCall::Discard(files) => format!("discard data files {files:?}"),
        LakeCall::Project(version) => format!("list objects up to version {version}"),
        LakeCall::Pause(attempt) => format!("wait before attempt {attempt}"),
    }
}

fn content(entry: &Entry) -> String {
    let Some(payload) = &entry.payload else { return "of another program".to_owned() };
    let objects: Vec<usize> = payload.lines.iter().map(|line| line.object).collect();
    let Entry { transaction, timestamp_micros, .. } = entry;
    let transaction = transaction.map_or(0, |version| version.0);
    format!(
        "batch {} of objects {objects:?}, transaction {transaction}, clock at {timestamp_micros}",
        payload.batch
    )
}

fn subject(subject: &QuarantineSubject) -> String {
    match subject {
        QuarantineSubject::Object { ticket, reason, .. } => format!("{ticket} ({reason})"),
        QuarantineSubject::Message { id, .. } => format!("message {id}"),
    }
}

fn delivery(delivery: &Delivery) -> String {
    delivery.receipt.to_string()
}

fn join<T: ToString>(list: &[T]) -> String {
    list.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
