-- +++
-- schema      = 1
-- id          = "aws.policy.network-acl-opened-to-world"
-- title       = "Network ACL opened to the world"
-- description = "An ingress entry of a network ACL allows every address on all protocols or on SSH or RDP."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "ec2", "network"]
-- mitre       = ["T1686.001"]
-- references  = ["https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html"]
-- false_positives = ["network ACLs that are not used as a control"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "network_acl_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} opened {network_acl_id} in {recipient_account_id} to the world"
-- +++
-- The ephemeral ports 1024 to 65535 also hold 3389: an ACL has no state, so subnets that reach out need them open. Such
-- an entry is worth one look.
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
  (request_parameters ->> 'networkAclId') AS network_acl_id,
  (request_parameters ->> 'ruleNumber') AS rule_number
FROM events
WHERE event_source = 'ec2.amazonaws.com'
  AND event_name IN ('CreateNetworkAclEntry', 'ReplaceNetworkAclEntry')
  AND error_code IS NULL
  AND (request_parameters ->> 'egress') = 'false'
  AND (request_parameters ->> 'ruleAction') = 'allow'
  AND (
    (request_parameters ->> 'cidrBlock') LIKE '%/0'
    OR (request_parameters ->> 'ipv6CidrBlock') LIKE '%/0'
  )
  AND (
    (request_parameters ->> 'aclProtocol') = '-1'
    OR (
      TRY_CAST(((request_parameters -> 'portRange') ->> 'from') AS INTEGER) <= 3389
      AND TRY_CAST(((request_parameters -> 'portRange') ->> 'to') AS INTEGER) >= 3389
    )
    OR (
      TRY_CAST(((request_parameters -> 'portRange') ->> 'from') AS INTEGER) <= 22
      AND TRY_CAST(((request_parameters -> 'portRange') ->> 'to') AS INTEGER) >= 22
    )
  )
