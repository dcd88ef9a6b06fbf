//! The same for `ingest s3://bucket/prefix` into a lake in S3: nothing but one store.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Stdio},
};

use trailhouse_failpoint::{Failpoint, VARIABLE};
use trailhouse_testkit::{Random, SeaweedServer};

use super::{contents::Contents, corpus::Corpus};
use crate::{
    support::{command, finish, python, run_python},
    watch::{BUCKET, script},
};

const LAKE_BUCKET: &str = "example-lake";
const LAKE: &str = "s3://example-lake/team/lake";

/// Places that only a queue has.
const ELSEWHERE: [Failpoint; 2] = [Failpoint::MidDelete, Failpoint::AtDrain];

#[test]
fn a_backfill_into_a_lake_in_s3_killed_at_any_place_and_run_again_stores_everything_once() {
    let (Some(python), Some(server)) = (python(), SeaweedServer::from_environment()) else {
        return;
    };
    let server = server.unwrap();
    server.create_bucket(BUCKET).unwrap();
    server.create_bucket(LAKE_BUCKET).unwrap();
    let endpoint = server.url();
    let lake = ["--lake", LAKE, "--endpoint-url", &endpoint];
    let source = format!("s3://{BUCKET}/");
    let ingest = |failpoint: Option<Failpoint>| -> Child {
        let mut ingest = command(&[&lake[..], &["ingest", &source]].concat());
        ingest.envs(failpoint.map(|place| (VARIABLE, place.as_str())));
        ingest.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut random = Random::new(5);
    let mut expected = Contents::default();
    for place in Failpoint::ALL.into_iter().filter(|place| !ELSEWHERE.contains(place)) {
        let corpus = Corpus::one_of_each(&mut random, place.as_str());
        let folder = tempfile::tempdir().unwrap();
        corpus.write_to(folder.path());
        expected.absorb(&corpus.expected);
        let folder = folder.path().to_str().unwrap();
        let upload =
            ["upload", "--endpoint", &endpoint, "--bucket", BUCKET, "--times", "1", folder];
        run_python(&python, &[&[script().as_str()], &upload[..]].concat());
        let status = ingest(Some(place)).wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{place:?} is not on the way of an object");
    }
    // Two at once, as two people who start over would run it.
    for again in [ingest(None), ingest(None)] {
        finish(again).expect_code(4);
    }
    let found = Contents::of_lake_at(&lake);
    found.assert_is(&expected, "kill a backfill at every place");
}
