//! Two hourly digests that list what one account's region delivered around the attack.

use trailhouse_model::ContentHash;

use crate::{
    json::{Object, list},
    objects::{Delivered, key},
    organization::{GLOBAL_REGION, HOME_REGION, PAYMENTS, TRAIL, TRAIL_BUCKET},
    when::{DAY, FIRST_DAY, HOUR, file_second, iso},
};

/// The hours, 21 to 23 o'clock on the twelfth day, at whose ends the digests are made.
const ENDS: [i64; 2] = [FIRST_DAY + 11 * DAY + 22 * HOUR, FIRST_DAY + 11 * DAY + 23 * HOUR];

pub(crate) fn deliver(logs: &[Delivered]) -> Vec<Delivered> {
    let mut digests: Vec<Delivered> = Vec::new();
    for ends in ENDS {
        let digest = digest(logs, digests.last(), ends);
        digests.push(digest);
    }
    digests
}

fn digest(logs: &[Delivered], previous: Option<&Delivered>, ends: i64) -> Delivered {
    let region = HOME_REGION;
    let rest = format!("{TRAIL}_{GLOBAL_REGION}_{}.json.gz", file_second(ends));
    let digest_key = key(PAYMENTS, "CloudTrail-Digest", region, ends, &rest);
    let listed = logs.iter().filter(|log| {
        let in_hour = (ends - HOUR..ends).contains(&log.at);
        in_hour && log.account == PAYMENTS && log.region == region && log.events > 0
    });
    let listed: Vec<&Delivered> = listed.collect();
    let oldest = listed.iter().map(|log| log.span.0).min();
    let newest = listed.iter().map(|log| log.span.1).max();
    let text = Object::with_capacity(4000)
        .text("awsAccountId", PAYMENTS.id)
        .text("digestStartTime", &iso(ends - HOUR))
        .text("digestEndTime", &iso(ends))
        .text("digestS3Bucket", TRAIL_BUCKET)
        .text("digestS3Object", &digest_key)
        .text("digestPublicKeyFingerprint", "00000000000000000000000000000000")
        .text("digestSignatureAlgorithm", "SHA256withRSA")
        .raw("newestEventTime", &time_or_null(newest))
        .raw("oldestEventTime", &time_or_null(oldest));
    let text = with_previous(text, previous)
        .raw("logFiles", &list(listed.iter().map(|log| log_file(log))))
        .end();
    Delivered {
        at: ends,
        account: PAYMENTS,
        region,
        key: digest_key,
        text,
        events: 0,
        span: (ends - HOUR, ends),
    }
}

/// The signature stands in the object's metadata, which these objects have none of.
fn with_previous(digest: Object, previous: Option<&Delivered>) -> Object {
    let Some(previous) = previous else {
        return digest
            .raw("previousDigestS3Bucket", "null")
            .raw("previousDigestS3Object", "null")
            .raw("previousDigestHashValue", "null")
            .raw("previousDigestHashAlgorithm", "null")
            .raw("previousDigestSignature", "null");
    };
    digest
        .text("previousDigestS3Bucket", TRAIL_BUCKET)
        .text("previousDigestS3Object", &previous.key)
        .text("previousDigestHashValue", &hash(previous))
        .text("previousDigestHashAlgorithm", "SHA-256")
        .raw("previousDigestSignature", "null")
}

fn log_file(log: &Delivered) -> String {
    Object::with_capacity(400)
        .text("s3Bucket", TRAIL_BUCKET)
        .text("s3Object", &log.key)
        .text("hashValue", &hash(log))
        .text("hashAlgorithm", "SHA-256")
        .text("newestEventTime", &iso(log.span.1))
        .text("oldestEventTime", &iso(log.span.0))
        .end()
}

fn hash(object: &Delivered) -> String {
    ContentHash::of(object.text.as_bytes()).to_string()
}

fn time_or_null(second: Option<i64>) -> String {
    second.map_or_else(|| "null".to_owned(), |second| format!(r#""{}""#, iso(second)))
}
