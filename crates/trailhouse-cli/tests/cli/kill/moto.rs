//! The same against moto, which speaks the wire protocols without our help.

use std::os::unix::process::ExitStatusExt;

use trailhouse_failpoint::{Failpoint, VARIABLE};
use trailhouse_testkit::Random;

use super::{contents::Contents, corpus::Corpus};
use crate::{support::finish, watch::Scene};

/// The shortest that the program takes.
const VISIBILITY_SECS: u32 = 10;
const DRAINS_MAX: u32 = 30;

#[test]
fn a_process_killed_at_any_place_loses_and_doubles_nothing_against_moto() {
    let Some(scene) = Scene::new() else { return };
    let mut random = Random::new(4);
    let mut expected = Contents::default();
    // A single pass is not asked to end.
    let places = Failpoint::ALL.into_iter().filter(|place| *place != Failpoint::AtDrain);
    for place in places {
        let corpus = Corpus::one_of_each(&mut random, place.as_str());
        let source = tempfile::tempdir().unwrap();
        corpus.write_to(source.path());
        expected.absorb(&corpus.expected);
        scene.upload(source.path(), 2);
        let mut watch = scene.watch_command(VISIBILITY_SECS);
        let status = watch.env(VARIABLE, place.as_str()).spawn().unwrap().wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{place:?} is not on the way of an object");
    }
    // What the killed ones held becomes visible again when its time is over.
    let mut drains = 0;
    while scene.depth() != "0 0" {
        assert!(drains < DRAINS_MAX, "the queue does not drain: {}", scene.depth());
        let code = finish(scene.watch_command(VISIBILITY_SECS).spawn().unwrap()).code;
        assert!([0, 4].contains(&code), "{code}");
        drains += 1;
    }
    Contents::of_lake(&scene.lake()).assert_is(&expected, "kill at every place against moto");
}
