//! Never lost, never double: processes that are killed at every place and at any moment.
//!
//! `TRAILHOUSE_KILLS=1000` makes the run with random seeds as long as that, and
//! `TRAILHOUSE_KILL_SEED=7` runs that seed only.

mod bucket;
mod compaction;
mod contents;
mod corpus;
mod daemon;
mod fleet;
mod folder;
mod moto;
mod storm;

use std::{env, os::unix::process::ExitStatusExt};

use trailhouse_failpoint::Failpoint;

use self::{
    contents::Contents,
    corpus::Corpus,
    fleet::{Fate, Fleet},
    storm::{Record, Scene, replay, run_seed},
};
use crate::support::python;

/// Kills of random seeds where nobody asks for more.
const KILLS: u64 = 30;

#[test]
fn a_process_killed_at_any_place_loses_and_doubles_nothing() {
    let mut scene = Scene::new(1);
    let mut fleet = Fleet::new(&scene.cloud, scene.folder.path());
    // One process each makes one table of the lake and dies.
    let tables = (0..5).map(|_| (Failpoint::AfterTableCreated, 1));
    let places = Failpoint::ALL.into_iter().skip(1).flat_map(|place| [(place, 1), (place, 2)]);
    for (index, (place, nth)) in tables.chain(places).enumerate() {
        let name = format!("{}-{index}", place.as_str());
        let corpus = Corpus::one_of_each(&mut scene.random, &name);
        for notice in scene.put(corpus) {
            scene.cloud.send(&notice);
        }
        let ended = fleet.run(&[Fate::killed_at(place, nth, 10)]);
        if nth == 1 {
            assert_eq!(ended[0].signal(), Some(9), "{place:?} is not on the way of an object");
        }
        scene.cloud.expire_leases();
    }
    scene.settle(&mut fleet, "kill at every place");
    if let Some(python) = python() {
        let seen = Contents::of_other_reader(&python, &fleet.lake());
        seen.assert_is(&scene.expected, "kill at every place, as another reader sees it");
    }
    report(&scene.record(&fleet));
}

#[test]
fn a_process_frozen_while_another_does_its_work_doubles_nothing() {
    let mut scene = Scene::new(2);
    let mut fleet = Fleet::new(&scene.cloud, scene.folder.path());
    for place in Failpoint::ALL {
        let name = format!("{}-frozen", place.as_str());
        let corpus = Corpus::one_of_each(&mut scene.random, &name);
        for notice in scene.put(corpus) {
            scene.cloud.send(&notice);
        }
        // A process that is not asked to end never drains.
        let expected = place != Failpoint::AtDrain;
        assert_eq!(fleet.freeze_and_thaw(place), expected, "{place:?}");
    }
    scene.settle(&mut fleet, "freeze at every place");
    report(&scene.record(&fleet));
}

#[test]
fn seeds() {
    let number = |name: &str| -> Option<u64> { env::var(name).ok()?.parse().ok() };
    let only = number("TRAILHOUSE_KILL_SEED");
    let kills = number("TRAILHOUSE_KILLS").unwrap_or(KILLS);
    let mut total = Record::default();
    for seed in only.unwrap_or(1).. {
        eprintln!("{}", replay(seed));
        total.absorb(run_seed(seed));
        if only.is_some() || total.tally.kills() >= kills {
            break;
        }
    }
    report(&total);
}

/// What was compared and found equal: nothing is lost and nothing double.
fn report(record: &Record) {
    let (kills, repeats) = (record.tally.kills(), record.deliveries - record.notices);
    eprintln!("{record:#?}\nkills: {kills}, repeated deliveries: {repeats}, lost: 0, doubled: 0");
}
