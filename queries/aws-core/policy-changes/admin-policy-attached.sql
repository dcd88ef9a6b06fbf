-- +++
-- schema      = 1
-- id          = "aws.policy.admin-policy-attached"
-- title       = "Administrator policy attached"
-- description = "A managed policy that amounts to administrator rights was attached to a user, role or group."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "iam", "privilege-escalation"]
-- mitre       = ["T1098.003"]
-- references  = ["https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AdministratorAccess.html"]
-- false_positives = ["account bootstrap"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "target_name", "policy_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} gave {target_name} {policy_arn}"
-- +++
-- IAMFullAccess can give itself everything else. The start of the ARN differs by partition, hence LIKE.
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
  (request_parameters ->> 'policyArn') AS policy_arn,
  COALESCE(
    (request_parameters ->> 'userName'),
    (request_parameters ->> 'roleName'),
    (request_parameters ->> 'groupName')
  ) AS target_name
FROM events
WHERE event_source = 'iam.amazonaws.com'
  AND event_name IN ('AttachUserPolicy', 'AttachRolePolicy', 'AttachGroupPolicy')
  AND error_code IS NULL
  AND (
    (request_parameters ->> 'policyArn') LIKE '%:iam::aws:policy/AdministratorAccess'
    OR (request_parameters ->> 'policyArn') LIKE '%:iam::aws:policy/IAMFullAccess'
    OR (request_parameters ->> 'policyArn') LIKE '%:iam::aws:policy/PowerUserAccess'
  )
