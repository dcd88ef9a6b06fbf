-- +++
-- schema      = 1
-- id          = "aws.deception.honeytoken-bucket-touched"
-- title       = "Honeytoken bucket touched"
-- description = "Somebody read, listed or changed a bucket that was planted to be found."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-22
-- modified    = 2026-11-22
-- tags        = ["aws", "deception", "honeytoken", "s3"]
-- mitre       = ["T1530"]
-- references  = ["https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html"]
-- false_positives = ["inventory tools that look at every bucket"]
-- needs       = ["management", "honeytokens"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["bucket_name", "user_identity_arn", "source_ip_address"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} touched the honeytoken bucket {bucket_name}"
-- +++
-- Service-linked roles and services themselves look at every bucket; nobody else can act as them.
SELECT
  e.event_id,
  e.event_time,
  e.event_source,
  e.event_name,
  e.recipient_account_id,
  e.aws_region,
  e.user_identity_arn,
  e.user_identity_type,
  e.user_identity_access_key_id,
  e.source_ip_address,
  e.user_agent,
  e.error_code,
  (e.request_parameters ->> 'bucketName') AS bucket_name,
  (e.request_parameters ->> 'key') AS object_key,
  h.note AS honeytoken_note
FROM events AS e
JOIN honeytokens AS h
  ON h.value = (e.request_parameters ->> 'bucketName')
WHERE h.kind = 'bucket'
  AND e.event_source = 's3.amazonaws.com'
  AND COALESCE(e.user_identity_type, '') <> 'AWSService'
  AND COALESCE(e.session_issuer_arn, '') NOT LIKE '%:role/aws-service-role/%'
