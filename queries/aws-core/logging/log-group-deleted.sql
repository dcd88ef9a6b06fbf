-- +++
-- schema      = 1
-- id          = "aws.logging.log-group-deleted"
-- title       = "Log group of a security log deleted"
-- description = "A CloudWatch log group or stream whose name speaks of trails, flow, DNS, audit or WAF logs was deleted."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "cloudwatch", "defense-impairment"]
-- mitre       = ["T1685.002", "T1485"]
-- references  = ["https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html"]
-- false_positives = ["removal of a VPC with its logs"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "log_group_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: {event_name} {log_group_name}"
-- +++
-- Application log groups come and go with every deployment, so only names that speak of security logs count.
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
  (request_parameters ->> 'logGroupName') AS log_group_name,
  (request_parameters ->> 'logStreamName') AS log_stream_name
FROM events
WHERE event_source = 'logs.amazonaws.com'
  AND event_name IN ('DeleteLogGroup', 'DeleteLogStream', 'DeleteSubscriptionFilter')
  AND error_code IS NULL
  AND (
    lower((request_parameters ->> 'logGroupName')) LIKE '%trail%'
    OR lower((request_parameters ->> 'logGroupName')) LIKE '%flow%'
    OR lower((request_parameters ->> 'logGroupName')) LIKE '%dns%'
    OR lower((request_parameters ->> 'logGroupName')) LIKE '%resolver%'
    OR lower((request_parameters ->> 'logGroupName')) LIKE '%audit%'
    OR lower((request_parameters ->> 'logGroupName')) LIKE '%waf%'
    OR lower((request_parameters ->> 'logGroupName')) LIKE '%guardduty%'
    OR lower((request_parameters ->> 'logGroupName')) LIKE '%/aws/eks/%/cluster'
  )
