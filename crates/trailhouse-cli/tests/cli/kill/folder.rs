//! The same for `ingest` of a folder, where nothing comes again by itself: somebody runs it again.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Stdio},
};

use trailhouse_failpoint::{Failpoint, VARIABLE};
use trailhouse_testkit::Random;

use super::{contents::Contents, corpus::Corpus};
use crate::support::{command, finish};

/// Places that only a queue or S3 has.
const ELSEWHERE: [Failpoint; 3] =
    [Failpoint::MidDownload, Failpoint::MidDelete, Failpoint::AtDrain];

#[test]
fn an_ingest_killed_at_any_place_and_run_again_stores_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
    let ingest = |failpoint: Option<Failpoint>| -> Child {
        let mut ingest = command(&["ingest"]);
        ingest.arg(&logs).arg("--lake").arg(&lake);
        ingest.envs(failpoint.map(|place| (VARIABLE, place.as_str())));
        ingest.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut random = Random::new(3);
    let mut expected = Contents::default();
    let places = Failpoint::ALL.into_iter().filter(|place| !ELSEWHERE.contains(place));
    for place in places {
        let corpus = Corpus::one_of_each(&mut random, place.as_str());
        corpus.write_to(&logs);
        expected.absorb(&corpus.expected);
        let status = ingest(Some(place)).wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{place:?} is not on the way of a file");
    }
    // Two at once, as two people who start over would run it.
    for again in [ingest(None), ingest(None)] {
        finish(again).expect_code(4);
    }
    let prefix = format!("{}/", logs.to_str().unwrap());
    let expected = expected.moved_to("file:", &prefix);
    Contents::of_lake(&lake).assert_is(&expected, "kill an ingest at every place");
}
