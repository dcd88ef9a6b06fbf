-- +++
-- schema      = 1
-- id          = "aws.account.root-console-login"
-- title       = "Root user signed in to the console"
-- description = "The root user of an account signed in successfully."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "root", "initial-access"]
-- mitre       = ["T1078.004"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html"]
-- false_positives = ["planned break-glass use"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "source_ip_address"]
-- dedupe = "4h"
-- entity = "user_identity_arn"
-- title  = "Root of {recipient_account_id} signed in from {source_ip_address}, MFA {mfa_used}"
-- +++
-- A sign-in carries no error_code when it fails; only response_elements says how it ended.
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
  (additional_event_data ->> 'MFAUsed') AS mfa_used
FROM events
WHERE event_source = 'signin.amazonaws.com'
  AND event_name = 'ConsoleLogin'
  AND user_identity_type = 'Root'
  AND (response_elements ->> 'ConsoleLogin') = 'Success'
