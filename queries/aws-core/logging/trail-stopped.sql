-- +++
-- schema      = 1
-- id          = "aws.logging.trail-stopped"
-- title       = "Trail stopped"
-- description = "StopLogging was called on a CloudTrail trail with success."
-- severity    = "critical"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "cloudtrail", "defense-impairment"]
-- mitre       = ["T1685.002"]
-- references  = ["https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StopLogging.html"]
-- false_positives = ["replacement of a trail"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "trail_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} stopped trail {trail_name} in {recipient_account_id}"
-- +++
SELECT
  event_id,
  event_time,
  event_name,
  recipient_account_id,
  aws_region,
  user_identity_arn,
  user_identity_type,
  user_identity_access_key_id,
  source_ip_address,
  user_agent,
  (request_parameters ->> 'name') AS trail_name
FROM events
WHERE event_source = 'cloudtrail.amazonaws.com'
  AND event_name = 'StopLogging'
  AND error_code IS NULL
