-- +++
-- schema      = 1
-- id          = "aws.policy.lambda-opened-to-others"
-- title       = "Lambda function opened to another account or everybody"
-- description = "A permission lets another account, or anyone, invoke a Lambda function."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "policy", "lambda", "persistence"]
-- mitre       = ["T1546", "T1098"]
-- references  = ["https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"]
-- false_positives = ["public webhooks"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "function_name", "principal"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} opened function {function_name} to {principal}"
-- +++
-- Lambda writes the version of its API into the event name (AddPermission20150331v2), hence LIKE.
-- Services such as s3.amazonaws.com are the ordinary callers of functions.
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
  (request_parameters ->> 'functionName') AS function_name,
  (request_parameters ->> 'principal') AS principal,
  (request_parameters ->> 'action') AS action
FROM events
WHERE event_source = 'lambda.amazonaws.com'
  AND (event_name LIKE 'AddPermission2015%' OR event_name = 'AddPermission')
  AND error_code IS NULL
  AND (
    (
      (request_parameters ->> 'principal') = '*'
      AND (request_parameters ->> 'principalOrgID') IS NULL
    )
    OR (
      (request_parameters ->> 'principal') <> '*'
      AND (request_parameters ->> 'principal') NOT LIKE '%.amazonaws.com'
      AND (request_parameters ->> 'principal') NOT LIKE '%' || recipient_account_id || '%'
    )
  )
