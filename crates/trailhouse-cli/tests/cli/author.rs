//! The tools of those who write detections, as they use them.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use tempfile::TempDir;
use trailhouse_model::EventTime;

use crate::support::{Run, python, run_python, trailhouse};

const KINDS: [&str; 7] =
    ["event", "threshold", "distinct", "sequence", "first-seen", "list", "absence"];

/// A pack with one detection of each kind, just as `detect new` writes them.
fn new_pack() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack").to_str().unwrap().to_owned();
    for kind in KINDS {
        let id = format!("acme.{kind}.example");
        let new = ["detect", "new", id.as_str(), "--kind", kind, "--pack", pack.as_str()];
        trailhouse(&new).expect_code(0);
    }
    (folder, pack)
}

/// A pack with one detection of a kind.
fn pack_of(kind: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack").to_str().unwrap().to_owned();
    let new = ["detect", "new", "acme.s3.example", "--kind", kind, "--pack", pack.as_str()];
    trailhouse(&new).expect_code(0);
    (folder, pack)
}

/// Changes a file of a pack.
fn edit(pack: &str, file: &str, from: &str, to: &str) {
    let path = Path::new(pack).join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn detect(command: &str, pack: &str, more: &[&str]) -> Run {
    let mut arguments = vec!["detect", command, "--pack", pack];
    arguments.extend(more);
    trailhouse(&arguments)
}

#[test]
fn a_new_detection_of_every_kind_is_clean_and_passes() {
    let (_folder, pack) = new_pack();
    let lint = detect("lint", &pack, &["--portable"]).expect_code(0);
    assert_eq!(lint.stdout, "");
    let test = detect("test", &pack, &[]);
    assert!(
        !test.stdout.contains("FAILED") || test.stdout.contains("fires too"),
        "{}",
        test.stdout
    );
    for kind in KINDS {
        let id = format!("acme.{kind}.example");
        let (_folder, alone) = pack_of(kind);
        detect("test", &alone, &[]).expect_code(0);
        assert!(detect("ls", &pack, &[]).stdout.contains(&id));
    }
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let (_folder, pack) = pack_of("event");
    let runbook = Path::new(&pack).join("s3/example.md");
    fs::write(&runbook, "mine").unwrap();
    fs::remove_file(Path::new(&pack).join("s3/example.sql")).unwrap();
    let again = detect("new", &pack, &["acme.s3.example"]).expect_code(2);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(runbook).unwrap(), "mine");
    assert!(!Path::new(&pack).join("s3/example.sql").exists());
    detect("new", &pack, &["Not An Id"]).expect_code(2);
    detect("new", &pack, &["acme.s3.other", "--kind", "nothing"]).expect_code(2);
}

/// Runs a detection in DuckDB over the rows of a case, as another tool would read them.
const DUCKDB: &str = r#"
import sys, pathlib, duckdb
pack, events, history = sys.argv[1:]
c = duckdb.connect()
for view, path in (("events", events), ("events_before", history)):
    c.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet('{path}')")
for path in sorted(pathlib.Path(pack).rglob("*.sql")):
    rows = c.execute(f"SELECT count(*) FROM ({path.read_text()}\n) AS found").fetchone()[0]
    print(path.parent.name, rows)
"#;

#[test]
fn every_kind_runs_unchanged_in_duckdb_over_the_same_rows() {
    let Some(python) = python() else { return };
    for kind in KINDS {
        let (folder, pack) = pack_of(kind);
        let cases = fs::read_to_string(Path::new(&pack).join("s3/example.tests.json")).unwrap();
        let cases: Value = serde_json::from_str(&cases).unwrap();
        for (index, case) in cases.as_array().unwrap().iter().enumerate() {
            let rows = |list: &str| {
                let mut records = case[list].as_array().cloned().unwrap_or_default();
                for (number, record) in records.iter_mut().enumerate() {
                    fill(record, list, number);
                }
                parquet_of(folder.path(), &format!("{index}-{list}"), &records)
            };
            let (events, history) = (rows("events"), rows("history"));
            let printed = run_python(&python, &["-c", DUCKDB, &pack, &events, &history]);
            let fired = printed != "s3 0";
            assert_eq!(Value::Bool(fired), case["fires"], "{kind} {}: {printed}", case["name"]);
        }
    }
}

/// Fills in what a case may leave out, as far as the skeletons need it.
fn fill(record: &mut Value, list: &str, number: usize) {
    let day = if list == "events" { "01-02" } else { "01-01" };
    let defaults = [
        ("eventVersion", "1.11".to_owned()),
        ("eventID", format!("{list}-{number}")),
        ("eventTime", format!("2026-{day}T00:00:{number:02}Z")),
        ("awsRegion", "us-east-1".to_owned()),
        ("recipientAccountId", "111122223333".to_owned()),
        ("eventType", "AwsApiCall".to_owned()),
    ];
    for (field, value) in defaults {
        let fields = record.as_object_mut().unwrap();
        fields.entry(field).or_insert(Value::from(value));
    }
}

/// Stores records in a lake of their own and writes its events as Parquet.
fn parquet_of(folder: &Path, name: &str, records: &[Value]) -> String {
    let lake = folder.join(format!("lake-{name}"));
    let log = folder.join(format!("{name}.json"));
    // An object of another account, so that there is a lake where the list is empty.
    let mut all = records.to_vec();
    all.push(serde_json::json!({
        "eventVersion": "1.11", "eventID": "other", "eventTime": "2026-01-01T00:00:00Z",
        "awsRegion": "other", "eventSource": "other", "eventName": "Other",
        "recipientAccountId": "000000000000", "eventType": "AwsApiCall",
    }));
    fs::write(&log, serde_json::json!({ "Records": all }).to_string()).unwrap();
    let lake = lake.to_str().unwrap();
    trailhouse(&["--lake", lake, "ingest", log.to_str().unwrap()]).expect_code(0);
    let out = folder.join(format!("{name}.parquet"));
    let out = out.to_str().unwrap();
    let sql = "SELECT * FROM stored.events WHERE recipient_account_id <> '000000000000'";
    trailhouse(&["--lake", lake, "-o", out, "query", sql]).expect_code(0);
    out.to_owned()
}

#[test]
fn lint_shows_every_error_with_a_caret() {
    let (_folder, pack) = pack_of("event");
    edit(&pack, "s3/example.sql", "-- severity    =", "-- sevrity     =");
    let lint = detect("lint", &pack, &[]).expect_code(1);
    assert!(lint.stdout.contains("error[E-DET-006]"), "{}", lint.stdout);
    assert!(lint.stdout.contains("did you mean `severity`?"), "{}", lint.stdout);

    let (_folder, pack) = pack_of("event");
    edit(&pack, "s3/example.sql", "  e.event_time,", "  e.evnt_time, now() AS event_time,");
    let lint = detect("lint", &pack, &[]).expect_code(1);
    for part in ["error[clock]", "error[plan]", "s3/example.sql:25", "^^^"] {
        assert!(lint.stdout.contains(part), "{part}: {}", lint.stdout);
    }
    assert!(lint.stderr.contains("2 errors, 0 warnings"), "{}", lint.stderr);
    let rows = detect("lint", &pack, &["--format", "ndjson"]).expect_code(1).rows();
    assert_eq!((rows[0]["line"].as_u64(), rows[0]["column"].as_u64()), (Some(25), Some(3)));
}

fn in_a_month() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_hours(720);
    let time = EventTime::from_micros(i64::try_from(since.as_micros()).unwrap()).to_string();
    time.split_once('T').unwrap().0.to_owned()
}

#[test]
fn lint_checks_what_a_site_says_about_a_pack() {
    let (folder, pack) = pack_of("event");
    let site = folder.path().join("site");
    fs::create_dir_all(site.join("exceptions")).unwrap();
    let write = |condition: &str, expires: &str| {
        let exception = format!(
            "[[exception]]\nrule = \"acme.s3.example\"\nwhere = \"{condition}\"\n\
             reason = \"known\"\nowner = \"soc\"\nexpires = {expires}\nmode = \"suppress\"\n"
        );
        fs::write(site.join("exceptions/soc.toml"), exception).unwrap();
    };
    let lint = |code| {
        let lint = detect("lint", &pack, &["--context", site.to_str().unwrap()]);
        lint.expect_code(code).stdout
    };
    let next_month = in_a_month();
    write("event_id = 'none'", &next_month);
    assert_eq!(lint(0), "");
    write("event_id LIKE '%'", &next_month);
    let shown = lint(0);
    for part in ["warning[covers-all]", "exceptions/soc.toml:3", "acme.s3.example"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    write("event_id = 'none'", "2026-01-01");
    assert!(lint(0).contains("warning[expired]"), "{}", lint(0));
    write("TRUE", &next_month);
    assert!(lint(1).contains("this holds always"), "{}", lint(1));
    fs::write(site.join("alerts.toml"), "schema = 1\n[[sinc]]\n").unwrap();
    let shown = lint(1);
    assert!(shown.contains("alerts.toml:2") && shown.contains("did you mean `sink`?"), "{shown}");
}

#[test]
fn queries_of_a_pack_are_listed_apart() {
    let (_folder, pack) = pack_of("event");
    fs::create_dir_all(Path::new(&pack).join("queries")).unwrap();
    fs::write(Path::new(&pack).join("queries/by-ip.sql"), "SELECT 1 AS one\n").unwrap();
    let rows = detect("ls", &pack, &["--queries", "--format", "ndjson"]).expect_code(0).rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["path"], "queries/by-ip.sql");
}

#[test]
fn lint_finds_what_only_works_here_and_once_in_the_built_in_pack() {
    let (_folder, pack) = pack_of("event");
    edit(&pack, "s3/example.sql", "  e.event_time,", "  e.event_time, e.event_name ~ 'x' AS x,");
    detect("lint", &pack, &[]).expect_code(0);
    let lint = detect("lint", &pack, &["--portable"]).expect_code(0);
    assert!(lint.stdout.contains("warning[portable]"), "{}", lint.stdout);
    let built_in = trailhouse(&["detect", "lint", "--portable"]).expect_code(0);
    let warned = built_in.stdout.lines().skip_while(|line| !line.contains("[portable]"));
    let places: Vec<&str> = warned.filter(|line| line.contains(" --> ")).collect();
    // It asks a function for the network in which an address lies, which no other engine has.
    assert!(
        matches!(places[..], [place] if place.contains("intel/known-bad-network.sql")),
        "{}",
        built_in.stdout
    );
}

#[test]
fn lint_writes_sarif() {
    let (_folder, pack) = pack_of("event");
    edit(&pack, "s3/example.sql", "  e.event_time,", "  now() AS event_time,");
    fs::write(Path::new(&pack).join("s3/a b.md"), "astray").unwrap();
    let lint = detect("lint", &pack, &["--format", "sarif"]).expect_code(1);
    let log: Value = serde_json::from_str(&lint.stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "trailhouse");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["shortDescription"]["text"].is_string());
        assert!(result["message"]["text"].is_string());
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
    }
    let place = |result: &Value| result["locations"][0]["physicalLocation"].clone();
    let astray = place(&results[0]);
    assert!(astray["artifactLocation"]["uri"].as_str().unwrap().ends_with("/s3/a%20b.md"));
    let clock = place(&results[1]);
    assert_eq!(clock["region"]["startLine"], 25);
    assert_eq!(
        (&clock["region"]["startColumn"], &clock["region"]["endColumn"]),
        (&3.into(), &6.into())
    );
    detect("ls", &pack, &["--format", "sarif"]).expect_code(2);
}

#[test]
fn several_packs_are_taken_together() {
    let (_folder, pack) = pack_of("event");
    let both = ["detect", "ls", "--pack", "builtin", "--pack", pack.as_str()];
    let listed = trailhouse(&both).expect_code(0);
    let ids: Vec<_> =
        listed.rows().into_iter().map(|row| (row["id"].clone(), row["pack"].clone())).collect();
    assert!(ids.contains(&("acme.s3.example".into(), "pack".into())));
    assert!(ids.contains(&("aws.logging.trail-stopped".into(), "aws-core".into())));
    let twice = ["detect", "lint", "--pack", pack.as_str(), "--pack", pack.as_str()];
    let lint = trailhouse(&twice).expect_code(1);
    assert!(lint.stdout.contains("error[duplicate-id]"), "{}", lint.stdout);
}

#[test]
fn a_case_that_fires_another_detection_says_so() {
    let (_folder, pack) = pack_of("event");
    detect("new", &pack, &["acme.s3.twin"]).expect_code(0);
    let test = detect("test", &pack, &["--cross-noise"]).expect_code(1);
    assert!(test.stdout.contains("`acme.s3.twin` fires too"), "{}", test.stdout);
    assert!(test.stderr.contains("4 passed, 2 failed, of 6 cases"), "{}", test.stderr);
    edit(
        &pack,
        "s3/example.tests.json",
        "\"fires\": true,",
        "\"fires\": true, \"also\": [\"acme.s3.twin\"],",
    );
    let test = detect("test", &pack, &["--cross-noise", "-k", "acme.s3.example"]).expect_code(0);
    assert!(test.stderr.contains("3 passed, 0 failed"), "{}", test.stderr);
    edit(&pack, "s3/twin.sql", "'acme-audit'", "'acme-other'");
    let test = detect("test", &pack, &["--cross-noise", "-k", "acme.s3.example"]).expect_code(1);
    assert!(test.stdout.contains("does not fire"), "{}", test.stdout);
    let one = detect("test", &pack, &["-k", "example the call was denied"]).expect_code(0);
    assert!(one.stderr.contains("1 passed, 0 failed, of 1 case"), "{}", one.stderr);
}

#[test]
fn findings_that_depend_on_the_order_of_rows_fail_their_case() {
    let (_folder, pack) = pack_of("event");
    edit(
        &pack,
        "s3/example.sql",
        "  e.source_ip_address,\n",
        "  e.source_ip_address,\n  CASE WHEN row_number() OVER () = 1 THEN 'critical' ELSE 'low' END AS severity,\n",
    );
    edit(&pack, "s3/example.tests.json", "\"severity\": \"medium\", ", "");
    let twice = concat!(
        "\"events\": [ { \"eventSource\": \"s3.amazonaws.com\", \"eventName\": \"ListObjects\",",
        "\"userIdentity\": { \"type\": \"IAMUser\", \"arn\": \"arn:aws:iam::111122223333:user/bob\" },",
        "\"requestParameters\": { \"bucketName\": \"acme-audit\" } },"
    );
    edit(&pack, "s3/example.tests.json", "\"events\": [", twice);
    edit(&pack, "s3/example.tests.json", "\"findings\": 1", "\"findings\": 2");
    let test = detect("test", &pack, &[]).expect_code(1);
    assert!(test.stdout.contains("depend on the order of the rows"), "{}", test.stdout);
}

#[test]
fn results_go_to_junit_and_rows() {
    let (folder, pack) = pack_of("event");
    edit(&pack, "s3/example.tests.json", "\"fires\": false", "\"fires\": true");
    let xml = folder.path().join("junit.xml");
    let run = detect("test", &pack, &["--junit", xml.to_str().unwrap(), "--format", "ndjson"]);
    let rows = run.expect_code(1).rows();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["result"], "FAILED");
    let xml = fs::read_to_string(xml).unwrap();
    assert!(xml.contains("tests=\"3\" failures=\"1\""), "{xml}");
    assert!(xml.contains("fires is true but nothing was found"), "{xml}");
    let few = detect("test", &pack, &["--min-cases", "4", "-k", "acme"]).expect_code(1);
    assert!(few.stdout.contains("has 3 of the 4 cases"), "{}", few.stdout);
}

#[test]
fn harmless_traffic_has_a_budget() {
    let (folder, pack) = pack_of("event");
    let logs = folder.path().join("logs/deep");
    fs::create_dir_all(&logs).unwrap();
    let event = |id: &str, user: &str| {
        serde_json::json!({
            "eventVersion": "1.11", "eventID": id, "eventTime": "2026-01-01T00:00:00Z",
            "awsRegion": "us-east-1", "eventSource": "s3.amazonaws.com", "eventName": "ListObjects",
            "recipientAccountId": "111122223333", "eventType": "AwsApiCall",
            "userIdentity": { "type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{user}") },
            "requestParameters": { "bucketName": "acme-audit" },
        })
    };
    let log = serde_json::json!({ "Records": [event("1", "a"), event("2", "b")] });
    fs::write(logs.join("one.json"), log.to_string()).unwrap();
    let path = folder.path().join("logs");
    let benign = ["--benign", path.to_str().unwrap()];
    let over = detect("test", &pack, &benign).expect_code(1);
    assert!(
        over.stdout.contains("2 findings in harmless traffic, where 0 are tolerated"),
        "{}",
        over.stdout
    );
    assert!(over.stderr.contains("2 events in 1 file"), "{}", over.stderr);
    detect("test", &pack, &[benign[0], benign[1], "--budget", "2"]).expect_code(0);
    let manifest = Path::new(&pack).join("pack.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text}\n[benign.budgets]\n\"acme.s3.example\" = 2\n")).unwrap();
    detect("test", &pack, &benign).expect_code(0);
    detect("test", &pack, &["--benign", "/nowhere"]).expect_code(2);
}

#[test]
fn coverage_counts_techniques_by_their_present_ids() {
    let (folder, pack) = pack_of("event");
    edit(&pack, "s3/example.sql", "[\"T1619\"]", "[\"T1562.008\", \"T1619\"]");
    let rows = detect("coverage", &pack, &[]).expect_code(0).rows();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["technique"], "T1685.002");
    assert_eq!(rows[1]["named_as"], "T1562.008");
    assert_eq!(rows[1]["tactics"], "Defense Impairment");
    let gaps = detect("coverage", &pack, &["--gaps"]).expect_code(0).rows();
    let has = |id: &str| gaps.iter().any(|row| row["technique"] == id);
    assert!(has("T1537") && !has("T1619") && !has("T1685.002") && !has("T1685"));

    let layer = folder.path().join("layer.json");
    detect("coverage", &pack, &["--navigator", layer.to_str().unwrap()]).expect_code(0);
    let layer: Value = serde_json::from_str(&fs::read_to_string(layer).unwrap()).unwrap();
    assert_eq!(layer["versions"]["layer"], "4.5");
    assert_eq!(layer["domain"], "enterprise-attack");
    let techniques = layer["techniques"].as_array().unwrap();
    assert_eq!(techniques.len(), 2);
    assert_eq!(techniques[1]["tactic"], "defense-impairment");
    assert_eq!(techniques[1]["score"], 1);
}

/// Checks TOML documents against a schema; prints for each whether it fits.
const VALIDATE: &str = r#"
import sys, json, tomllib, jsonschema
schema = json.loads(sys.argv[1])
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
for text in sys.argv[2:]:
    document = json.loads(json.dumps(tomllib.loads(text), default=str))
    print(len(list(validator.iter_errors(document))) == 0)
"#;

#[test]
fn the_schema_and_the_reader_agree() {
    let Some(python) = python() else { return };
    let (_folder, pack) = pack_of("threshold");
    let schema = trailhouse(&["detect", "schema"]).expect_code(0).stdout;
    let sql = Path::new(&pack).join("s3/example.sql");
    let original = fs::read_to_string(&sql).unwrap();
    let toml = detect("show", &pack, &["acme.s3.example", "--as", "toml"]).expect_code(0).stdout;
    let changes = [
        ("severity    = \"medium\"", "severity    = \"medium\"", true),
        ("severity    = \"medium\"", "severity    = \"bad\"", false),
        ("severity    = \"medium\"", "sevrity     = \"medium\"", false),
        ("schema      = 1", "schema      = 2", false),
        ("[\"T1555.006\"]", "[\"T1555.06\"]", false),
        ("[\"T1555.006\"]", "\"T1555.006\"", false),
        ("[\"T1555.006\"]", "[\"TA0006:T1555.006\"]", true),
        ("every    = \"15m\"", "every    = \"15 m\"", false),
        ("every    = \"15m\"", "every    = \"0m\"", false),
        ("every    = \"15m\"", "every    = 15", false),
        ("default = 3, ", "", false),
        ("default = 3", "default = 3, other = 1", false),
        ("dedupe = \"24h\"", "dedupe = \"24h\"\nmax_alerts = 0", false),
        ("dedupe = \"24h\"", "dedupe = \"24h\"\nmax_alerts = 7", true),
        ("dedupe = \"24h\"", "dedupe = \"24h\"\ncolumns = [\"Big\"]", false),
    ];
    let mut documents = Vec::new();
    for (from, to, is_good) in changes {
        assert!(toml.contains(from), "{from}: {toml}");
        documents.push(toml.replacen(from, to, 1));
        let commented = to.replace('\n', "\n-- ");
        fs::write(&sql, original.replacen(from, &commented, 1)).unwrap();
        let lint = detect("lint", &pack, &["--format", "ndjson"]);
        let codes: Vec<_> = lint.rows().into_iter().map(|row| row["code"].clone()).collect();
        let is_read = !codes.iter().any(|code| code.as_str().unwrap().starts_with("E-DET"));
        assert_eq!(is_read, is_good, "{to}: {codes:?}");
    }
    let mut arguments = vec!["-c", VALIDATE, schema.as_str()];
    arguments.extend(documents.iter().map(String::as_str));
    let fits: Vec<String> = run_python(&python, &arguments).lines().map(str::to_owned).collect();
    for ((_, to, is_good), fits) in changes.iter().zip(fits) {
        assert_eq!(fits == "True", *is_good, "{to}");
    }
}

#[test]
fn the_schema_of_a_manifest_fits_the_built_in_one() {
    let Some(python) = python() else { return };
    let schema = trailhouse(&["detect", "schema", "pack"]).expect_code(0).stdout;
    let manifest = include_str!("../../../../queries/aws-core/pack.toml");
    let strange = format!("{manifest}\ncolour = 1\n");
    let budgets = format!("{manifest}\n[benign]\nbudget = 3\nbudgets = {{ \"a.b\" = 0 }}\n");
    let arguments = ["-c", VALIDATE, schema.as_str(), manifest, strange.as_str(), budgets.as_str()];
    assert_eq!(run_python(&python, &arguments), "True\nFalse\nTrue");
}

#[test]
fn an_explanation_shows_each_condition_with_its_values() {
    let (folder, pack) = pack_of("threshold");
    let lake = folder.path().join("lake");
    let lake = lake.to_str().unwrap();
    let event = |id: &str, error: Value| {
        serde_json::json!({
            "eventVersion": "1.11", "eventID": id, "eventTime": "2026-01-01T00:00:00Z",
            "awsRegion": "us-east-1", "eventSource": "secretsmanager.amazonaws.com",
            "eventName": "GetSecretValue", "eventType": "AwsApiCall", "errorCode": error,
            "recipientAccountId": "111122223333", "userAgent": "evil\u{1b}[2J",
            "sourceIPAddress": "\u{1b}[31mred",
        })
    };
    let log = folder.path().join("log.json");
    let records = [event("good", Value::Null), event("denied", "AccessDenied".into())];
    fs::write(&log, serde_json::json!({ "Records": records }).to_string()).unwrap();
    trailhouse(&["--lake", lake, "ingest", log.to_str().unwrap()]).expect_code(0);
    let explain = |event: &str| {
        let more = ["acme.s3.example", "--event", event, "--lake", lake];
        detect("explain", &pack, &more).expect_code(0).stdout
    };
    let denied = explain("denied");
    for part in [
        "true     e.event_source = 'secretsmanager.amazonaws.com'",
        "false    e.error_code IS NULL",
        "e.error_code is AccessDenied",
        "The detection has not run yet",
        "read from files",
    ] {
        assert!(denied.contains(part), "{part}: {denied}");
    }
    assert!(!denied.contains('\u{1b}'), "{denied:?}");
    let good = explain("good");
    for part in [
        "true     e.error_code IS NULL",
        "Conditions on its group",
        "false    count(DISTINCT e.event_id) >= p.min_events",
        "count(DISTINCT e.event_id) is 1",
    ] {
        assert!(good.contains(part), "{part}: {good}");
    }
    assert!(explain("nothing").contains("The lake has no event nothing"));
    let plan =
        detect("explain", &pack, &["acme.s3.example", "--plan", "--lake", lake]).expect_code(0);
    assert!(
        plan.stdout.contains("DataSourceExec") && plan.stdout.contains("bytes_scanned="),
        "{}",
        plan.stdout
    );
    detect("explain", &pack, &["acme.none", "--lake", lake]).expect_code(2);
}

#[test]
fn an_explanation_tells_what_has_been_judged() {
    let (folder, pack) = pack_of("first-seen");
    let lake = folder.path().join("lake");
    let lake = lake.to_str().unwrap();
    let ingest = |id: &str, region: &str, time: &str| {
        let log = folder.path().join(format!("{id}.json"));
        let record = serde_json::json!({
            "eventVersion": "1.11", "eventID": id, "eventTime": time, "awsRegion": region,
            "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances",
            "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
            "userIdentity": { "type": "IAMUser", "accessKeyId": "AKIAEXAMPLE" },
        });
        fs::write(&log, serde_json::json!({ "Records": [record] }).to_string()).unwrap();
        trailhouse(&["--lake", lake, "ingest", log.to_str().unwrap()]).expect_code(0);
    };
    ingest("old", "us-east-1", "2026-01-01T00:00:00Z");
    trailhouse(&["--lake", lake, "detect", "run", "--pack", &pack]).expect_code(0);
    ingest("new", "ap-south-1", "2026-01-02T00:00:00Z");
    let explain = |event: &str| {
        let more = ["acme.s3.example", "--event", event, "--lake", lake];
        detect("explain", &pack, &more).expect_code(0).stdout
    };
    assert!(explain("old").contains("In scope: the detection has judged"), "{}", explain("old"));
    let new = explain("new");
    assert!(new.contains("Not judged yet"), "{new}");
    assert!(new.contains("true     NOT EXISTS ( SELECT 1 FROM events_before AS h"), "{new}");
    trailhouse(&["--lake", lake, "detect", "run", "--pack", &pack]).expect_code(0);
    let new = explain("new");
    assert!(new.contains("It is evidence of: AKIAEXAMPLE was used in ap-south-1"), "{new}");
}
