-- +++
-- schema      = 1
-- id          = "aws.execution.lambda-changed-by-person"
-- title       = "Lambda function changed by a person"
-- description = "The code of a Lambda function, or its layers, were replaced with a key of an IAM user, by root or by a person from Identity Center."
-- severity    = "medium"
-- confidence  = "low"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "execution", "lambda"]
-- mitre       = ["T1648", "T1525"]
-- references  = ["https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html"]
-- false_positives = ["developers in test accounts"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "function_name", "user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} changed function {function_name}"
-- +++
-- Pipelines deploy with roles; people and leaked keys are what is left. Lambda writes the version of its API into the
-- event name.
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
  (request_parameters ->> 'layers') AS layers
FROM events
WHERE event_source = 'lambda.amazonaws.com'
  AND error_code IS NULL
  AND (
    user_identity_type IN ('IAMUser', 'Root')
    OR session_issuer_user_name LIKE 'AWSReservedSSO%'
  )
  AND (
    (
      (event_name LIKE 'UpdateFunctionCode2015%' OR event_name = 'UpdateFunctionCode')
      AND COALESCE((request_parameters ->> 'dryRun'), 'false') <> 'true'
    )
    OR (
      (event_name LIKE 'UpdateFunctionConfiguration2015%' OR event_name = 'UpdateFunctionConfiguration')
      AND (request_parameters ->> 'layers') LIKE '%:layer:%'
    )
  )
