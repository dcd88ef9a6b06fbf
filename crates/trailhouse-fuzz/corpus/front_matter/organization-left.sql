-- +++
-- schema      = 1
-- id          = "aws.account.organization-left"
-- title       = "Account tried to leave its organization"
-- description = "LeaveOrganization was called, with or without success."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "organizations", "defense-impairment"]
-- mitre       = ["T1685"]
-- references  = ["https://docs.aws.amazon.com/organizations/latest/APIReference/API_LeaveOrganization.html"]
-- false_positives = ["planned move of an account"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} tried to take {recipient_account_id} out of the organization"
-- +++
-- Denied calls count: nobody tries this by accident, and the service control policy that denied it is the last guard.
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
  error_code
FROM events
WHERE event_source = 'organizations.amazonaws.com'
  AND event_name = 'LeaveOrganization'
