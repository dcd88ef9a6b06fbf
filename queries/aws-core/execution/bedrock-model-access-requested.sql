-- +++
-- schema      = 1
-- id          = "aws.execution.bedrock-model-access-requested"
-- title       = "Access to Bedrock models requested"
-- description = "Somebody accepted the terms of a foundation model, or asked for access to it."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "execution", "bedrock", "impact"]
-- mitre       = ["T1496", "T1098"]
-- references  = ["https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html"]
-- false_positives = ["teams that begin with Bedrock"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: {event_name} in {recipient_account_id}"
-- +++
-- Denied calls count: trying to open models is the step before using them at your cost.
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
  error_code,
  (request_parameters ->> 'modelId') AS model_id
FROM events
WHERE event_source = 'bedrock.amazonaws.com'
  AND event_name IN (
    'PutUseCaseForModelAccess',
    'CreateFoundationModelAgreement',
    'PutFoundationModelEntitlement'
  )
