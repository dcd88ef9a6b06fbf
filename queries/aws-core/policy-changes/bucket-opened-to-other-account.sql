-- +++
-- schema      = 1
-- id          = "aws.policy.bucket-opened-to-other-account"
-- title       = "Bucket opened to another account"
-- description = "A bucket policy grants access to a principal of another account."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "s3"]
-- mitre       = ["T1537", "T1530"]
-- references  = ["https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html"]
-- false_positives = ["central log accounts", "vendors"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "bucket_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} opened bucket {bucket_name} to another account"
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
    AND event_name = 'PutBucketPolicy'
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
  -- The own account number is taken out before other numbers are looked for.
  SELECT event_id
  FROM grants
  WHERE regexp_replace(
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
  (request_parameters ->> 'bucketName') AS bucket_name,
  (request_parameters ->> 'bucketPolicy') AS bucket_policy
FROM events
WHERE event_id IN (SELECT event_id FROM opened)
