//! Lakes, packs and a clock that the tests set.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use deltalake_core::datafusion::prelude::SessionContext;
use serde_json::{Value, json};
use tempfile::TempDir;
use trailhouse_decode::{DecodeContext, DecodeLimits, Decoder};
use trailhouse_lake::{Compacted, CompactionOptions, EventWriter, Lake, TableName};
use trailhouse_model::{
    BatchId, BucketName, CommitOutcome, CommittedObject, EventTime, ObjectKey, ObjectOutcome,
    ObjectRef, TableVersion,
};
use trailhouse_query::{JudgeLimits, SessionOptions};
use trailhouse_runtime::{Clock, CommitObject, CommitRequest, LakeWriter};
use trailhouse_service::{
    PackPlace, SiteFolder,
    detect::{
        DetectionEngine, EngineSettings, FindingRow, RowChoice, RuleChoice, RuleSource, Rules,
        RunReport,
    },
};

/// The beginning of all the tests' time.
pub(crate) const BEGIN: &str = "2026-05-01T00:00:00Z";

const MANIFEST: &str = "\
id = \"site\"
title = \"Site\"
description = \"The detections of one test.\"
version = \"1.0.0\"
licence = \"Apache-2.0\"
attack_version = \"19\"
";

/// What the front matter of all detections says.
const ABOUT: &str = "\
title = \"A detection\"
description = \"A detection of one test.\"
severity = \"high\"
confidence = \"medium\"
status = \"stable\"
mode = \"active\"
owner = \"site\"
created = 2026-05-01
modified = 2026-05-01
tags = [\"aws\"]
mitre = [\"T1485\"]
references = [\"https://attack.mitre.org/techniques/T1485/\"]
false_positives = []
needs = [\"management\"]
";

/// A clock that stands until it is set.
#[derive(Debug, Clone)]
pub(crate) struct SetClock(Arc<AtomicI64>);

impl SetClock {
    pub(crate) fn set(&self, time: EventTime) {
        self.0.store(time.micros(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> EventTime {
        EventTime::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Returns the time so many minutes after the beginning.
pub(crate) fn minute(minutes: i64) -> EventTime {
    EventTime::parse_rfc3339(BEGIN).unwrap().plus_seconds(minutes * 60)
}

/// One call in a minute, with an id of its own.
pub(crate) fn call(id: &str, name: &str, who: &str, minutes: i64) -> Value {
    let arn = format!("arn:aws:iam::111122223333:user/{who}");
    json!({
        "eventVersion": "1.11",
        "eventTime": minute(minutes).to_string(),
        "eventSource": "iam.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.22.0",
        "eventID": id,
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "userIdentity": { "type": "IAMUser", "arn": arn, "accountId": "111122223333" },
    })
}

/// A lake, a pack and a clock; gone with the test.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) lake: Lake,
    pub(crate) clock: SetClock,
    writer: EventWriter,
    objects: u32,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let uri = folder.path().join("lake");
        let lake = Lake::create_or_open(uri.to_str().unwrap()).await.unwrap();
        fs::create_dir_all(folder.path().join("pack/site")).unwrap();
        fs::write(folder.path().join("pack/pack.toml"), MANIFEST).unwrap();
        let clock = SetClock(Arc::new(AtomicI64::new(minute(0).micros())));
        let writer = lake.event_writer().await.unwrap();
        Self { folder, lake, clock, writer, objects: 0 }
    }

    /// Writes a detection; keys of front matter without the dashes.
    pub(crate) fn write(&self, id: &str, window: &str, alert: &str, sql: &str) {
        let head = format!("schema = 1\nid = \"{id}\"\n{ABOUT}{window}\n[alert]\n{alert}");
        let head: String = head.lines().map(|line| format!("-- {line}\n")).collect();
        let text = format!("-- +++\n{head}-- +++\n{sql}\n");
        fs::write(self.pack().join(format!("site/{id}.sql")), text).unwrap();
    }

    fn pack(&self) -> PathBuf {
        self.folder.path().join("pack")
    }

    pub(crate) async fn rules(&self) -> Rules {
        let packs = vec![PackPlace::Folder(self.pack())];
        RuleSource { packs, site: SiteFolder::default() }.load().await.unwrap()
    }

    /// An engine as a new process would make it.
    pub(crate) async fn engine(&self) -> DetectionEngine {
        self.engine_on(self.lake.clone()).await
    }

    pub(crate) async fn engine_on(&self, lake: Lake) -> DetectionEngine {
        let settings = EngineSettings {
            session: SessionOptions { threads: Some(1), ..SessionOptions::default() },
            limits: JudgeLimits::default(),
            cache: Some(self.folder.path().join("cache")),
        };
        DetectionEngine::new(lake, self.rules().await, settings, Arc::new(self.clock.clone()))
    }

    pub(crate) async fn round(&self) -> RunReport {
        self.engine().await.round(&RuleChoice::default(), RowChoice::New).await.unwrap()
    }

    /// Stores calls as one object in a commit of its own.
    pub(crate) async fn commit(&mut self, records: &[Value]) -> TableVersion {
        let request = self.request(records);
        stored(self.writer.commit(request).await)
    }

    /// Does the same in another lake.
    pub(crate) async fn commit_to(&mut self, lake: &Lake, records: &[Value]) -> TableVersion {
        let request = self.request(records);
        stored(lake.event_writer().await.unwrap().commit(request).await)
    }

    fn request(&mut self, records: &[Value]) -> CommitRequest {
        self.objects += 1;
        let key = format!("AWSLogs/111122223333/CloudTrail/{}.json", self.objects);
        let object = ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key));
        let decoded_at = self.clock.now();
        let context = DecodeContext { object_id: object.id(), delivered_at: None, decoded_at };
        let body = json!({ "Records": records }).to_string().into_bytes();
        let decoded = Decoder::new(DecodeLimits::default()).decode(&context, &body).unwrap();
        assert_eq!(decoded.rejects.len(), 0);
        let committed = CommittedObject {
            id: object.id(),
            inflated_sha256: decoded.stats.inflated_sha256,
            compressed_bytes: decoded.stats.compressed_bytes,
            inflated_bytes: decoded.stats.inflated_bytes,
            events: u64::from(decoded.stats.records_seen),
            rejects: 0,
            first_event_time: decoded.stats.first_event_time,
            last_event_time: decoded.stats.last_event_time,
            delivered_at: None,
            ingested_at: decoded_at,
            outcome: ObjectOutcome::Stored,
            object,
        };
        let events = decoded.events.into();
        let objects = vec![CommitObject { committed, events, rejects: Vec::new() }];
        let batch = BatchId::new(format!("batch-{}", self.objects));
        CommitRequest { batch, objects }
    }

    /// Deletes the log entries of events before the last checkpoint; returns how many.
    pub(crate) fn clean_up_log(&self) -> u64 {
        let log = self.folder.path().join("lake/events/_delta_log");
        let names = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
        let version = |path: &PathBuf| -> Option<u64> {
            path.file_name()?.to_str()?.split_once('.')?.0.parse().ok()
        };
        let (entries, others): (Vec<_>, Vec<_>) =
            names.partition(|path| path.extension().is_some_and(|end| end == "json"));
        let last = others.iter().filter_map(version).max().unwrap();
        let mut gone = 0;
        for path in entries.iter().filter(|path| version(path).is_some_and(|of| of < last)) {
            fs::remove_file(path).unwrap();
            gone += 1;
        }
        gone
    }

    /// Makes an empty lake beside the first one.
    pub(crate) async fn other_lake(&self) -> Lake {
        let uri = self.folder.path().join("other");
        Lake::create_or_open(uri.to_str().unwrap()).await.unwrap()
    }
}

fn stored(outcome: CommitOutcome) -> TableVersion {
    let CommitOutcome::Committed { version } = outcome else {
        panic!("not committed: {outcome:?}");
    };
    version
}

/// Rewrites small files of all tables into larger ones, as the daemon and `table optimize` do.
pub(crate) async fn compact_by_ourselves(lake: &Lake) {
    let options = CompactionOptions { files_min: 2, ..CompactionOptions::default() };
    for table in TableName::ALL {
        for group in lake.compaction_groups(table, &options).await.unwrap() {
            let outcome = lake.compact(&group).await.unwrap();
            assert!(matches!(outcome, Compacted::Done { .. }));
        }
    }
}

/// Does the same as other programs do.
pub(crate) async fn compact(lake: &Lake) {
    let table = lake.table(TableName::Events).await.unwrap();
    let session = Arc::new(SessionContext::new().state());
    table.optimize().with_session_state(session).await.unwrap();
}

/// All rows of findings.
pub(crate) async fn findings(lake: &Lake) -> Vec<FindingRow> {
    lake.findings_after(TableVersion(0)).await.unwrap().0
}
