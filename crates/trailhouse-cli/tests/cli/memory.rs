//! Memory stays under its limit, however much there is to store.
//!
//! `TRAILHOUSE_MEMORY_MIB` says how much inflated CloudTrail the runs store; `scripts/memory` makes
//! it twenty times the limit.

use std::{
    env, fs,
    io::{Read, Write},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use serde_json::json;
use trailhouse_sample::generate;
use trailhouse_testkit::CloudStandIn;

use crate::{
    support::{command, trailhouse},
    watch::BUCKET,
};

const MIB: u64 = 1 << 20;
/// What a run must never need more of.
const PEAK_MIB_MAX: u64 = 512;
/// Some more than the program holds between fetch and commit.
const MIB_DEFAULT: u64 = 400;
/// Sample objects in one object: most objects are small, some are not.
const GROUPS: [usize; 8] = [1, 1, 2, 1, 4, 1, 1, 48];
const POLL: Duration = Duration::from_millis(20);

/// Objects of different sizes in which no event id comes twice.
struct Corpus {
    bodies: Vec<Vec<u8>>,
    events: i64,
    inflated_bytes: u64,
}

impl Corpus {
    /// Repeats the sample with other event ids until it is large enough.
    fn new(inflated_bytes_min: u64) -> Self {
        let sample = generate(7);
        let texts: Vec<String> =
            sample.objects.iter().map(|object| inflate(&object.body)).collect();
        let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        texts.retain(|text| text.contains(ID_MARK));
        let mut corpus = Self { bodies: Vec::new(), events: 0, inflated_bytes: 0 };
        let mut groups = GROUPS.iter().cycle();
        let mut copy = 0;
        while corpus.inflated_bytes < inflated_bytes_min {
            let mut rest = &texts[..];
            while !rest.is_empty() {
                let (group, others) = rest.split_at((*groups.next().unwrap()).min(rest.len()));
                corpus.add(group, copy);
                rest = others;
            }
            copy += 1;
        }
        corpus
    }

    /// Adds one object of several members.
    fn add(&mut self, texts: &[&str], copy: u32) {
        let mut body = Vec::new();
        for text in texts {
            let text = with_new_ids(text, copy);
            let mut member = GzEncoder::new(&mut body, Compression::fast());
            member.write_all(text.as_bytes()).unwrap();
            member.finish().unwrap();
            self.events += i64::try_from(text.matches(ID_MARK).count()).unwrap();
            self.inflated_bytes += u64::try_from(text.len()).unwrap();
        }
        self.bodies.push(body);
    }
}

const ID_MARK: &str = "\"eventID\":\"";

/// Puts the number of the copy in place of the first eight digits of every event id.
fn with_new_ids(text: &str, copy: u32) -> String {
    let mut pieces = text.split(ID_MARK);
    let mut changed = pieces.next().unwrap().to_owned();
    for piece in pieces {
        changed.push_str(&format!("{ID_MARK}{copy:08x}"));
        changed.push_str(&piece[8..]);
    }
    changed
}

fn inflate(body: &[u8]) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(body).read_to_string(&mut text).unwrap();
    text
}

fn corpus() -> Corpus {
    let mib = env::var("TRAILHOUSE_MEMORY_MIB").ok().and_then(|mib| mib.parse().ok());
    Corpus::new(mib.unwrap_or(MIB_DEFAULT) * MIB)
}

#[test]
fn watch_needs_no_more_memory_for_more_objects() {
    let corpus = corpus();
    let cloud = CloudStandIn::start(1).unwrap();
    for (index, body) in corpus.bodies.iter().enumerate() {
        let key = format!("AWSLogs/111122223333/CloudTrail/us-east-1/2026/06/01/{index}.json.gz");
        cloud.put_object(BUCKET, &key, body);
        let record = json!({
            "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "awsRegion": "us-east-1",
            "s3": { "bucket": { "name": BUCKET }, "object": { "key": key, "size": body.len() } },
        });
        cloud.send(&json!({ "Records": [record] }).to_string());
    }
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let mut watch = command(&["watch", "--once"]);
    watch.args(["--queue-url", &cloud.queue_url(), "--endpoint-url", &cloud.url()]);
    let watch = watch.arg("--lake").arg(&lake).stdout(Stdio::null()).stderr(Stdio::null());
    check("watch", &corpus, &lake, watch.spawn().unwrap());
}

#[test]
fn ingest_needs_no_more_memory_for_more_files() {
    let corpus = corpus();
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
    fs::create_dir(&logs).unwrap();
    for (index, body) in corpus.bodies.iter().enumerate() {
        fs::write(logs.join(format!("{index}.json.gz")), body).unwrap();
    }
    let mut ingest = command(&["ingest"]);
    let ingest = ingest.arg(&logs).arg("--lake").arg(&lake);
    check(
        "ingest",
        &corpus,
        &lake,
        ingest.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap(),
    );
}

/// Asserts that everything was stored and that the process never held too much of it.
fn check(name: &str, corpus: &Corpus, lake: &Path, process: Child) {
    let peaks = peaks_of(process);
    let sql = "SELECT count(*), count(DISTINCT event_id) FROM events";
    let counted =
        trailhouse(&["--lake", lake.to_str().unwrap(), "query", sql]).expect_code(0).rows();
    for number in counted[0].as_object().unwrap().values() {
        assert_eq!(number.as_i64(), Some(corpus.events), "{name}");
    }
    let quarter = |part: usize| peaks.get(peaks.len() * part / 4).or(peaks.last()).unwrap();
    let quarters = [quarter(1), quarter(2), quarter(3), quarter(4)];
    eprintln!(
        "{name}: {} MiB inflated, {} objects, {} events; peak MiB after each quarter: {:?}, with \
         the pages of the program file {:?}",
        corpus.inflated_bytes / MIB,
        corpus.bodies.len(),
        corpus.events,
        quarters.map(|peak| peak.own_mib),
        quarters.map(|peak| peak.resident_mib),
    );
    let peak = quarter(4).own_mib;
    assert!(peak > 0, "the peak was read");
    assert!(peak < PEAK_MIB_MAX, "{name}: {peak} MiB");
}

/// The most that a process had so far.
#[derive(Debug, Clone, Copy, Default)]
struct Peak {
    /// Memory of its own. The pages of a program file come on top; a debug build's are large.
    own_mib: u64,
    /// All resident memory.
    resident_mib: u64,
}

impl Peak {
    fn raised_by(self, status: &str) -> Self {
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kib / 1024)
        };
        Self {
            own_mib: self.own_mib.max(mib("RssAnon:").unwrap_or(0)),
            resident_mib: self.resident_mib.max(mib("VmHWM:").unwrap_or(0)),
        }
    }
}

/// Waits until the process ends, and returns what it had at most until each look.
fn peaks_of(mut process: Child) -> Vec<Peak> {
    let status = format!("/proc/{}/status", process.id());
    let mut peaks = vec![Peak::default()];
    loop {
        if let Some(code) = process.try_wait().unwrap() {
            assert!(code.success(), "{code}");
            return peaks;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        peaks.push(peaks.last().unwrap().raised_by(&text));
        thread::sleep(POLL);
    }
}
