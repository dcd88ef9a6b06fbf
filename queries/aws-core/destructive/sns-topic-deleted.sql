-- +++
-- schema      = 1
-- id          = "aws.destructive.sns-topic-deleted"
-- title       = "SNS topic deleted"
-- description = "An SNS topic was deleted with its subscriptions."
-- severity    = "low"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "sns"]
-- mitre       = ["T1485"]
-- references  = ["https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "topic_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted topic {topic_arn}"
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
  (request_parameters ->> 'topicArn') AS topic_arn
FROM events
WHERE event_source = 'sns.amazonaws.com'
  AND event_name = 'DeleteTopic'
  AND error_code IS NULL
