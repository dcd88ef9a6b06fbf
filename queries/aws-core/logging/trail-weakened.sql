-- +++
-- schema      = 1
-- id          = "aws.logging.trail-weakened"
-- title       = "Trail changed so that it records less or elsewhere"
-- description = "A trail lost its other regions, global events, file validation or encryption, or was pointed at another bucket."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "cloudtrail", "defense-impairment"]
-- mitre       = ["T1685.002"]
-- references  = ["https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html"]
-- false_positives = ["move to another log bucket"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "trail_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} weakened trail {trail_name} in {recipient_account_id}"
-- +++
-- A request holds only what changes, so a bucket in it means that the destination was set.
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
  (request_parameters ->> 'name') AS trail_name,
  (request_parameters ->> 's3BucketName') AS bucket_name,
  (request_parameters ->> 'isMultiRegionTrail') AS is_multi_region_trail,
  (request_parameters ->> 'includeGlobalServiceEvents') AS include_global_service_events,
  (request_parameters ->> 'enableLogFileValidation') AS enable_log_file_validation
FROM events
WHERE event_source = 'cloudtrail.amazonaws.com'
  AND event_name = 'UpdateTrail'
  AND error_code IS NULL
  AND (
    (request_parameters ->> 'isMultiRegionTrail') = 'false'
    OR (request_parameters ->> 'includeGlobalServiceEvents') = 'false'
    OR (request_parameters ->> 'enableLogFileValidation') = 'false'
    OR (request_parameters ->> 's3BucketName') IS NOT NULL
    OR (request_parameters ->> 'kmsKeyId') = ''
  )
