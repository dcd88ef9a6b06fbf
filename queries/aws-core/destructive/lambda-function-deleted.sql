-- +++
-- schema      = 1
-- id          = "aws.destructive.lambda-function-deleted"
-- title       = "Lambda function deleted"
-- description = "A Lambda function was deleted."
-- severity    = "low"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "lambda"]
-- mitre       = ["T1485"]
-- references  = ["https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "function_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted function {function_name} in {recipient_account_id}"
-- +++
-- Lambda writes the version of its API into the event name; DeleteFunctionConcurrency and other settings must not match.
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
  (request_parameters ->> 'functionName') AS function_name
FROM events
WHERE event_source = 'lambda.amazonaws.com'
  AND (event_name LIKE 'DeleteFunction2015%' OR event_name = 'DeleteFunction')
  AND error_code IS NULL
  AND (request_parameters ->> 'qualifier') IS NULL
