//! Sources of every kind with the lake that they must become, worked out without the program.

use std::{fs, io::Write, path::Path};

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use trailhouse_testkit::Random;

use super::contents::{Contents, Refused};
use crate::{support::small_event, watch::BUCKET};

pub(super) const QUEUE: &str = "trail";

/// Events of an object whose body comes in many pieces.
const LARGE_EVENTS: usize = 400;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A few events, compressed.
    Good,
    /// Many events, plain.
    Large,
    /// The events of another object, as overlapping trails deliver them.
    Repeated,
    /// No events.
    Empty,
    /// A record in the middle is none.
    Mixed,
    /// Cut off.
    Corrupt,
    /// Named, but not there.
    Missing,
}

/// How often each kind is drawn.
const KINDS: &[Kind] = &[
    Kind::Good,
    Kind::Good,
    Kind::Good,
    Kind::Good,
    Kind::Large,
    Kind::Repeated,
    Kind::Empty,
    Kind::Mixed,
    Kind::Corrupt,
];

/// Objects, and the messages that name them.
pub(super) struct Corpus {
    /// Keys and bodies of the objects that are there.
    pub(super) objects: Vec<(String, Vec<u8>)>,
    /// Message bodies; each names at least one object, and every object is named.
    pub(super) notices: Vec<String>,
    /// What a lake holds that took in all of it.
    pub(super) expected: Contents,
}

impl Corpus {
    /// Makes so many objects of mixed kinds, at most one of them missing, because those are asked
    /// for again after a while. The name keeps them apart from
    /// those of other calls.
    pub(super) fn mixed(random: &mut Random, name: &str, objects: usize) -> Self {
        let mut kinds: Vec<Kind> = Vec::new();
        kinds.extend(random.per_mille(250).then_some(Kind::Missing));
        kinds.extend((0..objects).filter_map(|_| random.choice(KINDS)));
        Self::new(random, name, &kinds)
    }

    /// Makes one object of every kind that is there.
    pub(super) fn one_of_each(random: &mut Random, name: &str) -> Self {
        let kinds =
            [Kind::Good, Kind::Large, Kind::Repeated, Kind::Empty, Kind::Mixed, Kind::Corrupt];
        Self::new(random, name, &kinds)
    }

    /// Writes the objects as files below a folder.
    pub(super) fn write_to(&self, folder: &Path) {
        for (key, body) in &self.objects {
            let path = folder.join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, body).unwrap();
        }
    }

    fn new(random: &mut Random, name: &str, kinds: &[Kind]) -> Self {
        let mut corpus =
            Self { objects: Vec::new(), notices: Vec::new(), expected: Contents::default() };
        let mut records = Vec::new();
        for (index, kind) in kinds.iter().enumerate() {
            let key = key(random, name, index);
            corpus.add(random, *kind, &key, &format!("{name}-{index}"));
            records.push(s3_record(&key));
        }
        random.shuffle(&mut records);
        let mut rest = &records[..];
        while !rest.is_empty() {
            let length = usize::try_from(random.between(1, 2)).unwrap().min(rest.len());
            corpus.notices.push(message(random, &rest[..length]));
            rest = &rest[length..];
        }
        corpus
    }

    fn add(&mut self, random: &mut Random, kind: Kind, key: &str, name: &str) {
        let few = usize::try_from(random.between(1, 8)).unwrap();
        let events = |count: usize| (0..count).map(|index| small_event(name, index)).collect();
        let body = match kind {
            Kind::Good => self.stored(key, name, events(few), &[]),
            Kind::Large => self.stored(key, name, events(LARGE_EVENTS), &[]),
            Kind::Repeated => {
                let original = format!("{key}.original.json");
                let body = self.stored(&original, name, events(few), &[]);
                self.objects.push((original.clone(), body));
                self.notices.push(message(random, &[s3_record(&original)]));
                self.stored(key, name, events(few), &[])
            }
            Kind::Empty => self.stored(key, name, Vec::new(), &[]),
            Kind::Mixed => {
                let mut records: Vec<String> = events(few);
                records.insert(few / 2, "42".to_owned());
                self.stored(key, name, records, &[few / 2])
            }
            Kind::Corrupt => {
                self.refuse("corrupt", key, None);
                let body = gzip(key, records_text(&events(few)).as_bytes());
                body[..body.len() / 2].to_vec()
            }
            Kind::Missing => return self.refuse("missing", key, None),
        };
        let is_compressed = !matches!(kind, Kind::Large | Kind::Corrupt);
        let body = if is_compressed { gzip(key, &body) } else { body };
        self.objects.push((key.to_owned(), body));
    }

    /// Expects the records as events, but for those that are none, and returns the text.
    fn stored(&mut self, key: &str, name: &str, records: Vec<String>, bad: &[usize]) -> Vec<u8> {
        let mut event = 0;
        for row in 0..records.len() {
            let row_number = i64::try_from(row).unwrap();
            if bad.contains(&row) {
                self.refuse("bad_record", key, Some(row_number));
                continue;
            }
            self.expected.add_event(&format!("{name}-{event}"), BUCKET, key, row_number);
            event += 1;
        }
        self.expected.add_object(BUCKET, key, event);
        records_text(&records).into_bytes()
    }

    fn refuse(&mut self, reason: &str, key: &str, record_index: Option<i64>) {
        self.expected.add_refused(Refused {
            reason: reason.to_owned(),
            bucket: BUCKET.to_owned(),
            key: key.to_owned(),
            record_index,
        });
    }
}

/// Expects that a message without a known shape, delivered under this id, is kept aside.
pub(super) fn expect_unknown(expected: &mut Contents, message_id: String) {
    expected.add_refused(Refused {
        reason: "unknown_message".to_owned(),
        bucket: QUEUE.to_owned(),
        key: message_id,
        record_index: None,
    });
}

fn records_text(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// The name in the head makes the bytes unlike those of any other object.
fn gzip(name: &str, text: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().filename(name).write(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Keys of three delivery days, some with characters that notifications encode, some of no known
/// shape.
fn key(random: &mut Random, name: &str, index: usize) -> String {
    let day = random.between(1, 3);
    let file = format!("111122223333_CloudTrail_us-east-1_202606{day:02}T1005Z_{name}{index}");
    match random.between(0, 5) {
        0 => format!("loose/{name} {index}+plus.json"),
        1..=5 => {
            format!("AWSLogs/111122223333/CloudTrail/us-east-1/2026/06/{day:02}/{file}.json.gz")
        }
        6.. => unreachable!("between 0 and 5"),
    }
}

fn s3_record(key: &str) -> Value {
    let form_encoded = key.replace('+', "%2B").replace(' ', "+");
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-06-01T10:05:00.000Z", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": BUCKET }, "object": { "key": form_encoded, "size": 1 } },
    })
}

/// An S3 notification, bare or inside SNS.
fn message(random: &mut Random, records: &[Value]) -> String {
    let bare = json!({ "Records": records }).to_string();
    if random.per_mille(700) {
        return bare;
    }
    json!({
        "Type": "Notification", "MessageId": "22222222-0000-0000-0000-000000000000",
        "TopicArn": "arn:aws:sns:us-east-1:111122223333:trail", "Subject": "Amazon S3 Notification",
        "Message": bare, "Timestamp": "2026-06-01T10:05:01.000Z",
    })
    .to_string()
}
