-- +++
-- schema      = 1
-- id          = "@ID@"
-- title       = "Audit bucket listed"
-- description = "Somebody listed the bucket that holds the audit copies."
-- severity    = "medium"
-- status      = "draft"
-- mitre       = ["T1619"]
-- false_positives = ["the backup job"]
-- needs       = ["management"]
--
-- [window]
-- on    = "arrival"
-- every = "5m"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn", "bucket"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} listed {bucket}"
-- +++
-- A single event: each row of `events` is judged by itself.
SELECT
  e.event_id,
  e.event_time,
  e.recipient_account_id,
  e.aws_region,
  e.user_identity_arn,
  e.source_ip_address,
  (e.request_parameters ->> 'bucketName') AS bucket
FROM events AS e
WHERE e.event_source = 's3.amazonaws.com'
  AND e.event_name = 'ListObjects'
  AND (e.request_parameters ->> 'bucketName') = 'acme-audit'
  -- A call succeeded when it has no error code.
  AND e.error_code IS NULL
