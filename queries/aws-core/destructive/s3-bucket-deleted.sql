-- +++
-- schema      = 1
-- id          = "aws.destructive.s3-bucket-deleted"
-- title       = "S3 bucket deleted"
-- description = "A bucket was deleted."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "s3"]
-- mitre       = ["T1485"]
-- references  = ["https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "bucket_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted bucket {bucket_name} in {recipient_account_id}"
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
  (request_parameters ->> 'bucketName') AS bucket_name
FROM events
WHERE event_source = 's3.amazonaws.com'
  AND event_name = 'DeleteBucket'
  AND error_code IS NULL
