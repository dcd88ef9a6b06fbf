-- +++
-- schema      = 1
-- id          = "aws.policy.organization-policy-weakened"
-- title       = "Organization policy detached, deleted or rewritten"
-- description = "A service control policy or another organization policy was taken away or changed."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "organizations", "defense-impairment"]
-- mitre       = ["T1685"]
-- references  = ["https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html"]
-- false_positives = ["landing zone pipelines"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["policy", "event_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: {event_name} {policy}"
-- +++
-- An update may tighten a policy as well; which of the two it was needs a reader.
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
  COALESCE((request_parameters ->> 'policyId'), (request_parameters ->> 'policyType')) AS policy,
  COALESCE((request_parameters ->> 'targetId'), (request_parameters ->> 'rootId')) AS target_id
FROM events
WHERE event_source = 'organizations.amazonaws.com'
  AND event_name IN ('DetachPolicy', 'DeletePolicy', 'DisablePolicyType', 'UpdatePolicy')
  AND error_code IS NULL
