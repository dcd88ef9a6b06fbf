-- +++
-- schema      = 1
-- id          = "aws.policy.security-group-opened-to-world"
-- title       = "Security group opened to the world"
-- description = "An ingress rule was opened to every address for something other than web ports."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "ec2", "network"]
-- mitre       = ["T1686.001", "T1133"]
-- references  = ["https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"]
-- false_positives = ["public services on their own ports"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "group_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} opened {group_id} in {recipient_account_id} to the world"
-- +++
-- The rule comes in three shapes (flat, ipPermissions.items, ModifySecurityGroupRulesRequest) with different spellings, so
-- the text is searched: any range that ends in /0 is open to the world, IPv4 and IPv6 alike. Ports 80 and 443, and the -1
-- of ICMP, are taken out first; a port that is left, or all protocols, counts.
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
  COALESCE(
    (request_parameters ->> 'groupId'),
    ((request_parameters -> 'ModifySecurityGroupRulesRequest') ->> 'GroupId')
  ) AS group_id,
  request_parameters AS rule_request
FROM events
WHERE event_source = 'ec2.amazonaws.com'
  AND event_name IN ('AuthorizeSecurityGroupIngress', 'ModifySecurityGroupRules')
  AND error_code IS NULL
  AND request_parameters LIKE '%/0"%'
  AND (
    lower(request_parameters) LIKE '%"ipprotocol":"-1"%'
    OR regexp_replace(lower(request_parameters), '"(?:from|to)port":"?(?:80|443|-1)"?[,}]', '', 'g') LIKE '%port":%'
  )
