-- +++
-- schema      = 1
-- id          = "aws.logging.trail-tampering-failed"
-- title       = "Attempt to tamper with a trail failed"
-- description = "A call that stops, deletes or changes a trail or event data store was refused or failed."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "cloudtrail", "defense-impairment"]
-- mitre       = ["T1685.002"]
-- references  = ["https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-manage-tags-policies.html"]
-- false_positives = ["infrastructure code with too few rights"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn", "event_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} failed at {event_name} {trail_name}: {error_code}"
-- +++
-- Denials are spelled in many ways and a trail that is not found is a miss of the same intent, so any error counts.
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
  error_code,
  COALESCE(
    (request_parameters ->> 'name'),
    (request_parameters ->> 'trailName'),
    (request_parameters ->> 'eventDataStore')
  ) AS trail_name
FROM events
WHERE event_source = 'cloudtrail.amazonaws.com'
  AND event_name IN (
    'StopLogging',
    'DeleteTrail',
    'UpdateTrail',
    'PutEventSelectors',
    'DeleteEventDataStore',
    'StopEventDataStoreIngestion'
  )
  AND error_code IS NOT NULL
