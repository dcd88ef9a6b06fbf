//! What a commit costs: requests and log bytes, which do not grow with the table.

use trailhouse_model::CommitOutcome;
use trailhouse_runtime::LakeWriter;

use crate::support::{Place, object, request};

#[tokio::test]
async fn a_commit_costs_the_same_at_any_number_of_files() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let mut measured = Vec::new();
    for number in 1..=500 {
        place.store.reset();
        let name = format!("o{number}");
        let outcome = writer.commit(request(&name, vec![object(&name)])).await;
        assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
        if [10, 500].contains(&number) {
            measured.push((place.store.requests(), place.store.log_bytes_read()));
        }
    }
    let (requests, log_bytes) = &measured[0];
    assert_eq!(&measured[1], &measured[0]);
    // A data file and a log entry for the events, and the same for the objects.
    assert_eq!(requests.get("put"), Some(&4));
    assert_eq!((requests.get("get"), requests.get("list"), *log_bytes), (None, None, 0));
}
