//! Making and opening lakes.

use trailhouse_lake::{Lake, LakeError, TableName};
use trailhouse_model::{Classify, Disposition, TableVersion};

use crate::support::{Place, number};

#[tokio::test]
async fn a_lake_is_made_once() {
    let place = Place::new();
    let first = place.lake().await;
    let second = place.lake().await;
    for table in TableName::ALL {
        assert_eq!(first.latest_version(table).await.unwrap(), TableVersion(0), "{table}");
        let delta = second.table(table).await.unwrap();
        let metadata = delta.snapshot().unwrap().metadata().clone();
        let partitions: Vec<_> = table.partition_column().into_iter().collect();
        assert_eq!(*metadata.partition_columns(), partitions, "{table}");
    }
    assert_eq!(number(&second, "SELECT count(*) FROM events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_creators_make_one_lake() {
    let place = Place::new();
    let (a, b) = tokio::join!(place.lake(), place.lake());
    for table in TableName::ALL {
        assert_eq!(a.latest_version(table).await.unwrap(), TableVersion(0), "{table}");
        assert_eq!(b.latest_version(table).await.unwrap(), TableVersion(0), "{table}");
    }
}

#[tokio::test]
async fn where_there_is_no_lake_it_says_so() {
    let place = Place::new();
    let missing = Lake::open(&place.uri()).await.unwrap_err();
    assert!(matches!(missing, LakeError::Missing { .. }), "{missing}");
    std::fs::create_dir_all(place.uri()).unwrap();
    std::fs::write(format!("{}/notes.txt", place.uri()), "x").unwrap();
    let other = Lake::open(&place.uri()).await.unwrap_err();
    assert!(matches!(other, LakeError::NotALake { .. }), "{other}");
    let elsewhere = Lake::open("gs://bucket/lake").await.unwrap_err();
    assert!(matches!(elsewhere, LakeError::UnsupportedUri { .. }), "{elsewhere}");
    let unreachable = Lake::open("s3://bucket/lake").await.unwrap_err();
    assert!(matches!(unreachable, LakeError::UnsupportedUri { .. }), "{unreachable}");
    for error in [missing, other, elsewhere, unreachable] {
        assert_eq!(error.disposition(), Disposition::Stop);
    }
}

#[tokio::test]
async fn a_file_url_names_the_same_lake() {
    let place = Place::new();
    let lake = place.lake().await;
    let again = Lake::open(lake.url().as_str()).await.unwrap();
    assert_eq!(again.url(), lake.url());
}
