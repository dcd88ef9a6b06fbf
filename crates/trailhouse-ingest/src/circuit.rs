//! Circuits: what was refused several times in a row is not asked for again until a single probe
//! succeeds, because every further refusal would only bring its message closer to the dead letters.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use trailhouse_model::BucketName;

use crate::{ticket::Ticket, window::FetchNumber};

/// Circuits that are kept at the same time. Messages name buckets, so the number is not ours to
/// trust; a refusal past it is like any failed download.
const CIRCUITS_MAX: usize = 1_000;

/// What has to change before a refused object can be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CircuitKey {
    /// The bucket, or our rights on it.
    Bucket(BucketName),
    /// The KMS key of the object, or our rights on it; by its ARN.
    KmsKey(String),
}

impl fmt::Display for CircuitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket(bucket) => write!(f, "bucket {bucket}"),
            Self::KmsKey(key) => write!(f, "KMS key {key}"),
        }
    }
}

/// Names one circuit. Never given twice by one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CircuitId(u64);

/// How far a circuit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CircuitStep {
    /// Refusals are counted, and everything is asked for.
    Closed,
    /// Open; the next probe has its time.
    Waiting,
    /// Open; the next object is the probe.
    Due,
    /// Open; this object is being fetched as the probe.
    Probing(Ticket),
    /// Open for the rest of the run; its objects are given up.
    GivenUp,
}

/// What is known about one thing that refusals concern.
#[derive(Debug)]
pub(crate) struct Circuit {
    pub(crate) key: CircuitKey,
    pub(crate) step: CircuitStep,
    /// Where it was seen; once it is open, what it holds back.
    buckets: BTreeSet<BucketName>,
    /// Refusals in a row while it is closed.
    denials: u32,
    /// Probes that did not succeed.
    pub(crate) failed_probes: u32,
    /// The object that was the last probe, so that another one is the next.
    pub(crate) last_probe: Option<Ticket>,
    /// What was said the last time.
    pub(crate) detail: String,
}

impl Circuit {
    pub(crate) fn is_open(&self) -> bool {
        match self.step {
            CircuitStep::Closed => false,
            CircuitStep::Waiting
            | CircuitStep::Due
            | CircuitStep::Probing(_)
            | CircuitStep::GivenUp => true,
        }
    }

    pub(crate) fn concerns(&self, bucket: &BucketName) -> bool {
        self.buckets.contains(bucket)
    }
}

/// What becomes of an object that is ready to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It may be fetched.
    Passes,
    /// It may be fetched as the probe.
    Probes(CircuitId),
    /// It waits for the circuit to close.
    Waits,
    /// It is given up.
    GivesUp(CircuitId),
}

/// What a refusal comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The circuit is closed still.
    Counted,
    /// The circuit opened just now.
    Opened(CircuitId),
    /// The circuit is open.
    Held(CircuitId),
}

/// All circuits. A bucket is held back by one open circuit at most.
#[derive(Debug)]
pub(crate) struct CircuitTable {
    circuits: BTreeMap<CircuitId, Circuit>,
    by_key: BTreeMap<CircuitKey, CircuitId>,
    /// Which open circuit holds a bucket back, and the first download that it does.
    held_back: BTreeMap<BucketName, (CircuitId, FetchNumber)>,
    next: CircuitId,
}

impl CircuitTable {
    pub(crate) fn new() -> Self {
        Self {
            circuits: BTreeMap::new(),
            by_key: BTreeMap::new(),
            held_back: BTreeMap::new(),
            next: CircuitId(0),
        }
    }

    pub(crate) fn get(&self, id: CircuitId) -> Option<&Circuit> {
        self.circuits.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: CircuitId) -> Option<&mut Circuit> {
        self.circuits.get_mut(&id)
    }

    pub(crate) fn open(&self) -> impl Iterator<Item = &Circuit> {
        self.circuits.values().filter(|circuit| circuit.is_open())
    }

    /// Returns the circuit that holds the bucket back, with the first download that it does.
    pub(crate) fn holding(&self, bucket: &BucketName) -> Option<(CircuitId, FetchNumber)> {
        self.held_back.get(bucket).copied()
    }

    /// Returns the circuit whose probe the object is.
    pub(crate) fn probed_by(&self, ticket: Ticket) -> Option<CircuitId> {
        let is_probe = |circuit: &Circuit| circuit.step == CircuitStep::Probing(ticket);
        self.circuits.iter().find(|(_, circuit)| is_probe(circuit)).map(|(id, _)| *id)
    }

    pub(crate) fn gate(&self, bucket: &BucketName) -> Gate {
        let Some((id, _)) = self.holding(bucket) else { return Gate::Passes };
        let Some(circuit) = self.get(id) else { return Gate::Passes };
        match circuit.step {
            CircuitStep::Closed => Gate::Passes,
            CircuitStep::Due => Gate::Probes(id),
            CircuitStep::Waiting | CircuitStep::Probing(_) => Gate::Waits,
            CircuitStep::GivenUp => Gate::GivesUp(id),
        }
    }

    /// Counts a refusal. The circuit opens at the `denials_max`th in a row; `next_fetch` is the
    /// first download that it holds back.
    pub(crate) fn refuse(
        &mut self,
        key: CircuitKey,
        bucket: &BucketName,
        denials_max: u32,
        next_fetch: FetchNumber,
    ) -> Refusal {
        if let Some((id, _)) = self.holding(bucket) {
            return Refusal::Held(id);
        }
        let Some(id) = self.find_or_insert(key) else { return Refusal::Counted };
        let Some(circuit) = self.circuits.get_mut(&id) else { return Refusal::Counted };
        circuit.buckets.insert(bucket.clone());
        if circuit.is_open() {
            self.held_back.insert(bucket.clone(), (id, next_fetch));
            return Refusal::Held(id);
        }
        circuit.denials = circuit.denials.saturating_add(1);
        if circuit.denials < denials_max {
            return Refusal::Counted;
        }
        circuit.step = CircuitStep::Waiting;
        for seen in circuit.buckets.clone() {
            self.held_back.entry(seen).or_insert((id, next_fetch));
        }
        Refusal::Opened(id)
    }

    fn find_or_insert(&mut self, key: CircuitKey) -> Option<CircuitId> {
        if let Some(id) = self.by_key.get(&key) {
            return Some(*id);
        }
        if self.circuits.len() >= CIRCUITS_MAX {
            self.forget_closed(|_| true);
        }
        if self.circuits.len() >= CIRCUITS_MAX {
            return None;
        }
        let id = self.next;
        self.next = CircuitId(id.0.saturating_add(1));
        self.by_key.insert(key.clone(), id);
        let circuit = Circuit {
            key,
            step: CircuitStep::Closed,
            buckets: BTreeSet::new(),
            denials: 0,
            failed_probes: 0,
            last_probe: None,
            detail: String::new(),
        };
        self.circuits.insert(id, circuit);
        Some(id)
    }

    /// Something in the bucket could be read: refusals there are not in a row any more.
    pub(crate) fn grant(&mut self, bucket: &BucketName) {
        self.forget_closed(|circuit| circuit.concerns(bucket));
    }

    fn forget_closed(&mut self, is_over: impl Fn(&Circuit) -> bool) {
        self.circuits.retain(|_, circuit| circuit.is_open() || !is_over(circuit));
        let circuits = &self.circuits;
        self.by_key.retain(|_, id| circuits.contains_key(id));
    }

    /// Takes an open circuit out; its buckets are asked again.
    pub(crate) fn close(&mut self, id: CircuitId) -> Option<Circuit> {
        let circuit = self.circuits.remove(&id)?;
        self.by_key.remove(&circuit.key);
        self.held_back.retain(|_, (holder, _)| *holder != id);
        Some(circuit)
    }

    /// Says whether the three orders agree.
    pub(crate) fn is_consistent(&self) -> bool {
        self.circuits.len() == self.by_key.len()
            && self.circuits.len() <= CIRCUITS_MAX
            && self.by_key.iter().all(|(key, id)| self.get(*id).is_some_and(|c| c.key == *key))
            && self.held_back.iter().all(|(bucket, (id, _))| {
                self.get(*id).is_some_and(|circuit| circuit.is_open() && circuit.concerns(bucket))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(name: &str) -> BucketName {
        BucketName::new(name)
    }

    fn refuse(circuits: &mut CircuitTable, key: &CircuitKey, place: &str) -> Refusal {
        let refusal = circuits.refuse(key.clone(), &bucket(place), 3, FetchNumber::default());
        assert!(circuits.is_consistent());
        refusal
    }

    #[test]
    fn three_refusals_in_a_row_open_it_and_a_success_between_them_does_not() {
        let mut circuits = CircuitTable::new();
        let key = CircuitKey::Bucket(bucket("a"));
        for _ in 0..5 {
            assert_eq!(refuse(&mut circuits, &key, "a"), Refusal::Counted);
            assert_eq!(refuse(&mut circuits, &key, "a"), Refusal::Counted);
            circuits.grant(&bucket("a"));
        }
        refuse(&mut circuits, &key, "a");
        refuse(&mut circuits, &key, "a");
        let Refusal::Opened(id) = refuse(&mut circuits, &key, "a") else { panic!("it is closed") };
        assert_eq!(refuse(&mut circuits, &key, "a"), Refusal::Held(id));
        assert_eq!(circuits.gate(&bucket("a")), Gate::Waits);
        assert_eq!(circuits.gate(&bucket("b")), Gate::Passes);
        circuits.close(id);
        assert_eq!(circuits.gate(&bucket("a")), Gate::Passes);
    }

    #[test]
    fn a_key_holds_back_every_bucket_in_which_it_is_seen() {
        let mut circuits = CircuitTable::new();
        let key = CircuitKey::KmsKey("arn:aws:kms:eu-west-1:111122223333:key/k".to_owned());
        for place in ["a", "b", "a"] {
            refuse(&mut circuits, &key, place);
        }
        assert!(matches!(refuse(&mut circuits, &key, "c"), Refusal::Held(_)));
        for place in ["a", "b", "c"] {
            assert_eq!(circuits.gate(&bucket(place)), Gate::Waits, "{place}");
        }
    }

    #[test]
    fn hostile_names_do_not_make_it_grow() {
        let mut circuits = CircuitTable::new();
        for number in 0..3 * CIRCUITS_MAX {
            let name = number.to_string();
            let key = CircuitKey::Bucket(bucket(&name));
            circuits.refuse(key, &bucket(&name), 1, FetchNumber::default());
        }
        assert!(circuits.is_consistent());
        let late = CircuitKey::Bucket(bucket("late"));
        assert_eq!(refuse(&mut circuits, &late, "late"), Refusal::Counted);
    }
}
