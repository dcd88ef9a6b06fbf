//! What the tests share: lakes made of small CloudTrail objects.

use std::{
    fs,
    path::{Path, PathBuf},
};

use arrow::array::RecordBatch;
use serde_json::{Value, json};
use tempfile::TempDir;
use trailhouse_decode::{DecodeContext, DecodeLimits, Decoder};
use trailhouse_lake::Lake;
use trailhouse_model::{
    BatchId, BucketName, CommitOutcome, CommittedObject, EventTime, ObjectKey, ObjectOutcome,
    ObjectRef, TableVersion,
};
use trailhouse_query::{
    Format, QuerySession, SessionOptions, TableLimits, rows_as_json, write_result,
};
use trailhouse_runtime::{CommitObject, CommitRequest, LakeWriter};

/// A lake that goes away with the test.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) lake: Lake,
    objects: u32,
}

impl Place {
    /// Makes a lake without events.
    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let uri = folder.path().join("lake");
        let lake = Lake::create_or_open(uri.to_str().unwrap()).await.unwrap();
        Self { folder, lake, objects: 0 }
    }

    /// Makes a lake of one commit for each list of records.
    pub(crate) async fn of(commits: &[Vec<Value>]) -> Self {
        let mut place = Self::empty().await;
        for records in commits {
            place.commit(records).await;
        }
        place
    }

    /// Returns the data files of the events, by day.
    pub(crate) fn data_files(&self) -> Vec<PathBuf> {
        let entries = |folder: &Path| {
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
        };
        let days = entries(&self.folder.path().join("lake/events"));
        let days = days.iter().filter(|day| !day.ends_with("_delta_log"));
        let mut files: Vec<PathBuf> = days.flat_map(|day| entries(day)).collect();
        files.sort();
        files
    }

    /// Stores one object with these records in a commit of its own.
    pub(crate) async fn commit(&mut self, records: &[Value]) -> TableVersion {
        self.commit_objects(&[json!({ "Records": records }).to_string().into_bytes()]).await
    }

    /// Stores objects in one commit.
    pub(crate) async fn commit_objects(&mut self, bodies: &[Vec<u8>]) -> TableVersion {
        let objects = bodies.iter().map(|body| self.object(body)).collect();
        let batch = BatchId::new(format!("batch-{}", self.objects));
        let writer = self.lake.event_writer().await.unwrap();
        let outcome = writer.commit(CommitRequest { batch, objects }).await;
        let CommitOutcome::Committed { version } = outcome else {
            panic!("not committed: {outcome:?}");
        };
        version
    }

    fn object(&mut self, body: &[u8]) -> CommitObject {
        self.objects += 1;
        let key = format!("AWSLogs/111122223333/CloudTrail/{}.json", self.objects);
        let object = ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key));
        let decoded_at = EventTime::parse_rfc3339("2026-06-01T00:00:00Z").unwrap();
        let context = DecodeContext { object_id: object.id(), delivered_at: None, decoded_at };
        let decoded = Decoder::new(DecodeLimits::default()).decode(&context, body).unwrap();
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
        CommitObject { committed, events: decoded.events.into(), rejects: Vec::new() }
    }

    /// Opens a session whose plans do not depend on the machine.
    pub(crate) async fn session(&self) -> QuerySession {
        QuerySession::open(&self.lake, &one_thread()).await.unwrap()
    }
}

pub(crate) fn one_thread() -> SessionOptions {
    SessionOptions { threads: Some(1), ..SessionOptions::default() }
}

/// A record with a name at a time.
pub(crate) fn record(name: &str, time: &str) -> Value {
    json!({
        "eventVersion": "1.11",
        "eventTime": time,
        "eventSource": "iam.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.22.0",
        "eventID": format!("{name}-{time}"),
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::111122223333:assumed-role/deploy/alice",
            "accountId": "111122223333",
            "sessionContext": {
                "sessionIssuer": { "type": "Role", "userName": "deploy" },
                "attributes": { "mfaAuthenticated": "true", "creationDate": time }
            }
        },
        "requestParameters": { "userName": "mallory", "count": 3, "tags": ["a", "b"] },
    })
}

/// Returns the rows of an answer as NDJSON.
pub(crate) async fn ndjson(session: &QuerySession, sql: &str) -> String {
    written(session, sql, Format::Ndjson, TableLimits::default()).await
}

/// Returns an answer in a format that is text.
pub(crate) async fn written(
    session: &QuerySession,
    sql: &str,
    format: Format,
    limits: TableLimits,
) -> String {
    let rows = match session.run(sql).await {
        Ok(rows) => rows,
        Err(error) => panic!("{}", error.render(sql)),
    };
    let mut out = Vec::new();
    write_result(rows, format, limits, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

pub(crate) async fn batches(session: &QuerySession, sql: &str) -> Vec<RecordBatch> {
    session.run(sql).await.unwrap().collect().await.unwrap()
}

/// Returns the only value of an answer with one row and one column.
pub(crate) async fn value(session: &QuerySession, sql: &str) -> Value {
    let rows = rows_as_json(&batches(session, sql).await).unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_iter().next().unwrap().into_values().next().unwrap()
}

/// The objects of the real corpora, where they are there.
pub(crate) fn corpus_objects() -> Option<Vec<Vec<u8>>> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let folder = std::env::var_os("TRAILHOUSE_CORPORA").map_or(default, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("SKIPPED: no corpora at {}; set TRAILHOUSE_CORPORA", folder.display());
        return None;
    }
    let mut paths = Vec::new();
    objects_below(&folder, &mut paths);
    paths.sort();
    Some(paths.iter().map(|path| fs::read(path).unwrap()).collect())
}

fn objects_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            objects_below(&path, found);
        } else if path.to_string_lossy().ends_with(".json.gz") {
            found.push(path);
        }
    }
}
