//! Real attacks and traffic, from objects on disk to rows that other readers see.

use std::path::Path;

use crate::support::{corpora, count_events, python, run_python, trailhouse};

/// Corpus, events in it.
const CORPORA: &[(&str, i64)] =
    &[("invictus", 2_900), ("stratus", 310), ("splunk_datasources", 48), ("umccr_examples", 21)];

#[test]
fn invictus_is_stored_once_however_often_it_is_ingested() {
    let Some(corpora) = corpora() else { return };
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let (lake_text, objects) = (lake.to_str().unwrap(), corpora.join("invictus/objects"));

    let first = trailhouse(&["--lake", lake_text, "ingest", objects.to_str().unwrap()]);
    assert!(first.stderr.contains("2,900 events"), "{}", first.stderr);
    first.expect_code(0);
    assert_eq!(count_events(&lake), 2_900);

    let second = trailhouse(&["--lake", lake_text, "ingest", objects.to_str().unwrap()]);
    assert!(second.stderr.contains("nothing new"), "{}", second.stderr);
    second.expect_code(0);
    assert_eq!(count_events(&lake), 2_900);
}

#[test]
fn every_event_of_every_corpus_is_accounted_for() {
    let Some(corpora) = corpora() else { return };
    for (name, events) in CORPORA {
        let folder = tempfile::tempdir().unwrap();
        let lake = folder.path().join("lake");
        let objects = corpora.join(name).join("objects");
        let run =
            trailhouse(&["--lake", lake.to_str().unwrap(), "ingest", objects.to_str().unwrap()]);
        assert!([0, 4].contains(&run.code), "{name}: {}", run.stderr);
        assert_eq!(count_events(&lake) + count_quarantined_records(&lake), *events, "{name}");
    }
}

fn count_quarantined_records(lake: &Path) -> i64 {
    let sql = "SELECT count(*) FROM quarantine WHERE record_index IS NOT NULL";
    trailhouse(&["--lake", lake.to_str().unwrap(), "query", sql]).expect_code(0).number()
}

#[test]
fn other_readers_see_the_same_rows() {
    let (Some(corpora), Some(python)) = (corpora(), python()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let objects = corpora.join("invictus/objects");
    trailhouse(&["--lake", lake.to_str().unwrap(), "ingest", objects.to_str().unwrap()])
        .expect_code(0);

    let events = lake.join("events");
    let events = events.to_str().unwrap();
    // pyarrow's threads at times abort the interpreter while it ends, so it is left at once.
    let by_deltalake = concat!(
        "import os, sys, deltalake\n",
        "rows = deltalake.DeltaTable(sys.argv[1]).to_pyarrow_table().num_rows\n",
        "print(rows, flush=True)\n",
        "os._exit(0)\n",
    );
    assert_eq!(run_python(&python, &["-c", by_deltalake, events]), "2900");
    let by_duckdb = concat!(
        "import sys, duckdb, duckdb_extension_delta, pathlib\n",
        "c = duckdb.connect(config={'allow_unsigned_extensions': 'true'})\n",
        "found = next(pathlib.Path(duckdb_extension_delta.__file__).parent.rglob('*.duckdb_extension'))\n",
        "c.execute(f\"LOAD '{found}'\")\n",
        "q = \"SELECT count(*), count(DISTINCT event_id) FROM delta_scan(?)\"\n",
        "print(*c.execute(q, [sys.argv[1]]).fetchone())\n",
    );
    let seen = run_python(&python, &["-c", by_duckdb, events]);
    assert!(seen.starts_with("2900 "), "{seen}");
}
