-- +++
-- schema      = 1
-- id          = "aws.credentials.login-profile-created"
-- title       = "Console password given to an IAM user"
-- description = "CreateLoginProfile let an IAM user, or root, sign in to the console with a password."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "credentials", "iam", "persistence"]
-- mitre       = ["T1098.001"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html"]
-- false_positives = ["onboarding"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "target_user_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} gave {target_user_name} a console password"
-- +++
-- Without a user name in the request the password is for the caller itself.
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
  COALESCE((request_parameters ->> 'userName'), user_identity_user_name, 'root') AS target_user_name,
  (request_parameters ->> 'passwordResetRequired') AS password_reset_required
FROM events
WHERE event_source = 'iam.amazonaws.com'
  AND event_name = 'CreateLoginProfile'
  AND error_code IS NULL
