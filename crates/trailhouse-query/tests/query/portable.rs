//! The detections that join with what a site knows find the same in DuckDB.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use trailhouse_detect::{Case, Detection, parse_cases, parse_detection};
use trailhouse_query::{Format, QuerySession, SiteContext, TableLimits, write_result};

use crate::support::{Place, batches};

/// Uses a function of Trailhouse, and says so.
const NOT_PORTABLE: [&str; 1] = ["aws.intel.known-bad-network"];

/// Runs each `<folder>/<case>/detection.sql` over the Parquet files beside it.
const PROGRAM: &str = r#"
import duckdb, json, pathlib, sys
for case in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    c = duckdb.connect()
    c.execute("CREATE SCHEMA intel")
    for table in ("events", "honeytokens", "intel.indicators"):
        c.execute(f"CREATE VIEW {table} AS SELECT * FROM '{case}/{table}.parquet'")
    rows = c.execute(f"SELECT count(*) FROM ({(case / 'detection.sql').read_text()})").fetchone()
    print(json.dumps([case.name, rows[0]]))
"#;

fn detections() -> Vec<(Detection, Vec<Case>)> {
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../queries/aws-core");
    let mut found = Vec::new();
    for theme in ["deception", "intel"] {
        for entry in fs::read_dir(pack.join(theme)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                let detection = parse_detection("x", &fs::read_to_string(&path).unwrap()).unwrap();
                let cases = fs::read_to_string(path.with_extension("tests.json")).unwrap();
                found.push((detection, parse_cases("x", &cases).unwrap()));
            }
        }
    }
    found
}

async fn export(session: &QuerySession, table: &str, folder: &Path) {
    let rows = session.run(&format!("SELECT * FROM {table}")).await.unwrap();
    let mut bytes = Vec::new();
    write_result(rows, Format::Parquet, TableLimits::default(), &mut bytes).await.unwrap();
    fs::write(folder.join(format!("{table}.parquet")), bytes).unwrap();
}

async fn prepare(detection: &Detection, case: &Case, folder: &Path) -> usize {
    let records: Vec<Value> = case.events.iter().cloned().map(Value::Object).collect();
    let place = Place::of(&[records]).await;
    let context = SiteContext::none().for_case("x", &case.tables).unwrap();
    let session = place.session().await.with_context(&context).await.unwrap();
    fs::create_dir(folder).unwrap();
    for table in ["events", "honeytokens", "intel.indicators"] {
        export(&session, table, folder).await;
    }
    fs::write(folder.join("detection.sql"), &detection.sql).unwrap();
    batches(&session, &detection.sql).await.iter().map(|batch| batch.num_rows()).sum()
}

#[tokio::test]
async fn detections_over_tables_of_the_site_run_in_duckdb() {
    let Some(python) = std::env::var_os("TRAILHOUSE_TEST_PYTHON").map(PathBuf::from) else {
        eprintln!("SKIPPED: TRAILHOUSE_TEST_PYTHON is not set; scripts/test sets it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    for (detection, cases) in detections() {
        if NOT_PORTABLE.contains(&detection.id.as_str()) {
            continue;
        }
        for case in &cases {
            let name = format!("{}.{}", detection.id, case.name);
            let rows = prepare(&detection, case, &folder.path().join(&name)).await;
            assert_eq!(rows > 0, case.fires, "{name}");
            expected.insert(name, rows);
        }
    }
    assert!(expected.len() > 30, "{expected:?}");
    let output = Command::new(python).args(["-c", PROGRAM]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: BTreeMap<String, usize> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(found, expected);
}
