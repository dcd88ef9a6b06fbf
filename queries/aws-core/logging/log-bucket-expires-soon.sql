-- +++
-- schema      = 1
-- id          = "aws.logging.log-bucket-expires-soon"
-- title       = "Bucket set to expire objects within a week"
-- description = "A lifecycle rule deletes objects of a bucket after seven days or less."
-- severity    = "medium"
-- confidence  = "low"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "s3", "defense-impairment"]
-- mitre       = ["T1685.002", "T1070"]
-- references  = ["https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html"]
-- false_positives = ["scratch buckets"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "bucket_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} set {bucket_name} to expire objects within a week"
-- +++
-- Rule is an object when there is one and a list when there are more, so the text is searched. Days of a transition or
-- of old versions are not meant. The event is called PutBucketLifecycle although the IAM action has another name.
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
  (request_parameters ->> 'LifecycleConfiguration') AS lifecycle_configuration
FROM events
WHERE event_source = 's3.amazonaws.com'
  AND event_name IN ('PutBucketLifecycle', 'PutBucketLifecycleConfiguration')
  AND error_code IS NULL
  AND (request_parameters ->> 'LifecycleConfiguration') LIKE '%"Enabled"%'
  AND regexp_replace(
    (request_parameters ->> 'LifecycleConfiguration'),
    '"Expiration":\{[^{}]*"Days":"?[1-7]"?[,}]',
    ''
  ) <> (request_parameters ->> 'LifecycleConfiguration')
