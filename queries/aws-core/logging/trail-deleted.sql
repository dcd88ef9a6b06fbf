-- +++
-- schema      = 1
-- id          = "aws.logging.trail-deleted"
-- title       = "Trail or event data store deleted"
-- description = "A CloudTrail trail or a CloudTrail Lake event data store was deleted or made to stop ingesting."
-- severity    = "critical"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "cloudtrail", "defense-impairment"]
-- mitre       = ["T1685.002", "T1485"]
-- references  = ["https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DeleteTrail.html"]
-- false_positives = ["consolidation into an organization trail"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "trail_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: {event_name} {trail_name} in {recipient_account_id}"
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
  COALESCE((request_parameters ->> 'name'), (request_parameters ->> 'eventDataStore')) AS trail_name
FROM events
WHERE event_source = 'cloudtrail.amazonaws.com'
  AND event_name IN ('DeleteTrail', 'DeleteEventDataStore', 'StopEventDataStoreIngestion')
  AND error_code IS NULL
