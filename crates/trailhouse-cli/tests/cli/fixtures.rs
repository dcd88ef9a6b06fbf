//! Every container of CloudTrail events, from the files of `fixtures/cloudtrail`.

use std::path::Path;

use crate::support::{count_events, trailhouse};

#[test]
fn every_container_is_read_and_the_rest_is_counted() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/cloudtrail");
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let lake_text = lake.to_str().unwrap();
    let run = trailhouse(&["--lake", lake_text, "ingest", fixtures.to_str().unwrap()]);
    let run = run.expect_code(0);
    for kind in ["1 digest", "1 aggregated", "1 foreign"] {
        assert!(run.stderr.contains(kind), "no `{kind}` in:\n{}", run.stderr);
    }
    assert_eq!(count_events(&lake), 10);
    let ids = "SELECT count(DISTINCT event_id) FROM events WHERE event_category IS NOT NULL";
    assert_eq!(trailhouse(&["--lake", lake_text, "query", ids]).expect_code(0).number(), 10);
}
