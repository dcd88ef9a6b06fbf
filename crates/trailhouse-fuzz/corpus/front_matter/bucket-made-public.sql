-- +++
-- schema      = 1
-- id          = "aws.policy.bucket-made-public"
-- title       = "Bucket opened to everybody"
-- description = "A bucket policy or access control list lets anyone, or any AWS customer, in."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "s3"]
-- mitre       = ["T1530", "T1537"]
-- references  = ["https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"]
-- false_positives = ["static web sites"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "bucket_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} opened bucket {bucket_name} to everybody"
-- +++
-- regexp_replace is the one regular-expression function that every SQL engine has: text that it changes has a match.
WITH documents AS (
  -- A policy is judged as text, without spaces and in lower case. Policy variables (${aws:username}) bring braces of
  -- their own, which would disturb the patterns below.
  SELECT
    event_id,
    COALESCE(recipient_account_id, '-') AS account_id,
    request_parameters,
    regexp_replace(
      lower(regexp_replace(
        (request_parameters ->> 'bucketPolicy'),
        '\s+',
        '',
        'g'
      )),
      '\$\{[^{}]*\}',
      'variable',
      'g'
    ) AS document
  FROM events
  WHERE event_source = 's3.amazonaws.com'
    AND event_name IN ('PutBucketPolicy', 'PutBucketAcl', 'CreateBucket')
    AND error_code IS NULL
),
grants AS (
  -- Whole statements that deny are cut out, so that a Deny never counts as a grant. Braces inside a statement balance.
  SELECT
    event_id,
    account_id,
    request_parameters,
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
    request_parameters,
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
    request_parameters,
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
  -- Access control lists name the two public groups by address, in a header or in the body, or are canned; all of that
  -- is found in the text of the request.
  SELECT event_id
  FROM unconditional
  WHERE request_parameters LIKE '%/groups/global/AllUsers%'
    OR request_parameters LIKE '%/groups/global/AuthenticatedUsers%'
    OR request_parameters LIKE '%"public-read%'
    OR regexp_replace(
      open_to_all,
      '"(?:principal|aws)":(?:"\*"|\[[^\]]*"\*")',
      ''
    ) <> open_to_all
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
  (request_parameters ->> 'bucketName') AS bucket_name
FROM events
WHERE event_id IN (SELECT event_id FROM opened)
