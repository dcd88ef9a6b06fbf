-- +++
-- schema      = 1
-- id          = "aws.policy.bucket-public-access-block-removed"
-- title       = "Public access block of a bucket lifted"
-- description = "The public access block of one bucket was deleted or partly switched off."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "s3"]
-- mitre       = ["T1685", "T1530"]
-- references  = ["https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"]
-- false_positives = ["public web sites"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "bucket_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} lifted the public access block of {bucket_name}"
-- +++
-- The configuration holds four booleans, in any order and sometimes as strings; one false opens a way, so the text is
-- searched.
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
  (request_parameters ->> 'bucketName') AS bucket_name,
  (request_parameters ->> 'PublicAccessBlockConfiguration') AS configuration
FROM events
WHERE event_source = 's3.amazonaws.com'
  AND error_code IS NULL
  AND (
    event_name = 'DeleteBucketPublicAccessBlock'
    OR (
      event_name = 'PutBucketPublicAccessBlock'
      AND (request_parameters ->> 'PublicAccessBlockConfiguration') LIKE '%false%'
    )
  )
