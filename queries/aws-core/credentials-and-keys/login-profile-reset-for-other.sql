-- +++
-- schema      = 1
-- id          = "aws.credentials.login-profile-reset-for-other"
-- title       = "Console password of another user changed"
-- description = "A principal set a new console password for an IAM user that is not itself."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "credentials", "iam", "privilege-escalation"]
-- mitre       = ["T1098"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateLoginProfile.html"]
-- false_positives = ["help desk"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "target_user_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} reset the console password of {target_user_name}"
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
  (request_parameters ->> 'userName') AS target_user_name
FROM events
WHERE event_source = 'iam.amazonaws.com'
  AND event_name = 'UpdateLoginProfile'
  AND error_code IS NULL
  AND ((request_parameters ->> 'userName') IS DISTINCT FROM user_identity_user_name)
