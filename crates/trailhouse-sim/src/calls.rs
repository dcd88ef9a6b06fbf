//! What a process asks of the outside: how a call gets there and back, and every way in which it
//! can get lost.

use std::time::Duration;

use trailhouse_ingest::{
    Delivery, Failure, FetchFailure, FetchFailureKind, Input, MessageTicket, QuarantineSubject,
    ReceiptHandle, Ticket, commit::PutAnswer,
};
use trailhouse_model::{Disposition, ObjectRef};

use crate::{
    bucket::Body,
    commit::{LakeCall, LakeReply},
    fault::Fault,
    ingester::ProcessId,
    world::{Event, Then, World},
};

/// After this long a caller gives up waiting.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a lost put may still wander.
const ZOMBIE_MAX: Duration = Duration::from_secs(10 * 60);
const QUEUE_LATENCY: Duration = Duration::from_millis(15);
const STORE_LATENCY: Duration = Duration::from_millis(40);
const LAKE_LATENCY: Duration = Duration::from_millis(40);
const DECODE_LATENCY: Duration = Duration::from_millis(10);
/// As in the lake.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
/// As in the lake.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// For what a process calls the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Errand {
    /// To answer a look-up.
    LookUp,
    /// For the one thing that is done with the log at a time: opening, committing, probing.
    Log,
}

/// A call to the outside.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Receive { messages_max: u8, visibility: Duration, until: Duration },
    Acknowledge { deliveries: Vec<Delivery> },
    Extend { delivery: Delivery, by: Duration },
    Release { delivery: Delivery, delay: Duration },
    Read { ticket: Ticket, object: ObjectRef, bytes_max: u64 },
    Decode { ticket: Ticket, body: Body },
    Quarantine { subjects: Vec<QuarantineSubject> },
    Lake { errand: Errand, call: LakeCall },
}

/// What comes back.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// As the machine hears it.
    Input(Input),
    /// An object was read; the process keeps the body.
    Read {
        ticket: Ticket,
        outcome: Result<Body, FetchFailure>,
    },
    Lake {
        errand: Errand,
        reply: LakeReply,
    },
}

impl Call {
    /// Makes a call for what is done with the log.
    pub(crate) fn log(call: LakeCall) -> Self {
        Self::Lake { errand: Errand::Log, call }
    }

    /// Returns what the caller makes of no answer.
    pub(crate) fn unanswered(&self) -> Reply {
        let failure = || refusal("no answer");
        let input = match self {
            Self::Receive { .. } => Input::ReceiveFailed { failure: failure() },
            Self::Acknowledge { deliveries } => {
                Input::Acknowledged { done: Vec::new(), failed: messages(deliveries) }
            }
            Self::Extend { delivery, by: _ } => {
                Input::VisibilityExtended { message: delivery.message, outcome: Err(failure()) }
            }
            Self::Release { delivery, .. } => Input::Released { message: delivery.message },
            Self::Read { ticket, .. } | Self::Decode { ticket, .. } => {
                let kind = FetchFailureKind::Temporary;
                let failure = FetchFailure { kind, detail: "no answer".to_owned() };
                return Reply::Read { ticket: *ticket, outcome: Err(failure) };
            }
            Self::Quarantine { .. } => Input::Quarantined { outcome: Err(failure()) },
            Self::Lake { errand, call } => {
                let reply = match call {
                    LakeCall::Put { .. } => LakeReply::PutEnded(PutAnswer::Unclear),
                    LakeCall::Open
                    | LakeCall::Load(_)
                    | LakeCall::ReadEntry(_)
                    | LakeCall::WriteRejects(_)
                    | LakeCall::WriteFile(_)
                    | LakeCall::Discard(_)
                    | LakeCall::Project(_)
                    | LakeCall::Pause(_) => LakeReply::Failed,
                };
                return Reply::Lake { errand: *errand, reply };
            }
        };
        Reply::Input(input)
    }

    /// Returns the deliveries that it speaks of.
    fn receipts(&self) -> Vec<ReceiptHandle> {
        match self {
            Self::Acknowledge { deliveries } => {
                deliveries.iter().map(|delivery| delivery.receipt.clone()).collect()
            }
            Self::Extend { delivery, .. } | Self::Release { delivery, .. } => {
                vec![delivery.receipt.clone()]
            }
            Self::Receive { .. }
            | Self::Read { .. }
            | Self::Decode { .. }
            | Self::Quarantine { .. }
            | Self::Lake { .. } => Vec::new(),
        }
    }
}

impl World {
    /// Sends a call on its way.
    pub(crate) fn send(&mut self, from: ProcessId, call: Call) {
        match &call {
            Call::Receive { .. }
            | Call::Acknowledge { .. }
            | Call::Extend { .. }
            | Call::Release { .. } => self.send_to_queue(from, call),
            Call::Read { .. } => {
                let late = self.faults.delay(&mut self.random, Fault::StoreSlow);
                self.send_for(from, call, STORE_LATENCY, late);
            }
            Call::Decode { .. } => {
                self.send_for(from, call, DECODE_LATENCY, Duration::ZERO);
            }
            Call::Quarantine { .. } | Call::Lake { call: LakeCall::WriteRejects(_), errand: _ } => {
                self.send_to_quarantine(from, call);
            }
            Call::Lake { call: LakeCall::Put { .. }, errand: _ } => self.send_put(from, call),
            Call::Lake { call: LakeCall::Pause(attempt), errand } => {
                let longest = BACKOFF_FIRST.saturating_mul(1 << (*attempt).min(10));
                let pause = self.random.duration(Duration::ZERO, longest.min(BACKOFF_MAX));
                let reply = Reply::Lake { errand: *errand, reply: LakeReply::Done };
                self.schedule
                    .plan(self.now + pause, Event::Answer { to: from, reply: Box::new(reply) });
            }
            Call::Lake { .. } => {
                let late = self.faults.delay(&mut self.random, Fault::LakeSlow);
                self.send_for(from, call, LAKE_LATENCY, late);
            }
        }
    }

    /// The usual way: there, and back.
    fn send_for(&mut self, from: ProcessId, call: Call, typical: Duration, late: Duration) {
        let there = self.random.latency(typical) + late;
        let back = self.random.latency(typical);
        self.plan_arrival(from, call, there, Then::Answer(back));
    }

    fn plan_arrival(&mut self, from: ProcessId, call: Call, after: Duration, then: Then) {
        self.schedule.plan(self.now + after, Event::Arrive { from, call: Box::new(call), then });
    }

    /// Lets a process hear something that needs nobody outside.
    pub(crate) fn reply_soon(&mut self, to: ProcessId, input: Input) {
        let after = self.random.latency(DECODE_LATENCY);
        self.plan_reply(to, Reply::Input(input), after);
    }

    pub(crate) fn plan_reply(&mut self, to: ProcessId, reply: Reply, after: Duration) {
        self.schedule.plan(self.now + after, Event::Answer { to, reply: Box::new(reply) });
    }

    fn send_to_queue(&mut self, from: ProcessId, call: Call) {
        let is_lost = self.strikes(Fault::QueueRequestLost);
        let is_unanswered = !is_lost && self.strikes(Fault::QueueAnswerLost);
        let late = self.faults.delay(&mut self.random, Fault::QueueSlow);
        if is_lost || is_unanswered || late > Duration::ZERO {
            for receipt in call.receipts() {
                self.queue.excuse(&receipt);
            }
        }
        if is_lost || is_unanswered {
            self.plan_reply(from, call.unanswered(), TIMEOUT);
        }
        if is_unanswered {
            let there = self.random.latency(QUEUE_LATENCY);
            self.plan_arrival(from, call, there, Then::Nothing);
        } else if !is_lost {
            self.send_for(from, call, QUEUE_LATENCY, late);
        }
    }

    fn send_to_quarantine(&mut self, from: ProcessId, call: Call) {
        if self.strikes(Fault::QuarantineFailed) {
            let after = self.random.latency(LAKE_LATENCY);
            self.plan_reply(from, call.unanswered(), after);
        } else if self.strikes(Fault::QuarantineUnknown) {
            self.plan_reply(from, call.unanswered(), TIMEOUT);
            let there = self.random.latency(LAKE_LATENCY);
            self.plan_arrival(from, call, there, Then::Nothing);
        } else {
            let late = self.faults.delay(&mut self.random, Fault::LakeSlow);
            self.send_for(from, call, LAKE_LATENCY * 3, late);
        }
    }

    fn send_put(&mut self, from: ProcessId, call: Call) {
        let unclear = call.unanswered();
        let there = self.random.latency(LAKE_LATENCY);
        let back = self.random.latency(LAKE_LATENCY);
        if self.strikes(Fault::PutDenied) {
            let reply = LakeReply::PutEnded(PutAnswer::Refused);
            self.plan_reply(from, Reply::Lake { errand: Errand::Log, reply }, there + back);
        } else if self.strikes(Fault::ConflictWithoutCause) || self.strikes(Fault::PutFailed) {
            self.plan_reply(from, unclear, there + back);
        } else if self.strikes(Fault::PutTimeoutLost) {
            self.plan_reply(from, unclear, TIMEOUT);
        } else if self.strikes(Fault::PutTimeoutApplied) {
            self.plan_reply(from, unclear, TIMEOUT);
            self.plan_arrival(from, call, there, Then::Nothing);
        } else if self.log_is_out() || self.strikes(Fault::ZombiePut) {
            self.plan_reply(from, unclear, TIMEOUT);
            let wanders = self.random.duration(Duration::ZERO, ZOMBIE_MAX);
            self.plan_arrival(from, call, wanders, Then::Nothing);
        } else if self.strikes(Fault::ConflictOnOwnEntry) {
            self.plan_arrival(from, call, there, Then::Say(Box::new(unclear), back));
        } else {
            let late = self.faults.delay(&mut self.random, Fault::LakeSlow);
            self.plan_arrival(from, call, there + late, Then::Answer(back));
        }
    }
}

pub(crate) fn refusal(detail: &str) -> Failure {
    Failure { disposition: Disposition::RetryLater, detail: detail.to_owned() }
}

fn messages(deliveries: &[Delivery]) -> Vec<MessageTicket> {
    deliveries.iter().map(|delivery| delivery.message).collect()
}
