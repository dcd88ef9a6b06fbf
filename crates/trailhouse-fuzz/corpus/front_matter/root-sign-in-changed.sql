-- +++
-- schema      = 1
-- id          = "aws.account.root-sign-in-changed"
-- title       = "Root password or e-mail address changed"
-- description = "Password recovery was asked for, or the password or the e-mail address of root changed."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "root", "persistence"]
-- mitre       = ["T1098", "T1078.004"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html"]
-- false_positives = ["planned rotation"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "event_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{event_name} for root of {recipient_account_id} from {source_ip_address}"
-- +++
-- These come from signin, not from iam. The result stands in response_elements under the event's own name,
-- so it is looked for in the text.
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
  user_agent
FROM events
WHERE event_source = 'signin.amazonaws.com'
  AND (
    (event_name IN ('PasswordUpdated', 'EmailUpdated') AND user_identity_type = 'Root')
    OR event_name IN ('PasswordRecoveryRequested', 'PasswordRecoveryCompleted')
  )
  AND COALESCE(response_elements, '') NOT LIKE '%"Failure"%'
