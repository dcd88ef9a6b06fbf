-- +++
-- schema      = 1
-- id          = "aws.credentials.federation-token-issued"
-- title       = "Federation token issued to an IAM user"
-- description = "An IAM user called GetFederationToken and got temporary credentials."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "credentials", "sts", "persistence"]
-- mitre       = ["T1550.001", "T1098.001"]
-- references  = ["https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html"]
-- false_positives = ["old identity brokers"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["user_identity_arn", "federated_user_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} got a federation token as {federated_user_name}"
-- +++
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
  (request_parameters ->> 'name') AS federated_user_name,
  (request_parameters ->> 'policy') AS session_policy,
  ((response_elements -> 'credentials') ->> 'accessKeyId') AS issued_access_key_id
FROM events
WHERE event_source = 'sts.amazonaws.com'
  AND event_name = 'GetFederationToken'
  AND error_code IS NULL
