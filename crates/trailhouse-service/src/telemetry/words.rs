//! The closed sets of words that labels and log lines use.

use trailhouse_model::{Classify, CommitOutcome, Disposition};
use trailhouse_runtime::{PortCall, PortError, PortErrorKind};

/// How a receive ends.
pub(super) const RECEIVE_OUTCOMES: [&str; 3] = ["messages", "empty", "failed"];
/// How an attempt to commit ends.
pub(super) const COMMIT_OUTCOMES: [&str; 4] = ["committed", "superseded", "unknown", "failed"];
/// How an extension of a lease ends.
pub(super) const LEASE_OUTCOMES: [&str; 3] = ["extended", "lost", "failed"];

pub(super) fn call(call: PortCall) -> &'static str {
    match call {
        PortCall::Receive => "receive",
        PortCall::LookUp => "look_up",
        PortCall::Fetch => "fetch",
        PortCall::Quarantine => "quarantine",
        PortCall::Probe => "probe",
        PortCall::Extend => "extend",
        PortCall::Release => "release",
    }
}

pub(super) fn kind(kind: PortErrorKind) -> &'static str {
    match kind {
        PortErrorKind::NotFound => "not_found",
        PortErrorKind::Archived => "archived",
        PortErrorKind::Denied => "denied",
        PortErrorKind::Throttled => "throttled",
        PortErrorKind::Unavailable => "unavailable",
        PortErrorKind::TooLarge => "too_large",
        PortErrorKind::Corrupt => "corrupt",
        PortErrorKind::Misconfigured => "misconfigured",
        PortErrorKind::Bug => "bug",
    }
}

pub(super) fn commit(outcome: &CommitOutcome) -> &'static str {
    match outcome {
        CommitOutcome::Committed { .. } => "committed",
        CommitOutcome::Superseded { .. } => "superseded",
        CommitOutcome::Unknown => "unknown",
        CommitOutcome::Failed { .. } => "failed",
    }
}

/// A lease that cannot be extended by asking again is lost.
pub(super) fn lease(outcome: Result<(), &PortError>) -> &'static str {
    match outcome.map_err(Classify::disposition) {
        Ok(()) => "extended",
        Err(Disposition::RetryLater) => "failed",
        Err(Disposition::Quarantine | Disposition::Stop) => "lost",
    }
}
