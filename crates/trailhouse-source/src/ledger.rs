//! Which partition of the ledger remembers an object.

use trailhouse_model::{EventTime, ObjectRef};

use crate::key::classify_key;

/// Objects that are identified by their content.
const CONTENT: &str = "content";
/// Objects whose key names no believable day.
const OTHER: &str = "other";
/// CloudTrail began in 2013. Keys outside these years are invented, and each invented day would
/// cost a partition.
const YEARS: std::ops::RangeInclusive<i64> = 2013..=2099;

/// Returns the partition of the objects table in which the object is, or would be, listed.
///
/// Depends only on what identifies the object, so that every delivery of it looks in the same
/// place: `content` for objects identified by content, else the UTC day of delivery in the key
/// as `YYYY-MM-DD`, else `other`.
pub fn ledger_partition(object: &ObjectRef) -> String {
    if object.content.is_some() {
        return CONTENT.to_owned();
    }
    let kind = classify_key(object.key.as_str());
    match kind.facts().and_then(|facts| facts.delivered_at) {
        Some(delivered_at) => day_partition(delivered_at),
        None => OTHER.to_owned(),
    }
}

fn day_partition(delivered_at: EventTime) -> String {
    let (year, month, day) = delivered_at.civil_date();
    if YEARS.contains(&year) { format!("{year:04}-{month:02}-{day:02}") } else { OTHER.to_owned() }
}

#[cfg(test)]
mod tests {
    use trailhouse_model::{BucketName, ContentHash, ObjectKey};

    use super::*;

    fn check(key: &str, content: Option<ContentHash>, expected: &str) {
        let mut object = ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key));
        object.content = content;
        assert_eq!(ledger_partition(&object), expected, "{key}");
    }

    #[test]
    fn an_object_is_remembered_by_its_day_of_delivery() {
        check(
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/06/01/\
             111122223333_CloudTrail_eu-west-1_20260601T0005Z_abc.json.gz",
            None,
            "2026-06-01",
        );
    }

    #[test]
    fn content_beats_the_key() {
        let content = Some(ContentHash::of(b"{}"));
        check("111122223333_CloudTrail_eu-west-1_20260601T0005Z_a.json.gz", content, "content");
    }

    #[test]
    fn invented_days_share_one_partition() {
        check("whatever.json", None, "other");
        check("111122223333_CloudTrail_eu-west-1_00010101T0005Z_a.json.gz", None, "other");
        check("111122223333_CloudTrail_eu-west-1_99991231T0005Z_a.json.gz", None, "other");
        check("111122223333_CloudTrail_eu-west-1_20261301T0005Z_a.json.gz", None, "other");
    }
}
