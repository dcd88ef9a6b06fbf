-- +++
-- schema      = 1
-- id          = "aws.account.account-closed"
-- title       = "Account closed or removed from the organization"
-- description = "CloseAccount or RemoveAccountFromOrganization succeeded."
-- severity    = "critical"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "organizations", "impact"]
-- mitre       = ["T1531", "T1485"]
-- references  = ["https://docs.aws.amazon.com/organizations/latest/APIReference/API_CloseAccount.html"]
-- false_positives = ["recycled sandbox accounts"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["closed_account_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{event_name}: account {closed_account_id} by {user_identity_arn}"
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
  COALESCE((request_parameters ->> 'accountId'), recipient_account_id) AS closed_account_id
FROM events
WHERE event_source IN ('organizations.amazonaws.com', 'account.amazonaws.com')
  AND event_name IN ('CloseAccount', 'RemoveAccountFromOrganization')
  AND error_code IS NULL
