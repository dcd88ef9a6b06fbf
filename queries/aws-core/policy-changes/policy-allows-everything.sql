-- +++
-- schema      = 1
-- id          = "aws.policy.policy-allows-everything"
-- title       = "IAM policy written that allows everything"
-- description = "An inline or customer policy with a statement that allows all actions, or all of IAM, on all resources."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "iam", "privilege-escalation"]
-- mitre       = ["T1098.003"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_manage.html"]
-- false_positives = ["sandbox accounts"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn", "policy"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} wrote policy {policy} that allows everything"
-- +++
-- regexp_replace is the one regular-expression function that every SQL engine has: text that it changes has a match.
WITH documents AS (
  -- A policy is judged as text, without spaces and in lower case. Policy variables (${aws:username}) bring braces of
  -- their own, which would disturb the patterns below.
  SELECT
    event_id,
    COALESCE(recipient_account_id, '-') AS account_id,
    regexp_replace(
      lower(regexp_replace(
        (request_parameters ->> 'policyDocument'),
        '\s+',
        '',
        'g'
      )),
      '\$\{[^{}]*\}',
      'variable',
      'g'
    ) AS document
  FROM events
  WHERE event_source = 'iam.amazonaws.com'
    AND event_name IN ('PutUserPolicy', 'PutRolePolicy', 'PutGroupPolicy', 'CreatePolicy', 'CreatePolicyVersion')
    AND error_code IS NULL
),
grants AS (
  -- Whole statements that deny are cut out, so that a Deny never counts as a grant. Braces inside a statement balance.
  SELECT
    event_id,
    account_id,
    regexp_replace(
      document,
      '\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*"effect":"deny"(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}',
      '',
      'g'
    ) AS allowed
  FROM documents
),
opened AS (
  -- Actions and resources may come in either order, but in one statement. iam:* counts like *: who may change IAM can
  -- give the rest to themselves.
  SELECT event_id
  FROM grants
  WHERE regexp_replace(
      allowed,
      '\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*(?:"action":(?:"(?:\*|\*:\*|iam:\*)"|\[[^\]]*"(?:\*|\*:\*|iam:\*)")(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*"resource":(?:"\*"|\[[^\]]*"\*")|"resource":(?:"\*"|\[[^\]]*"\*")(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*"action":(?:"(?:\*|\*:\*|iam:\*)"|\[[^\]]*"(?:\*|\*:\*|iam:\*)"))(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}',
      ''
    ) <> allowed
)
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
  COALESCE((request_parameters ->> 'policyName'), (request_parameters ->> 'policyArn')) AS policy,
  COALESCE(
    (request_parameters ->> 'userName'),
    (request_parameters ->> 'roleName'),
    (request_parameters ->> 'groupName')
  ) AS target_name
FROM events
WHERE event_id IN (SELECT event_id FROM opened)
