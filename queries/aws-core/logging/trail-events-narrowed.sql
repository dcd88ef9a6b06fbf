-- +++
-- schema      = 1
-- id          = "aws.logging.trail-events-narrowed"
-- title       = "Trail no longer records all management events"
-- description = "The event selectors of a trail leave out management events, reads or writes, or single services; or its insights were cleared."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "cloudtrail", "defense-impairment"]
-- mitre       = ["T1685.002"]
-- references  = ["https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html"]
-- false_positives = ["a trail for data events only"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "trail_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} narrowed trail {trail_name} in {recipient_account_id}"
-- +++
-- Selectors are lists of objects. One selector that keeps management events is enough, so the whole text is judged.
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
  COALESCE(
    (request_parameters ->> 'trailName'),
    (request_parameters ->> 'eventDataStore')
  ) AS trail_name,
  COALESCE(
    (request_parameters ->> 'eventSelectors'),
    (request_parameters ->> 'advancedEventSelectors'),
    (request_parameters ->> 'insightSelectors')
  ) AS selectors
FROM events
WHERE event_source = 'cloudtrail.amazonaws.com'
  AND error_code IS NULL
  AND (
    (
      event_name = 'PutEventSelectors'
      AND (
        (
          (request_parameters ->> 'eventSelectors') LIKE '%"includeManagementEvents":false%'
          AND (request_parameters ->> 'eventSelectors') NOT LIKE '%"includeManagementEvents":true%'
        )
        OR (request_parameters ->> 'eventSelectors') LIKE '%"readWriteType":"ReadOnly"%'
        OR (request_parameters ->> 'eventSelectors') LIKE '%"excludeManagementEventSources":["%'
        OR (request_parameters ->> 'advancedEventSelectors') NOT LIKE '%"Management"%'
      )
    )
    OR (event_name = 'PutInsightSelectors' AND (request_parameters ->> 'insightSelectors') = '[]')
  )
