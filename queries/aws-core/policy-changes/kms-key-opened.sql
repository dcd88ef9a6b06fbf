-- +++
-- schema      = 1
-- id          = "aws.policy.kms-key-opened"
-- title       = "KMS key opened to outsiders"
-- description = "A key policy grants use of a KMS key to another account or to everybody."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "kms"]
-- mitre       = ["T1098", "T1486"]
-- references  = ["https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html"]
-- false_positives = ["central backup or log accounts"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "key_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} opened KMS key {key_id} to outsiders"
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
        (request_parameters ->> 'policy'),
        '\s+',
        '',
        'g'
      )),
      '\$\{[^{}]*\}',
      'variable',
      'g'
    ) AS document
  FROM events
  WHERE event_source = 'kms.amazonaws.com'
    AND event_name IN ('PutKeyPolicy', 'CreateKey', 'ReplicateKey')
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
marked AS (
  -- Conditions that tie the caller to an address, network, account, organization or resource are marked. A condition on
  -- anything else (TLS, dates) leaves the grant open to everybody.
  SELECT
    event_id,
    account_id,
    allowed,
    regexp_replace(
      allowed,
      '"(?:(?:string|arn)(?:equals|like)(?:ignorecase)?|ipaddress)":\{[^{}]*"(?:aws:source(?:ip|vpc|vpce|arn|account|orgid)|aws:principal(?:arn|account|orgid|orgpaths)|aws:userid|kms:calleraccount|s3:dataaccesspointaccount)":[^{}]*\}',
      '"narrow"',
      'g'
    ) AS marked
  FROM grants
),
unconditional AS (
  -- Statements with such a condition are cut out.
  SELECT
    event_id,
    account_id,
    allowed,
    regexp_replace(
      marked,
      '\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*"condition":\{(?:[^{}]|\{[^{}]*\})*"narrow"(?:[^{}]|\{[^{}]*\})*\}(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}',
      '',
      'g'
    ) AS open_to_all
  FROM marked
),
opened AS (
  -- The own account number is taken out before other numbers are looked for.
  SELECT event_id
  FROM unconditional
  WHERE regexp_replace(
      open_to_all,
      '"(?:principal|aws)":(?:"\*"|\[[^\]]*"\*")',
      ''
    ) <> open_to_all
    OR regexp_replace(
      replace(allowed, account_id, 'own'),
      '(?:arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:|"[0-9]{12}")',
      ''
    ) <> replace(allowed, account_id, 'own')
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
  COALESCE(
    (request_parameters ->> 'keyId'),
    ((response_elements -> 'keyMetadata') ->> 'keyId')
  ) AS key_id,
  (request_parameters ->> 'policy') AS key_policy
FROM events
WHERE event_id IN (SELECT event_id FROM opened)
