-- +++
-- schema      = 1
-- id          = "aws.account.root-access-key-created"
-- title       = "Access key created for the root user"
-- description = "Root created an access key for itself."
-- severity    = "critical"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "root", "persistence"]
-- mitre       = ["T1098.001", "T1078.004"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html"]
-- false_positives = []
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "new_access_key_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "Root access key {new_access_key_id} created in {recipient_account_id}"
-- +++
-- Without a user name the call is for the caller itself; with one it is for an IAM user.
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
  ((response_elements -> 'accessKey') ->> 'accessKeyId') AS new_access_key_id
FROM events
WHERE event_source = 'iam.amazonaws.com'
  AND event_name = 'CreateAccessKey'
  AND user_identity_type = 'Root'
  AND COALESCE((request_parameters ->> 'userName'), '') = ''
  AND error_code IS NULL
