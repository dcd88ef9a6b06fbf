//! The program and the hostile inputs of `fixtures/hostile`: each has the outcome of the table,
//! and nothing else suffers.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    support::{Run, command, finish, python, small_event, small_log, trailhouse},
    watch::{BUCKET, Scene},
};
use serde_json::{Value, json};
use trailhouse_testkit::hostile::{Cases, ObjectCase, generate_large, kept};

/// What `ingest` may take beyond what one small event takes, whatever it is given.
const MEMORY_MIB_MAX: u64 = 512;

/// Cases of one lake: few, because each run reads the log of those before it.
const CASES_MAX: usize = 40;

/// Runs a program and writes down the most memory that it took, in KiB.
const MEASURE: &str = "
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
";

/// A lake and a place for the objects of the cases.
struct Bench {
    python: PathBuf,
    folder: tempfile::TempDir,
    /// What an ingest of one small event takes, most of it the program itself.
    least_memory_mib: u64,
}

impl Bench {
    fn new(python: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = Self { python: python.to_owned(), folder, least_memory_mib: 0 };
        let good = small_log(bench.folder.path(), "good.json", 1);
        let (run, memory_mib) = bench.ingest(&good);
        run.expect_code(0);
        bench.least_memory_mib = memory_mib;
        bench
    }

    fn lake(&self) -> String {
        self.folder.path().join("lake").to_str().unwrap().to_owned()
    }

    /// Ingests a file or a folder and returns what the run took, in MiB.
    fn ingest(&self, source: &Path) -> (Run, u64) {
        let peak = self.folder.path().join("peak");
        let program = command(&["--lake", &self.lake(), "ingest", source.to_str().unwrap()]);
        let mut measured = Command::new(&self.python);
        measured.args(["-c", MEASURE]).arg(&peak).arg(program.get_program());
        measured.args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => measured.env(name, value),
                None => measured.env_remove(name),
            };
        }
        measured.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let run = finish(measured.spawn().unwrap());
        let kibibytes: u64 = fs::read_to_string(peak).unwrap().parse().unwrap();
        (run, kibibytes / 1024)
    }

    /// Ingests one case beside a good object, and says what is wrong with the run itself.
    fn check_run(&self, case: &ObjectCase, bytes: &[u8]) -> Option<String> {
        let folder = self.folder.path().join("objects").join(&case.name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{}.json.gz", case.name)), bytes).unwrap();
        small_log(&folder, &format!("good beside {}.json", case.name), 1);
        let (run, memory_mib) = self.ingest(&folder);
        fs::remove_dir_all(&folder).unwrap();
        let memory_mib = memory_mib.saturating_sub(self.least_memory_mib);
        let is_good = run.code == case.exit
            && !run.stderr.contains("panicked")
            && memory_mib <= MEMORY_MIB_MAX;
        (!is_good)
            .then(|| format!("{}: code {}, {memory_mib} MiB\n{}", case.name, run.code, run.stderr))
    }

    /// Counts by the name of the file that stands in `key`.
    fn counts(&self, query: &str) -> BTreeMap<String, (u64, String)> {
        let arguments =
            ["--lake", &self.lake(), "query", "--max-rows", "10000", "--format", "ndjson", query];
        let run = trailhouse(&arguments).expect_code(0);
        let count = |row: Value| {
            let name = row["key"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            (name, (row["n"].as_u64().unwrap(), row["reasons"].as_str().unwrap_or("").to_owned()))
        };
        run.rows().into_iter().map(count).collect()
    }

    fn check_all(&self, cases: &[ObjectCase], read: impl Fn(&str) -> Vec<u8>) {
        let mut failures: Vec<String> =
            cases.iter().filter_map(|case| self.check_run(case, &read(&case.name))).collect();
        let stored = self.counts(
            "SELECT o.key AS key, count(*) AS n FROM events AS e
             JOIN objects AS o ON o.object_id = e.source_object_id GROUP BY o.key",
        );
        let quarantined = self.counts(
            "SELECT key, count(*) AS n, string_agg(DISTINCT reason, ' ') AS reasons
             FROM quarantine GROUP BY key",
        );
        for case in cases {
            let file = format!("{}.json.gz", case.name);
            let good = stored.get(&format!("good beside {}.json", case.name));
            if good.is_none_or(|(count, _)| *count != 1) {
                failures.push(format!("{}: the good object beside it is not stored", case.name));
            }
            let events = stored.get(&file).map_or(0, |(count, _)| *count);
            let found = quarantined.get(&file).cloned().unwrap_or_default();
            let expected = expected_quarantine(case);
            if events != case.stored.unwrap_or(case.events) || found != expected {
                failures.push(format!(
                    "{}: {events} events, quarantine {found:?} instead of {expected:?}",
                    case.name
                ));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

fn expected_quarantine(case: &ObjectCase) -> (u64, String) {
    match &case.quarantine {
        Some(reason) => (1, reason.clone()),
        None if case.rejects.is_empty() => (0, String::new()),
        None => (case.rejects_expected(), "bad_record".to_owned()),
    }
}

fn check_all(python: &Path, cases: &[ObjectCase], read: impl Fn(&str) -> Vec<u8>) {
    for cases in cases.chunks(CASES_MAX) {
        Bench::new(python).check_all(cases, &read);
    }
}

#[test]
fn every_kept_object_has_its_outcome_beside_a_good_one() {
    let Some(python) = python() else { return };
    let mut cases = Cases::read().unwrap().object;
    cases.retain(|case| !case.large);
    check_all(&python, &cases, |name| kept("objects", name).unwrap());
}

#[test]
fn every_large_object_has_its_outcome_beside_a_good_one() {
    let Some(python) = python() else { return };
    let large = tempfile::tempdir().unwrap();
    generate_large(python.as_os_str(), large.path()).unwrap();
    let mut cases = Cases::read().unwrap().object;
    cases.retain(|case| case.large);
    check_all(&python, &cases, |name| fs::read(large.path().join(name)).unwrap());
}

#[test]
fn every_message_is_settled_and_the_queue_is_empty() {
    let Some(scene) = Scene::new() else { return };
    let mut cases = Cases::read().unwrap().message;
    cases.retain(|case| case.queue);
    let body = |name: &str| String::from_utf8(kept("messages", name).unwrap()).unwrap();
    let bodies: Vec<Value> = cases.iter().map(|case| json!(body(&case.name))).collect();
    scene.put(&[("hostile/named.json".to_owned(), small_event("named", 0))]);
    scene.send(&bodies);
    let run = finish(scene.watch_command(300).spawn().unwrap()).expect_code(4);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    assert_eq!(scene.depth(), "0 0");

    let mut expected: Vec<String> = cases.into_iter().filter_map(|case| case.unreadable).collect();
    expected.sort();
    let found = scene.column("SELECT detail FROM quarantine WHERE reason = 'unknown_message'");
    assert_eq!(found, expected);
    let others = "SELECT reason FROM quarantine WHERE reason != 'unknown_message'";
    assert_eq!(scene.column(others), Vec::<String>::new());
    assert_eq!(scene.column("SELECT event_id FROM events"), ["named-0"]);
}

#[test]
fn every_key_is_fetched_as_it_is() {
    let Some(scene) = Scene::new() else { return };
    let mut cases = Cases::read().unwrap().key;
    cases.retain(|case| case.stand_in);
    let key = |name: &str| String::from_utf8(kept("keys", name).unwrap()).unwrap();
    let objects: Vec<(String, String)> =
        cases.iter().map(|case| (key(&case.name), small_event(&case.name, 0))).collect();
    scene.put(&objects);
    // What S3's own notices and CloudTrail's say of one object is the same object.
    let notice = json!({"s3Bucket": BUCKET, "s3ObjectKey": objects.iter().map(|(key, _)| key).collect::<Vec<_>>()});
    scene.send(&[json!(notice.to_string())]);
    finish(scene.watch_command(300).spawn().unwrap()).expect_code(0);
    assert_eq!(scene.depth(), "0 0");
    let mut expected: Vec<String> = cases
        .iter()
        .filter(|case| case.name != "folder-marker")
        .map(|case| format!("{}-0", case.name))
        .collect();
    expected.sort();
    assert_eq!(scene.column("SELECT event_id FROM events"), expected);
}
