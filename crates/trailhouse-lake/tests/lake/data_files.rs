//! Data files hold each column in the way that suits what is asked of it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use parquet::{
    basic::{Compression, Encoding},
    file::{
        metadata::ColumnChunkMetaData,
        properties::ReaderProperties,
        reader::{FileReader, SerializedFileReader},
        serialized_reader::ReadOptionsBuilder,
    },
};
use trailhouse_lake::{Compacted, CompactionOptions, TableName};
use trailhouse_model::CommitOutcome;
use trailhouse_runtime::LakeWriter;

use crate::support::{Place, object, object_on, request};

/// All data files of events, those included that compaction has put another in the place of.
fn files(place: &Place) -> Vec<PathBuf> {
    let days = fs::read_dir(Path::new(&place.uri()).join("events")).unwrap();
    let days = days.map(|day| day.unwrap().path());
    let days = days.filter(|day| day.to_string_lossy().contains("event_date="));
    days.flat_map(|day| fs::read_dir(day).unwrap()).map(|file| file.unwrap().path()).collect()
}

fn check(reader: &SerializedFileReader<File>, event_id: &str, is_ordered: bool) {
    let group = reader.get_row_group(0).unwrap();
    let column = |name: &str| -> (usize, ColumnChunkMetaData) {
        let mut columns = reader.metadata().row_group(0).columns().iter().enumerate();
        let found = columns.find(|(_, column)| column.column_path().string() == name).unwrap();
        (found.0, found.1.clone())
    };
    let encodings = |name: &str| column(name).1.encodings().collect::<Vec<_>>();
    assert!(encodings("event_id").contains(&Encoding::DELTA_LENGTH_BYTE_ARRAY));
    assert_eq!(encodings("event_time").contains(&Encoding::DELTA_BINARY_PACKED), !is_ordered);
    assert!(encodings("event_name").contains(&Encoding::RLE_DICTIONARY));
    for (name, is_coded) in [
        ("event_name", true),
        ("user_identity_arn", true),
        ("read_only", true),
        ("event_id", false),
        ("event_time", false),
        ("user_identity_access_key_id", false),
        ("request_parameters", false),
        ("resources.list.element.arn", false),
    ] {
        let codec = column(name).1.compression();
        assert_eq!(codec == Compression::SNAPPY, is_coded, "{name}: {codec}");
        assert_eq!(matches!(codec, Compression::ZSTD(_)), !is_coded, "{name}: {codec}");
    }
    assert!(column("event_name").1.statistics().is_some());
    assert!(column("request_parameters").1.statistics().is_none());
    let filter = group.get_column_bloom_filter(column("event_id").0).unwrap();
    assert!(filter.check(event_id));
    assert!(!filter.check("another"));
    assert!(group.get_column_bloom_filter(column("event_name").0).is_none());
    // Folded to what a few values need: at the size of a full row group it would be 160 KiB.
    assert!(column("event_id").1.bloom_filter_length().unwrap() < 4_096);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_have_filters_and_no_dictionary_before_and_after_compaction() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    for name in ["a", "b"] {
        let outcome = writer.commit(request(name, vec![object(name)])).await;
        assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
    }
    let options = CompactionOptions { target_bytes: 1 << 20, files_min: 2 };
    for files_there in [2, 3] {
        assert_eq!(files(&place).len(), files_there);
        for path in files(&place) {
            let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
            let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
            let file = File::open(&path).unwrap();
            let reader = SerializedFileReader::new_with_options(file, options).unwrap();
            let id = reader.get_row_iter(None).unwrap().next().unwrap().unwrap();
            let id = id.get_column_iter().find(|(name, _)| *name == "event_id").unwrap().1;
            let is_ordered = path.to_string_lossy().contains("/ordered-");
            check(&reader, id.to_string().trim_matches('"'), is_ordered);
        }
        for group in lake.compaction_groups(TableName::Events, &options).await.unwrap() {
            assert!(matches!(lake.compact(&group).await.unwrap(), Compacted::Done { .. }));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_files_of_several_pages_have_an_index_of_pages() {
    for (rows, is_indexed) in [(8_192, false), (8_193, true)] {
        let place = Place::new();
        let writer = place.lake().await.event_writer().await.unwrap();
        let outcome = writer.commit(request("a", vec![object_on("a", &vec![0; rows])])).await;
        assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
        let file = File::open(files(&place).first().unwrap()).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        for column in reader.metadata().row_group(0).columns() {
            assert_eq!(column.offset_index_offset().is_some(), is_indexed, "{column:?}");
        }
        let columns = reader.metadata().row_group(0).columns();
        assert_eq!(columns.iter().any(|it| it.column_index_offset().is_some()), is_indexed);
    }
}
