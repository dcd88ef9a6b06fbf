-- +++
-- schema      = 1
-- id          = "aws.policy.permissions-boundary-removed"
-- title       = "Permissions boundary removed"
-- description = "The permissions boundary of a user or role was deleted."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "iam", "privilege-escalation"]
-- mitre       = ["T1098", "T1548.005"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"]
-- false_positives = ["redesign of boundaries"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "target_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} removed the boundary of {target_name}"
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
  COALESCE((request_parameters ->> 'userName'), (request_parameters ->> 'roleName')) AS target_name
FROM events
WHERE event_source = 'iam.amazonaws.com'
  AND event_name IN ('DeleteUserPermissionsBoundary', 'DeleteRolePermissionsBoundary')
  AND error_code IS NULL
