//! Carries out the commit machines step by step, as the lake does: every call to the outside is
//! its own event, so that anything can happen between two of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use trailhouse_ingest::commit::{
    ClaimEnd, ClaimMachine, ClaimStep, CommitEnd, CommitMachine, CommitStep, PutAnswer, SlotContent,
};
use trailhouse_model::{BatchId, CommitOutcome, Disposition, ObjectId, TableVersion};

use crate::{
    catalog::ObjectNo,
    ledger::Ledger,
    meddler::Meddler,
    table::{Entry, FileNo, Line, Payload},
};

/// As in the lake.
const CONFLICTS_MAX: u32 = 50;
/// As in the lake.
const CLAIM_ATTEMPTS_MAX: u32 = 5;

/// A call to the store of the lake.
#[derive(Debug, Clone)]
pub(crate) enum LakeCall {
    /// Ask how far the objects table has come.
    Open,
    /// Read partitions of the ledger from the objects table.
    Load(BTreeSet<String>),
    ReadEntry(TableVersion),
    Put {
        version: TableVersion,
        entry: Rc<Entry>,
    },
    /// Put the refused records of these objects into quarantine.
    WriteRejects(Vec<ObjectNo>),
    WriteFile(Vec<(ObjectNo, u64)>),
    Discard(Vec<FileNo>),
    /// Bring the objects table up to the commits.
    Project(TableVersion),
    /// No call: a wait before the attempt of this number.
    Pause(u32),
}

/// How a call to the store of the lake ended.
#[derive(Debug, Clone)]
pub(crate) enum LakeReply {
    Opened(TableVersion),
    Loaded(BTreeMap<String, BTreeSet<ObjectId>>),
    EntryRead(Option<Rc<Entry>>),
    PutEnded(PutAnswer),
    FileWritten(FileNo),
    /// Of a call that answers nothing.
    Done,
    Failed,
}

/// What a commit needs of its process.
pub(crate) struct Desk<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) meddler: &'a mut dyn Meddler,
    pub(crate) timestamp_micros: i64,
}

/// What comes next.
pub(crate) enum Next {
    Call(LakeCall),
    Ended(CommitOutcome),
}

/// One commit on its way.
pub(crate) struct CommitJob {
    payload: Rc<Payload>,
    files: Vec<FileNo>,
    is_written: bool,
    commit: CommitMachine,
    claim: Option<(TableVersion, ClaimMachine, Rc<Entry>)>,
    /// What the version holds that was lost to others.
    found: Option<Rc<Entry>>,
    /// How it ended, while the last things are done.
    outcome: Option<CommitOutcome>,
}

impl CommitJob {
    pub(crate) fn new(batch: BatchId, lines: Vec<Line>) -> Self {
        Self {
            payload: Rc::new(Payload { batch, lines }),
            files: Vec::new(),
            is_written: false,
            commit: CommitMachine::new(CONFLICTS_MAX),
            claim: None,
            found: None,
            outcome: None,
        }
    }

    pub(crate) fn batch(&self) -> &BatchId {
        &self.payload.batch
    }

    pub(crate) fn begin(&mut self, desk: &mut Desk<'_>) -> Next {
        self.ask(desk)
    }

    /// Goes on with the answer to the last call.
    pub(crate) fn go_on(&mut self, desk: &mut Desk<'_>, reply: LakeReply) -> Next {
        if let Some(outcome) = self.outcome.clone() {
            return Next::Ended(outcome);
        }
        if let Some((_, claim, _)) = &mut self.claim {
            answer_claim(claim, &self.payload, &mut self.found, reply);
            return self.next_of_claim(desk);
        }
        match reply {
            LakeReply::Failed => self.end(failed(Disposition::RetryLater)),
            LakeReply::Loaded(partitions) => {
                desk.ledger.load(partitions);
                self.ask(desk)
            }
            LakeReply::FileWritten(file) => {
                self.files.push(file);
                self.is_written = true;
                self.next_of_commit(desk)
            }
            LakeReply::EntryRead(Some(entry)) => {
                desk.ledger.apply(&entry);
                Next::Call(LakeCall::ReadEntry(desk.ledger.version.next()))
            }
            LakeReply::EntryRead(None) => {
                self.commit.caught_up();
                self.next_of_commit(desk)
            }
            LakeReply::Done if self.is_written => {
                self.commit.waited();
                self.next_of_commit(desk)
            }
            LakeReply::Done => self.write_file(),
            LakeReply::Opened(_) | LakeReply::PutEnded(_) => {
                debug_assert!(false, "asked for by others only");
                self.end(CommitOutcome::Unknown)
            }
        }
    }

    /// Asks the ledger: before anything is written, and before every claim.
    fn ask(&mut self, desk: &mut Desk<'_>) -> Next {
        let lines = &self.payload.lines;
        let unloaded = desk.ledger.unloaded(lines.iter().map(|line| line.partition.as_str()));
        if !unloaded.is_empty() {
            return Next::Call(LakeCall::Load(unloaded));
        }
        let answer = desk.ledger.answer(&self.payload.batch, lines);
        let answer = desk.meddler.ledger_answer(answer);
        if self.is_written {
            self.commit.answered(answer);
            return self.next_of_commit(desk);
        }
        let mut first = self.commit.clone();
        first.answered(answer);
        match first.step() {
            CommitStep::Ended(end) => self.finish(end, desk),
            CommitStep::Ask
            | CommitStep::Claim { .. }
            | CommitStep::CatchUp
            | CommitStep::Wait { .. } => self.write_rejects(),
        }
    }

    fn write_rejects(&mut self) -> Next {
        let lines = self.payload.lines.iter().filter(|line| line.rejects > 0);
        let objects: Vec<ObjectNo> = lines.map(|line| line.object).collect();
        if objects.is_empty() {
            return self.write_file();
        }
        Next::Call(LakeCall::WriteRejects(objects))
    }

    fn write_file(&mut self) -> Next {
        let lines = self.payload.lines.iter().filter(|line| line.rows > 0);
        Next::Call(LakeCall::WriteFile(lines.map(|line| (line.object, line.rows)).collect()))
    }

    fn next_of_commit(&mut self, desk: &mut Desk<'_>) -> Next {
        match self.commit.step() {
            CommitStep::Ask => self.ask(desk),
            CommitStep::Claim { version } => {
                let entry = Rc::new(Entry {
                    payload: Some(Rc::clone(&self.payload)),
                    adds: self.files.clone(),
                    removes: Vec::new(),
                    transaction: Some(version),
                    timestamp_micros: desk.timestamp_micros,
                });
                self.claim = Some((version, ClaimMachine::new(CLAIM_ATTEMPTS_MAX), entry));
                self.next_of_claim(desk)
            }
            CommitStep::CatchUp => {
                if let Some(entry) = self.found.take() {
                    desk.ledger.apply(&entry);
                }
                Next::Call(LakeCall::ReadEntry(desk.ledger.version.next()))
            }
            CommitStep::Wait { attempt } => Next::Call(LakeCall::Pause(attempt)),
            CommitStep::Ended(end) => self.finish(end, desk),
        }
    }

    fn next_of_claim(&mut self, desk: &mut Desk<'_>) -> Next {
        let Some((version, claim, entry)) = &self.claim else {
            return self.next_of_commit(desk);
        };
        match claim.step() {
            ClaimStep::Put => {
                Next::Call(LakeCall::Put { version: *version, entry: Rc::clone(entry) })
            }
            ClaimStep::Read => Next::Call(LakeCall::ReadEntry(*version)),
            ClaimStep::Wait { attempt } => Next::Call(LakeCall::Pause(attempt)),
            ClaimStep::Ended(end) => {
                if end == ClaimEnd::Won {
                    desk.ledger.apply(entry);
                }
                let end = desk.meddler.claim_end(end);
                self.claim = None;
                self.commit.claimed(end);
                self.next_of_commit(desk)
            }
        }
    }

    fn finish(&mut self, end: CommitEnd, desk: &mut Desk<'_>) -> Next {
        match end {
            CommitEnd::Committed { version } => {
                self.outcome = Some(CommitOutcome::Committed { version });
                Next::Call(LakeCall::Project(desk.ledger.version))
            }
            CommitEnd::Superseded { objects, version } => {
                self.end(CommitOutcome::Superseded { objects, version })
            }
            CommitEnd::Unknown => Next::Ended(CommitOutcome::Unknown),
            CommitEnd::Contended => self.end(failed(Disposition::RetryLater)),
            CommitEnd::Refused => self.end(failed(Disposition::Stop)),
        }
    }

    /// Ends without a commit: no entry names the files, now or later.
    fn end(&mut self, outcome: CommitOutcome) -> Next {
        if self.files.is_empty() {
            return Next::Ended(outcome);
        }
        self.outcome = Some(outcome);
        Next::Call(LakeCall::Discard(std::mem::take(&mut self.files)))
    }
}

fn failed(disposition: Disposition) -> CommitOutcome {
    CommitOutcome::Failed { disposition, detail: "the world says no".to_owned() }
}

fn answer_claim(
    claim: &mut ClaimMachine,
    payload: &Rc<Payload>,
    found: &mut Option<Rc<Entry>>,
    reply: LakeReply,
) {
    match reply {
        LakeReply::PutEnded(answer) => claim.put_ended(answer),
        LakeReply::EntryRead(Some(entry)) if entry.payload.as_ref() == Some(payload) => {
            claim.slot_read(SlotContent::Ours);
        }
        LakeReply::EntryRead(Some(entry)) => {
            *found = Some(entry);
            claim.slot_read(SlotContent::Others);
        }
        LakeReply::EntryRead(None) => claim.slot_read(SlotContent::Nothing),
        LakeReply::Failed => claim.slot_read(SlotContent::Unreadable),
        LakeReply::Done => claim.waited(),
        LakeReply::Opened(_) | LakeReply::Loaded(_) | LakeReply::FileWritten(_) => {
            debug_assert!(false, "a claim asks only to put and to read");
        }
    }
}
