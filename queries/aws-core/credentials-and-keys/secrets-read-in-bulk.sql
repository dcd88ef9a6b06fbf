-- +++
-- schema      = 1
-- id          = "aws.credentials.secrets-read-in-bulk"
-- title       = "Many secrets read by one principal"
-- description = "One principal read the values of many different Secrets Manager secrets."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "credentials", "secrets"]
-- mitre       = ["T1555.006"]
-- references  = ["https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html"]
-- false_positives = ["secret sync operators"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_secrets = { default = 10, doc = "different secrets read by one principal" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} read {secrets} secrets in {recipient_account_id}"
-- +++
WITH params AS (SELECT 10 AS min_secrets)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  count(DISTINCT (e.request_parameters ->> 'secretId')) AS secrets,
  max(e.user_identity_access_key_id) AS user_identity_access_key_id,
  max(e.source_ip_address) AS sample_source_ip_address,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'secretsmanager.amazonaws.com'
  AND e.event_name = 'GetSecretValue'
  AND e.error_code IS NULL
  AND e.user_identity_arn IS NOT NULL
GROUP BY e.user_identity_arn, e.recipient_account_id, p.min_secrets
HAVING count(DISTINCT (e.request_parameters ->> 'secretId')) >= p.min_secrets
