-- +++
-- schema      = 1
-- id          = "aws.destructive.sqs-queue-deleted"
-- title       = "SQS queue deleted or purged"
-- description = "A queue was deleted, or all its messages were."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "sqs"]
-- mitre       = ["T1485"]
-- references  = ["https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "queue_url", "event_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: {event_name} {queue_url}"
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
  (request_parameters ->> 'queueUrl') AS queue_url
FROM events
WHERE event_source = 'sqs.amazonaws.com'
  AND event_name IN ('DeleteQueue', 'PurgeQueue')
  AND error_code IS NULL
