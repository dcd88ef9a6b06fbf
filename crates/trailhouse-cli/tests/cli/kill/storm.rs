//! One run: a queue of objects of every kind, processes that come and die, and the lake at the end.

use std::sync::Arc;

use tempfile::TempDir;
use trailhouse_testkit::{CloudStandIn, FaultMenu, Random, stand_in::Depth};

use super::{
    contents::Contents,
    corpus::{Corpus, expect_unknown},
    fleet::{Fate, Fleet, Tally},
};
use crate::watch::BUCKET;

const ROUNDS_MAX: u64 = 8;
/// One seed in so many goes on until tables are due for a checkpoint, which dying and living
/// processes then write beside one another's commits.
const LONG_SEEDS: u64 = 10;
const ROUNDS_LONG: u64 = 80;
const OBJECTS_PER_ROUND: usize = 8;
/// How often one message may be sent.
const COPIES_MAX: u64 = 5;
const PROCESSES_MAX: u64 = 4;
const DRAINS_MAX: u32 = 10;
const EMPTY: Depth = Depth { waiting: 0, leased: 0 };

/// What a run did.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) tally: Tally,
    pub(super) seeds: u64,
    pub(super) objects: u64,
    pub(super) events: u64,
    /// Notices, each counted once, however often it was sent.
    pub(super) notices: u64,
    pub(super) messages: u64,
    pub(super) deliveries: u64,
    pub(super) faults: u64,
    /// Tables with a checkpoint at the end.
    pub(super) checkpoints: u64,
}

impl Record {
    pub(super) fn absorb(&mut self, other: Self) {
        self.tally.absorb(other.tally);
        self.seeds += other.seeds;
        self.objects += other.objects;
        self.events += other.events;
        self.notices += other.notices;
        self.messages += other.messages;
        self.deliveries += other.deliveries;
        self.faults += other.faults;
        self.checkpoints += other.checkpoints;
    }
}

/// The outside of a run, and what the lake must hold at its end.
pub(super) struct Scene {
    pub(super) cloud: Arc<CloudStandIn>,
    pub(super) random: Random,
    pub(super) folder: TempDir,
    pub(super) expected: Contents,
    objects: u64,
    notices: u64,
}

impl Scene {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            cloud: Arc::new(CloudStandIn::start(seed).unwrap()),
            random: Random::new(seed),
            folder: tempfile::tempdir().unwrap(),
            expected: Contents::default(),
            objects: 0,
            notices: 0,
        }
    }

    /// Puts the objects where they are found, and returns the messages that name them.
    pub(super) fn put(&mut self, corpus: Corpus) -> Vec<String> {
        for (key, body) in &corpus.objects {
            self.cloud.put_object(BUCKET, key, body);
        }
        self.objects += u64::try_from(corpus.objects.len()).unwrap();
        self.notices += u64::try_from(corpus.notices.len()).unwrap();
        self.expected.absorb(&corpus.expected);
        corpus.notices
    }

    pub(super) fn send_unknown(&mut self) {
        let id = self.cloud.send("this is no notification");
        expect_unknown(&mut self.expected, id);
        self.notices += 1;
    }

    /// Lets one process take what is left, and compares the lake with what it must hold.
    pub(super) fn settle(&mut self, fleet: &mut Fleet, note: &str) {
        self.cloud.set_faults(FaultMenu::default());
        let mut drains = 0;
        while self.cloud.depth() != EMPTY {
            assert!(drains < DRAINS_MAX, "{note}: {:?} is left in the queue", self.cloud.depth());
            self.cloud.expire_leases();
            fleet.run(&[Fate::Empty]);
            drains += 1;
        }
        Contents::of_lake(&fleet.lake()).assert_is(&self.expected, note);
    }

    pub(super) fn record(&self, fleet: &Fleet) -> Record {
        let counts = self.cloud.counts();
        let hint = |table: &str| fleet.lake().join(table).join("_delta_log/_last_checkpoint");
        let tables = ["events", "objects", "quarantine"];
        let checkpoints = tables.iter().filter(|table| hint(table).exists()).count();
        Record {
            tally: fleet.tally.clone(),
            seeds: 1,
            objects: self.objects,
            events: self.expected.events().into(),
            notices: self.notices,
            messages: counts.messages,
            deliveries: counts.deliveries,
            faults: counts.faults,
            checkpoints: u64::try_from(checkpoints).unwrap(),
        }
    }
}

/// Runs one seed. The order of requests is that of the machine's threads, so a seed repeats what is
/// sent and what is done to whom, not every interleaving.
pub(super) fn run_seed(seed: u64) -> Record {
    let mut scene = Scene::new(seed);
    let mut fleet = Fleet::new(&scene.cloud, scene.folder.path());
    let faults =
        if scene.random.per_mille(500) { FaultMenu::stormy() } else { FaultMenu::default() };
    scene.cloud.set_faults(faults);
    let mut unsent = Vec::new();
    let is_long = seed.is_multiple_of(LONG_SEEDS);
    let rounds = if is_long { ROUNDS_LONG } else { scene.random.between(3, ROUNDS_MAX) };
    for round in 0..rounds {
        let name = format!("seed{seed}-round{round}");
        let corpus = Corpus::mixed(&mut scene.random, &name, OBJECTS_PER_ROUND);
        for notice in scene.put(corpus) {
            let copies = scene.random.between(1, COPIES_MAX);
            unsent.extend((0..copies).map(|_| notice.clone()));
        }
        scene.random.shuffle(&mut unsent);
        // Some copies come only when others of them are long done with.
        let kept = unsent.len() / 4;
        for notice in unsent.drain(kept..) {
            scene.cloud.send(&notice);
        }
        if scene.random.per_mille(300) {
            scene.send_unknown();
        }
        let processes = scene.random.between(1, PROCESSES_MAX);
        let fates: Vec<Fate> = (0..processes).map(|_| Fate::draw(&mut scene.random)).collect();
        fleet.run(&fates);
        scene.cloud.expire_leases();
    }
    for notice in unsent {
        scene.cloud.send(&notice);
    }
    scene.settle(&mut fleet, &replay(seed));
    scene.record(&fleet)
}

/// Says how to run a seed again.
pub(super) fn replay(seed: u64) -> String {
    format!("TRAILHOUSE_KILL_SEED={seed} scripts/test kill::seeds --no-capture")
}
