//! What a process does with the lake: opening it, looking up objects, committing, probing.

use trailhouse_ingest::{Failure, IngestMachine, Input, Ticket};
use trailhouse_model::{BatchId, Disposition, ObjectRef};
use trailhouse_source::ledger_partition;

use crate::{
    calls::{Call, Errand},
    commit::{CommitJob, Desk, LakeCall, LakeReply, Next},
    ingester::{Process, ProcessId},
    invariants::Invariant,
    ledger::Ledger,
    table::Line,
    trace::Who,
    words,
    world::World,
};

/// The one thing that is done with the log at a time.
pub(crate) enum Job {
    Idle,
    /// Reads what is stored, before the machine begins.
    Opening,
    Commit(Box<CommitJob>),
    Probe {
        batch: BatchId,
        has_read: bool,
    },
}

impl Process {
    pub(crate) fn begin_look_up(&mut self, world: &mut World) {
        let partitions: Vec<String> =
            self.look_up.iter().map(|(_, object)| ledger_partition(object)).collect();
        let unloaded = self.ledger.unloaded(partitions.iter().map(String::as_str));
        if unloaded.is_empty() {
            let input = self.look_up_answer();
            return world.reply_soon(self.id, input);
        }
        let call = LakeCall::Load(unloaded);
        world.send(self.id, Call::Lake { errand: Errand::LookUp, call });
    }

    pub(crate) fn look_up_loaded(&mut self, world: &mut World, reply: LakeReply) {
        let input = if let LakeReply::Loaded(partitions) = reply {
            self.ledger.load(partitions);
            self.look_up_answer()
        } else {
            Input::LookedUp { outcome: Err(unavailable("read the ledger")) }
        };
        self.handle(world, input);
    }

    fn look_up_answer(&self) -> Input {
        let is_stored =
            |object: &ObjectRef| self.ledger.contains(&ledger_partition(object), object.id());
        let stored = self.look_up.iter().filter(|(_, object)| is_stored(object));
        Input::LookedUp { outcome: Ok(stored.map(|(ticket, _)| *ticket).collect()) }
    }

    pub(crate) fn begin_commit(&mut self, world: &mut World, batch: BatchId, tickets: &[Ticket]) {
        let mut lines = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            let body = self.bodies.get(ticket);
            let object = body.and_then(|body| world.catalog.get(body.object).zip(Some(body)));
            let Some((object, body)) = object else {
                let detail = format!("{ticket} is to be committed and has no rows");
                return world.violate(Invariant::Accounted, detail);
            };
            lines.push(Line {
                id: object.found.id(),
                object: body.object,
                partition: ledger_partition(&object.found),
                rows: body.rows,
                rejects: object.rejects,
            });
        }
        let mut job = Box::new(CommitJob::new(batch, lines));
        let next = job.begin(&mut self.desk(world));
        self.job = Job::Commit(job);
        self.follow(world, next);
    }

    fn desk(&mut self, world: &World) -> Desk<'_> {
        let micros = i64::try_from(world.now.as_micros()).unwrap_or(i64::MAX);
        Desk {
            ledger: &mut self.ledger,
            meddler: self.meddler.as_mut(),
            timestamp_micros: micros.saturating_add(self.wall_clock_offset_micros),
        }
    }

    fn follow(&mut self, world: &mut World, next: Next) {
        match next {
            Next::Call(mut call) => {
                if let LakeCall::Put { version, .. } = &mut call {
                    *version = self.meddler.put_version(*version, world.table.newest());
                }
                world.trace.note(
                    world.now,
                    Who::Process(self.id),
                    "log",
                    words::lake_key(&call),
                    || words::lake(&call),
                );
                world.send(self.id, Call::log(call));
            }
            Next::Ended(outcome) => {
                let job = std::mem::replace(&mut self.job, Job::Idle);
                if let Job::Commit(job) = job {
                    let batch = job.batch().clone();
                    self.handle(world, Input::Committed { batch, outcome });
                }
            }
        }
    }

    pub(crate) fn log_answered(&mut self, world: &mut World, reply: LakeReply) {
        match std::mem::replace(&mut self.job, Job::Idle) {
            Job::Idle => {}
            Job::Opening => self.go_on_opening(world, reply),
            Job::Commit(mut job) => {
                let next = job.go_on(&mut self.desk(world), reply);
                self.job = Job::Commit(job);
                self.follow(world, next);
                self.meet_trouble(world);
            }
            Job::Probe { batch, has_read } => self.go_on_probing(world, batch, has_read, reply),
        }
    }

    fn go_on_opening(&mut self, world: &mut World, reply: LakeReply) {
        match reply {
            LakeReply::Opened(covered) => self.ledger = Ledger::new(covered),
            LakeReply::EntryRead(Some(entry)) => self.ledger.apply(&entry),
            LakeReply::EntryRead(None) => return self.begin_machine(world),
            LakeReply::Loaded(_)
            | LakeReply::PutEnded(_)
            | LakeReply::FileWritten(_)
            | LakeReply::Done
            | LakeReply::Failed => return self.leave(world),
        }
        self.job = Job::Opening;
        world.send(self.id, Call::log(LakeCall::ReadEntry(self.ledger.version.next())));
    }

    fn begin_machine(&mut self, world: &mut World) {
        let ProcessId { ingester, incarnation } = self.id;
        let mut limits = world.scenario.limits.clone();
        self.meddler.limits(&mut limits);
        let run_id = format!("run-{ingester}-{incarnation}");
        self.machine = Some(IngestMachine::new(limits, &run_id, self.clock(world)));
    }

    fn go_on_probing(
        &mut self,
        world: &mut World,
        batch: BatchId,
        has_read: bool,
        reply: LakeReply,
    ) {
        let call = match reply {
            LakeReply::EntryRead(Some(entry)) => {
                self.ledger.apply(&entry);
                LakeCall::ReadEntry(self.ledger.version.next())
            }
            LakeReply::EntryRead(None) => LakeCall::Project(self.ledger.version),
            LakeReply::Failed if !has_read => {
                let outcome = Err(unavailable("read the log"));
                return self.handle(world, Input::Probed { batch, outcome });
            }
            LakeReply::Failed
            | LakeReply::Done
            | LakeReply::Opened(_)
            | LakeReply::Loaded(_)
            | LakeReply::PutEnded(_)
            | LakeReply::FileWritten(_) => {
                let outcome = Ok(self.ledger.batch_version(&batch));
                return self.handle(world, Input::Probed { batch, outcome });
            }
        };
        let has_read = matches!(call, LakeCall::Project(_));
        self.job = Job::Probe { batch, has_read };
        world.send(self.id, Call::log(call));
    }
}

fn unavailable(what: &str) -> Failure {
    Failure { disposition: Disposition::RetryLater, detail: format!("failed to {what}") }
}
