//! How records become objects: one account, one region, a few minutes, now and then too many.

use std::{collections::BTreeMap, io::Write};

use flate2::{Compression, write::GzEncoder};

use crate::{
    json::list,
    organization::{ORGANIZATION, SampleAccount},
    random::Random,
    sample::SampleObject,
    tape::{Tape, Written},
    when::{MINUTE, file_minute, folders},
};

/// Busy minutes are split, as CloudTrail does.
const RECORDS_MAX: usize = 200;

/// An object on its way to the bucket.
pub(crate) struct Delivered {
    pub(crate) at: i64,
    pub(crate) account: SampleAccount,
    pub(crate) region: &'static str,
    pub(crate) key: String,
    /// Before compression.
    pub(crate) text: String,
    pub(crate) events: u64,
    /// When its first and its last event happen.
    pub(crate) span: (i64, i64),
}

impl Delivered {
    pub(crate) fn into_object(self) -> SampleObject {
        SampleObject { key: self.key, body: compressed(self.text.as_bytes()) }
    }
}

/// Makes the log objects of all records on the tape.
pub(crate) fn deliver(tape: &mut Tape) -> Vec<Delivered> {
    let mut records = std::mem::take(&mut tape.records);
    records.sort_by_key(|record| record.place.at);
    let mut windows: BTreeMap<(i64, SampleAccount, &'static str), Vec<Written>> = BTreeMap::new();
    for record in records {
        let place = record.place;
        let length = window_seconds(place.account, place.region);
        let closes = (place.at.div_euclid(length) + 1) * length;
        windows.entry((closes, place.account, place.region)).or_default().push(record);
    }
    let mut delivered = Vec::with_capacity(windows.len());
    for ((closes, account, region), records) in windows {
        for part in records.chunks(RECORDS_MAX) {
            delivered.push(log_object(&mut tape.random, closes, account, region, part));
        }
    }
    delivered
}

/// Returns the key of an object whose kind has the name of its folder in the name of its file.
pub(crate) fn key(
    account: SampleAccount,
    kind: &str,
    region: &str,
    at: i64,
    file_rest: &str,
) -> String {
    let (id, day) = (account.id, folders(at));
    format!("AWSLogs/{ORGANIZATION}/{id}/{kind}/{region}/{day}/{id}_{kind}_{region}_{file_rest}")
}

/// Returns for how long an account's region collects before it delivers: 5, 10 or 15 minutes.
fn window_seconds(account: SampleAccount, region: &str) -> i64 {
    let step = Random::named(&format!("{}/{region}", account.id)).between(1, 3);
    5 * MINUTE * i64::from(step)
}

fn log_object(
    random: &mut Random,
    closes: i64,
    account: SampleAccount,
    region: &'static str,
    records: &[Written],
) -> Delivered {
    let at = closes + i64::from(random.between(20, 200));
    let rest = format!("{}_{}.json.gz", file_minute(at), random.mixed(16));
    let texts = list(records.iter().map(|record| &record.json));
    let times = records.iter().map(|record| record.place.at);
    let first = times.clone().min().unwrap_or(closes);
    let last = times.max().unwrap_or(closes);
    Delivered {
        at,
        account,
        region,
        key: key(account, "CloudTrail", region, at, &rest),
        text: format!(r#"{{"Records":{texts}}}"#),
        events: u64::try_from(records.len()).unwrap_or(u64::MAX),
        span: (first, last),
    }
}

#[expect(clippy::expect_used, reason = "writing to memory cannot fail")]
fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text).expect("write to memory");
    encoder.finish().expect("write to memory")
}
