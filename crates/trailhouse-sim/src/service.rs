//! What the other side makes of a call that has arrived.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use trailhouse_ingest::{
    Delivery, Failure, FetchFailureKind, Input, QuarantineSubject, ReceiptHandle, Ticket,
    commit::PutAnswer,
};
use trailhouse_model::{Disposition, ObjectRef, TableVersion};

use crate::{
    bucket::{self, ReadRequest},
    calls::{Call, Reply, refusal},
    commit::{LakeCall, LakeReply},
    fault::Fault,
    ingester::ProcessId,
    invariants::Invariant,
    queue::ReceiveRequest,
    table::Entry,
    trace::Who,
    world::{Event, Then, World},
};

impl World {
    /// A call has come to the other side.
    pub(crate) fn arrive(&mut self, from: ProcessId, call: Call, then: Then) {
        if let Call::Receive { until, .. } = &call
            && let Some(later) = self.waits_for_messages(*until)
        {
            self.schedule.plan(later, Event::Arrive { from, call: Box::new(call), then });
            return;
        }
        let is_heard = !matches!(then, Then::Nothing);
        let reply = self.carry_out(from, call, is_heard);
        match then {
            Then::Answer(back) => self.plan_reply(from, reply, back),
            Then::Say(reply, back) => self.plan_reply(from, *reply, back),
            Then::Nothing => {}
        }
    }

    /// Returns when to look again, for a receive that finds nothing and has time.
    fn waits_for_messages(&self, until: Duration) -> Option<Duration> {
        if self.now >= until {
            return None;
        }
        let next = self.queue.next_visible(self.now).unwrap_or(until);
        self.queue.visible(self.now).is_empty().then(|| next.min(until))
    }

    fn carry_out(&mut self, from: ProcessId, call: Call, is_heard: bool) -> Reply {
        let input = match call {
            Call::Receive { messages_max, visibility, until: _ } => {
                self.receive(from, messages_max, visibility, is_heard)
            }
            Call::Acknowledge { deliveries } => self.acknowledge(deliveries),
            Call::Extend { delivery, by } => self.extend(&delivery, by),
            Call::Release { delivery, delay } => {
                self.queue.change_visibility(self.now, &delivery.receipt, delay);
                Input::Released { message: delivery.message }
            }
            Call::Read { ticket, object, bytes_max } => {
                return self.read(from, ticket, &object, bytes_max);
            }
            Call::Decode { ticket, body } => {
                let Some(object) = self.catalog.get(body.object) else {
                    return Call::Decode { ticket, body }.unanswered();
                };
                Input::Decoded { ticket, outcome: bucket::decode(object, &body) }
            }
            Call::Quarantine { subjects } => self.quarantine(subjects),
            Call::Lake { errand, call } => {
                return Reply::Lake { errand, reply: self.serve_lake(from, call, is_heard) };
            }
        };
        Reply::Input(input)
    }

    fn receive(
        &mut self,
        from: ProcessId,
        messages_max: u8,
        visibility: Duration,
        is_heard: bool,
    ) -> Input {
        if self.strikes(Fault::ReceiveFailed) {
            return Input::ReceiveFailed { failure: refusal("the queue says no") };
        }
        let messages_max = usize::from(messages_max);
        let is_troubled = !is_heard || self.troubled.contains(&from);
        let request = ReceiveRequest { from, now: self.now, messages_max, visibility, is_troubled };
        match self.queue.receive(&mut self.random, &mut self.faults, &request) {
            Ok(messages) => {
                self.counts.deliveries += u64::try_from(messages.len()).unwrap_or(u64::MAX);
                Input::Received { messages }
            }
            Err(dead) => {
                let detail = format!("message m{} is a dead letter without cause", dead.message);
                self.violate(Invariant::Drains, detail);
                Input::Received { messages: Vec::new() }
            }
        }
    }

    fn acknowledge(&mut self, deliveries: Vec<Delivery>) -> Input {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for Delivery { message, receipt } in deliveries {
            let is_refused = self.strikes(Fault::PartialDelete);
            if !is_refused {
                self.judge_order(&receipt);
            }
            let (random, faults) = (&mut self.random, &mut self.faults);
            if !is_refused && self.queue.delete(random, faults, self.now, &receipt) {
                done.push(message);
            } else {
                self.queue.excuse(&receipt);
                failed.push(message);
            }
        }
        Input::Acknowledged { done, failed }
    }

    /// Checks a deletion that is about to take effect.
    fn judge_order(&mut self, receipt: &ReceiptHandle) {
        let Some((place, true)) = self.queue.find(receipt) else { return };
        if let Some(earlier) = self.queue.earlier_in_group(place) {
            let detail = format!("m{place} is deleted before m{earlier} of its group");
            self.violate(Invariant::KeepsOrder, detail);
        }
    }

    fn extend(&mut self, delivery: &Delivery, by: Duration) -> Input {
        let outcome = if self.strikes(Fault::ExtendFailed) {
            self.queue.excuse(&delivery.receipt);
            Err(refusal("the queue says no"))
        } else if self.queue.change_visibility(self.now, &delivery.receipt, by) {
            Ok(())
        } else {
            // As for a receipt that is no longer valid.
            let disposition = Disposition::Quarantine;
            Err(Failure { disposition, detail: "not in flight".to_owned() })
        };
        Input::VisibilityExtended { message: delivery.message, outcome }
    }

    fn read(
        &mut self,
        from: ProcessId,
        ticket: Ticket,
        object: &ObjectRef,
        bytes_max: u64,
    ) -> Reply {
        let request = ReadRequest { now: self.now, object, bytes_max };
        let outcome = bucket::read(
            &mut self.catalog,
            self.denial.as_ref(),
            &mut self.random,
            &mut self.faults,
            &request,
        );
        // A bucket that lets nobody in must not make dead letters: what waits for it is held.
        let is_trouble = outcome
            .as_ref()
            .is_err_and(|failure| !matches!(failure.kind, FetchFailureKind::Denied(_)));
        if is_trouble && let Some((place, _)) = self.catalog.find(object.id()) {
            self.queue.excuse_process(from, Some(place));
        }
        Reply::Read { ticket, outcome }
    }

    fn quarantine(&mut self, subjects: Vec<QuarantineSubject>) -> Input {
        for subject in subjects {
            match subject {
                QuarantineSubject::Object { object, reason, .. } => {
                    if let Some((place, _)) = self.catalog.find(object.id()) {
                        self.table.quarantined.entry(place).or_default().insert(reason);
                    }
                }
                QuarantineSubject::Message { id, .. } => {
                    self.table.quarantined_messages.insert(id);
                }
            }
        }
        Input::Quarantined { outcome: Ok(()) }
    }

    fn serve_lake(&mut self, from: ProcessId, call: LakeCall, is_heard: bool) -> LakeReply {
        let fault = match &call {
            LakeCall::ReadEntry(_) | LakeCall::Open => Some(Fault::LogUnreadable),
            LakeCall::Load(_) => Some(Fault::LedgerUnreadable),
            LakeCall::WriteFile(_) => Some(Fault::FilesFailed),
            LakeCall::Project(_) => Some(Fault::ProjectionFailed),
            LakeCall::Put { .. }
            | LakeCall::WriteRejects(_)
            | LakeCall::Discard(_)
            | LakeCall::Pause(_) => None,
        };
        let is_out = matches!(&call, LakeCall::ReadEntry(_) | LakeCall::Open) && self.log_is_out();
        if is_out || fault.is_some_and(|fault| self.strikes(fault)) {
            return LakeReply::Failed;
        }
        match call {
            LakeCall::Open => LakeReply::Opened(self.table.projected()),
            LakeCall::Load(partitions) => {
                let load = |name: String| (name.clone(), self.table.projected_ids(&name));
                LakeReply::Loaded(partitions.into_iter().map(load).collect::<BTreeMap<_, _>>())
            }
            LakeCall::ReadEntry(version) => LakeReply::EntryRead(self.table.entry(version)),
            LakeCall::Put { version, entry } => {
                LakeReply::PutEnded(self.put_entry(from, version, &entry, is_heard))
            }
            LakeCall::WriteRejects(objects) => {
                self.table.rejects_of.extend(objects);
                LakeReply::Done
            }
            LakeCall::WriteFile(rows) => LakeReply::FileWritten(self.table.write_file(rows)),
            LakeCall::Discard(files) => {
                files.into_iter().for_each(|file| self.table.discard_file(file));
                LakeReply::Done
            }
            LakeCall::Project(version) => {
                self.table.project(version);
                LakeReply::Done
            }
            LakeCall::Pause(_) => LakeReply::Done,
        }
    }

    /// An entry reaches the log; other programs may be quicker by a moment.
    fn put_entry(
        &mut self,
        from: ProcessId,
        version: TableVersion,
        entry: &Rc<Entry>,
        is_heard: bool,
    ) -> PutAnswer {
        if self.strikes(Fault::ForeignAppend) {
            self.table.append();
        }
        if self.strikes(Fault::ForeignOptimize) {
            self.table.optimize();
        }
        if self.strikes(Fault::ForeignProperties) {
            self.table.set_properties();
        }
        let is_taken = self.table.put(version, entry);
        self.trace.note(self.now, Who::Process(from), "entry", (version.0, is_taken), || {
            let lands = if is_taken { "lands in" } else { "finds another in" };
            format!("{lands} version {version}")
        });
        if !is_taken {
            self.counts.conflicts += 1;
            return PutAnswer::Unclear;
        }
        self.counts.commits += 1;
        self.counts.zombies_landed += u64::from(!is_heard);
        self.judge_commit(version, entry);
        PutAnswer::Stored
    }

    fn judge_commit(&mut self, version: TableVersion, entry: &Rc<Entry>) {
        for file in &entry.adds {
            self.require(self.table.has_file(*file), Invariant::AcknowledgedIsKept, || {
                format!("version {version} names data file {file}, which was discarded")
            });
        }
        for line in entry.payload.iter().flat_map(|payload| &payload.lines) {
            let versions = self.table.listed.get(&line.object).cloned().unwrap_or_default();
            self.require(versions.len() <= 1, Invariant::StoredOnce, || {
                format!("object {} is in versions {versions:?}", line.object)
            });
            let rejects_are_kept =
                line.rejects == 0 || self.table.rejects_of.contains(&line.object);
            self.require(rejects_are_kept, Invariant::AcknowledgedIsKept, || {
                format!("object {} is stored before its refused records", line.object)
            });
        }
    }
}
