//! The same for compactions: killed at every place and at any moment, two at once, beside an ingest.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use trailhouse_failpoint::{Failpoint, VARIABLE};
use trailhouse_testkit::Random;

use super::{contents::Contents, corpus::Corpus};
use crate::support::{command, finish};

const RANDOM_KILLS: u64 = 6;

#[test]
fn a_compaction_killed_at_any_moment_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
    let start = |arguments: &[&str], failpoint: Option<Failpoint>| -> Child {
        let mut run = command(arguments);
        run.arg("--lake").arg(&lake);
        run.envs(failpoint.map(|place| (VARIABLE, place.as_str())));
        run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let source = logs.to_str().unwrap();
    let ingest = || start(&["ingest", source], None);
    let optimize = |failpoint| start(&["table", "optimize", "--min-files", "2"], failpoint);
    let mut random = Random::new(6);
    let mut expected = Contents::default();
    // Each ingest is a commit of small files.
    let mut add = |random: &mut Random, name: &str| {
        for part in 0..3 {
            let corpus = Corpus::one_of_each(random, &format!("{name}-{part}"));
            corpus.write_to(&logs);
            expected.absorb(&corpus.expected);
            finish(ingest()).expect_code(4);
        }
    };
    for place in Failpoint::COMPACTION {
        add(&mut random, place.as_str());
        let status = optimize(Some(place)).wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{place:?} is not on the way of a compaction");
    }
    for kill in 0..RANDOM_KILLS {
        add(&mut random, &format!("random-{kill}"));
        let mut killed = optimize(None);
        thread::sleep(Duration::from_millis(random.between(50, 900)));
        killed.kill().unwrap();
        killed.wait().unwrap();
    }
    add(&mut random, "last");
    for run in [optimize(None), optimize(None)] {
        finish(run).expect_code(0);
    }
    finish(ingest()).expect_code(4);
    let prefix = format!("{source}/");
    let expected = expected.moved_to("file:", &prefix);
    Contents::of_lake(&lake).assert_is(&expected, "kill a compaction");
}
