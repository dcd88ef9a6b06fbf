-- +++
-- schema      = 1
-- id          = "aws.credentials.secrets-read-by-filter"
-- title       = "Secret values fetched by filter"
-- description = "BatchGetSecretValue was called with a filter instead of a list of secrets."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "credentials", "secrets"]
-- mitre       = ["T1555.006"]
-- references  = ["https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html"]
-- false_positives = ["start-up code that loads by tag"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_calls = { default = 1, doc = "calls by filter from one principal" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} fetched secrets by filter in {recipient_account_id}, {events} calls"
-- +++
WITH params AS (SELECT 1 AS min_calls)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  max((e.request_parameters ->> 'filters')) AS sample_filters,
  max(e.user_identity_access_key_id) AS user_identity_access_key_id,
  max(e.source_ip_address) AS sample_source_ip_address,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'secretsmanager.amazonaws.com'
  AND e.event_name = 'BatchGetSecretValue'
  AND e.error_code IS NULL
  AND e.user_identity_arn IS NOT NULL
  -- An application names the secrets it needs; a filter takes whatever is there.
  AND (e.request_parameters ->> 'filters') IS NOT NULL
  AND (e.request_parameters ->> 'filters') <> '[]'
GROUP BY e.user_identity_arn, e.recipient_account_id, p.min_calls
HAVING count(DISTINCT e.event_id) >= p.min_calls
