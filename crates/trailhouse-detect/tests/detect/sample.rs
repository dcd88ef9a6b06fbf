//! A detection that uses every key, and the parts of a small pack.

use trailhouse_detect::{Detection, read_detection};

/// A detection of one event a row.
pub(crate) const TRAIL_STOPPED: &str = r#"-- +++
-- schema = 1
-- id = "aws.cloudtrail.trail-stopped"
-- title = "CloudTrail logging was stopped"
-- description = """
-- A trail no longer records.
-- What follows is not seen."""
-- severity = "high"
-- confidence = "high"
-- status = "stable"
-- mode = "staging"
-- owner = "detections@example.com"
-- created = 2026-11-21
-- modified = 2026-11-22
-- tags = ["cloudtrail", "cis:4.5"]
-- mitre = ["TA0005:T1685.002", "T1685"]
-- references = ["https://docs.aws.amazon.com/awscloudtrail/"]
-- false_positives = ["an announced change"]
-- needs = ["management"]
--
-- [window]
-- on = "event"
-- every = "5m"
-- span = "1h"
-- judge = "closed"
-- lookback = "30d"
-- lateness = "2h"
--
-- [params]
-- min_events = { default = 1, doc = "how many calls it takes" }
--
-- [alert]
-- key = ["recipient_account_id", "trail"]
-- dedupe = "12h"
-- realert = { when = "events >= 10 * last.events" }
-- entity = "user_identity_arn"
-- title = "{user_identity_arn} stopped {trail}"
-- max_alerts = 20
-- columns = ["trail", "aws_region"]
-- +++

WITH params AS (SELECT 1 AS min_events)
SELECT
  event_id,
  event_time,
  recipient_account_id,
  aws_region,
  user_identity_arn,
  (request_parameters ->> 'name') AS trail
FROM events
CROSS JOIN params
WHERE event_name = 'StopLogging'
  AND error_code IS NULL
  AND (request_parameters ->> 'name') IS NOT NULL
  AND 1 >= min_events;
"#;

/// A detection of the fewest keys whose rows stand for many events.
pub(crate) const KEY_BURST: &str = "-- +++
-- schema = 1
-- id = \"aws.iam.key-burst\"
-- title = \"Many access keys created\"
-- description = \"One identity creates key after key.\"
-- severity = \"medium\"
-- mitre = [\"T1098.001\"]
-- +++
SELECT
  user_identity_arn,
  array_agg(event_id) AS event_ids,
  min(event_time) AS first_event_time,
  max(event_time) AS last_event_time,
  count(DISTINCT event_id) AS events
FROM events
WHERE event_name = 'CreateAccessKey'
GROUP BY user_identity_arn
HAVING count(DISTINCT event_id) >= 3
";

/// Cases for [`TRAIL_STOPPED`].
pub(crate) const CASES: &str = r#"[
  {
    "name": "a trail is stopped",
    "fires": true,
    "events": [{"eventName": "StopLogging", "requestParameters": {"name": "main", "n": 12345678901234567890.10}}],
    "expect": {"findings": 1, "severity": "high", "columns": {"trail": "main"}}
  },
  {
    "name": "the call was denied",
    "fires": false,
    "events": [{"eventName": "StopLogging", "errorCode": "AccessDenied", "readOnly": null}],
    "history": [{"eventName": "StartLogging"}],
    "note": "an attempt is another detection's"
  }
]
"#;

/// Parses what must parse, or shows all that is wrong with it.
pub(crate) fn detection(text: &str) -> Detection {
    match read_detection("sample.sql", text) {
        Ok(detection) => detection,
        Err(errors) => {
            let rendered: Vec<&str> = errors.iter().map(|error| error.rendered.as_str()).collect();
            panic!("{}", rendered.join("\n"))
        }
    }
}
