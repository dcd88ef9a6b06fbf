//! The objects in work: one per identity, however many messages name it.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_model::{ObjectId, ObjectRef, QuarantineReason};

use crate::{
    input::DecodedFacts,
    ticket::{MessageTicket, Ticket},
    window::FetchNumber,
};

/// How far an object has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ObjectStage {
    /// Named; waits to be looked up.
    Queued,
    /// The lake is asked whether it is stored.
    LookingUp,
    /// Not stored; waits to be fetched.
    Ready,
    /// Being downloaded.
    Fetching,
    /// Waits before it is fetched again.
    Waiting,
    /// Waits for a circuit to close.
    Held,
    /// Being decoded.
    Decoding,
    /// Decoded; waits to be committed.
    Batched,
    /// In the commit in flight.
    Committing,
    /// Waits to be written to quarantine.
    Condemned,
    /// In the write to quarantine in flight.
    Quarantining,
}

impl ObjectStage {
    pub(crate) const ALL: [Self; 11] = [
        Self::Queued,
        Self::LookingUp,
        Self::Ready,
        Self::Fetching,
        Self::Waiting,
        Self::Held,
        Self::Decoding,
        Self::Batched,
        Self::Committing,
        Self::Condemned,
        Self::Quarantining,
    ];
}

/// Why an object is to go to quarantine.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) reason: QuarantineReason,
    pub(crate) detail: String,
}

/// What is known of one object in work.
#[derive(Debug)]
pub(crate) struct ObjectWork {
    /// As it is asked for: the first or the other reading of its key.
    pub(crate) object: ObjectRef,
    /// The identity of `object`.
    pub(crate) id: ObjectId,
    /// As the message named it.
    pub(crate) named: ObjectRef,
    /// Who waits for it; empty once all of them were given back.
    pub(crate) messages: BTreeSet<MessageTicket>,
    /// The last download that was begun.
    pub(crate) fetch_number: FetchNumber,
    /// Failed downloads.
    pub(crate) fetch_failures: u32,
    /// Downloads that were asked to slow down.
    pub(crate) throttles: u32,
    /// How often it was not found under either key.
    pub(crate) missing: u32,
    /// Whether damaged bytes were fetched anew already.
    pub(crate) fetched_anew: bool,
    /// Its share of the byte budget.
    pub(crate) held_bytes: u64,
    /// Known once it is decoded.
    pub(crate) facts: Option<Box<DecodedFacts>>,
    /// Known once it is condemned.
    pub(crate) verdict: Option<Verdict>,
    stage: ObjectStage,
}

impl ObjectWork {
    /// Takes in somebody who knows the object by this name. Where that is not the same name with
    /// the same other reading, the object is looked for under no other key from now on: what is
    /// found there need not be what both were told of.
    pub(crate) fn join(&mut self, named: &ObjectRef) {
        let is_same_name =
            self.named.key == named.key && self.named.key_alternative == named.key_alternative;
        if !is_same_name {
            self.object.key_alternative = None;
            self.named = self.object.clone();
        }
    }
}

/// All objects in work, by ticket, by identity and by stage. The three agree.
#[derive(Debug)]
pub(crate) struct ObjectTable {
    works: BTreeMap<Ticket, ObjectWork>,
    by_id: BTreeMap<ObjectId, Ticket>,
    by_stage: BTreeMap<ObjectStage, BTreeSet<Ticket>>,
    next: Ticket,
}

impl ObjectTable {
    pub(crate) fn new() -> Self {
        let by_stage = ObjectStage::ALL.into_iter().map(|stage| (stage, BTreeSet::new()));
        Self {
            works: BTreeMap::new(),
            by_id: BTreeMap::new(),
            by_stage: by_stage.collect(),
            next: Ticket::FIRST,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.works.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    /// Counts the objects that have left the waiting room.
    pub(crate) fn active(&self) -> usize {
        self.works.len() - self.count(ObjectStage::Queued)
    }

    pub(crate) fn count(&self, stage: ObjectStage) -> usize {
        self.by_stage.get(&stage).map_or(0, BTreeSet::len)
    }

    pub(crate) fn first(&self, stage: ObjectStage) -> Option<Ticket> {
        self.by_stage.get(&stage)?.first().copied()
    }

    /// Returns the tickets at the stage, oldest first.
    pub(crate) fn at(&self, stage: ObjectStage) -> impl Iterator<Item = Ticket> + '_ {
        self.by_stage.get(&stage).into_iter().flatten().copied()
    }

    pub(crate) fn find(&self, id: ObjectId) -> Option<Ticket> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn get(&self, ticket: Ticket) -> Option<&ObjectWork> {
        self.works.get(&ticket)
    }

    pub(crate) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut ObjectWork> {
        self.works.get_mut(&ticket)
    }

    /// Says whether the object is in work and at this stage.
    pub(crate) fn is_at(&self, ticket: Ticket, stage: ObjectStage) -> bool {
        self.get(ticket).is_some_and(|work| work.stage == stage)
    }

    /// Takes in an object whose identity is not in work.
    pub(crate) fn insert(&mut self, object: ObjectRef, message: MessageTicket) -> Ticket {
        let ticket = self.next;
        let id = object.id();
        self.next = ticket.next();
        let previous = self.by_id.insert(id, ticket);
        debug_assert!(previous.is_none(), "one ticket per identity");
        let work = ObjectWork {
            named: object.clone(),
            object,
            id,
            messages: BTreeSet::from([message]),
            fetch_number: FetchNumber::default(),
            fetch_failures: 0,
            throttles: 0,
            missing: 0,
            fetched_anew: false,
            held_bytes: 0,
            facts: None,
            verdict: None,
            stage: ObjectStage::Queued,
        };
        self.works.insert(ticket, work);
        self.by_stage.entry(ObjectStage::Queued).or_default().insert(ticket);
        ticket
    }

    /// Moves the object to another stage.
    pub(crate) fn advance(&mut self, ticket: Ticket, stage: ObjectStage) {
        let Some(work) = self.works.get_mut(&ticket) else {
            return;
        };
        self.by_stage.entry(work.stage).or_default().remove(&ticket);
        self.by_stage.entry(stage).or_default().insert(ticket);
        work.stage = stage;
    }

    /// Gives the object another name. The caller has made sure that the new identity is free.
    pub(crate) fn rename(&mut self, ticket: Ticket, object: ObjectRef) {
        let Some(work) = self.works.get_mut(&ticket) else {
            return;
        };
        self.by_id.remove(&work.id);
        work.id = object.id();
        work.object = object;
        let previous = self.by_id.insert(work.id, ticket);
        debug_assert!(previous.is_none(), "one ticket per identity");
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<ObjectWork> {
        let work = self.works.remove(&ticket)?;
        self.by_id.remove(&work.id);
        self.by_stage.entry(work.stage).or_default().remove(&ticket);
        Some(work)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ticket, &ObjectWork)> {
        self.works.iter().map(|(ticket, work)| (*ticket, work))
    }

    /// Says whether the three orders hold the same objects.
    pub(crate) fn is_consistent(&self) -> bool {
        let staged: usize = self.by_stage.values().map(BTreeSet::len).sum();
        staged == self.works.len()
            && self.by_id.len() == self.works.len()
            && self.works.iter().all(|(ticket, work)| {
                self.find(work.id) == Some(*ticket)
                    && self.by_stage.get(&work.stage).is_some_and(|at| at.contains(ticket))
            })
    }
}
