-- +++
-- schema      = 1
-- id          = "aws.credentials.access-key-created-for-other"
-- title       = "Access key created for another user"
-- description = "A principal created a long-term access key for an IAM user that is not itself."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "credentials", "iam", "persistence"]
-- mitre       = ["T1098.001"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html"]
-- false_positives = ["administrators who hand out keys"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "target_user_name", "user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} made key {new_access_key_id} for {target_user_name}"
-- +++
-- A user who makes a key for itself often sends no user name. A role has no user name of its own, so every key that
-- a role makes is for somebody else.
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
  (request_parameters ->> 'userName') AS target_user_name,
  ((response_elements -> 'accessKey') ->> 'accessKeyId') AS new_access_key_id
FROM events
WHERE event_source = 'iam.amazonaws.com'
  AND event_name = 'CreateAccessKey'
  AND error_code IS NULL
  AND (request_parameters ->> 'userName') IS NOT NULL
  AND ((request_parameters ->> 'userName') IS DISTINCT FROM user_identity_user_name)
