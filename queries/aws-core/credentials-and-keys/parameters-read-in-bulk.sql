-- +++
-- schema      = 1
-- id          = "aws.credentials.parameters-read-in-bulk"
-- title       = "Many SSM parameters decrypted by one principal"
-- description = "One principal read the decrypted values of many Parameter Store parameters."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "credentials", "ssm"]
-- mitre       = ["T1555.006"]
-- references  = ["https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html"]
-- false_positives = ["configuration loaders"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_parameters = { default = 20, doc = "different parameters read with decryption by one principal" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} decrypted about {parameters} parameters in {recipient_account_id}"
-- +++
WITH params AS (SELECT 20 AS min_parameters),
requests AS (
  SELECT
    e.user_identity_arn,
    e.recipient_account_id,
    e.aws_region,
    -- A name cannot hold a comma, so commas in the list tell how many names it has. A page by path holds up to ten.
    max(CASE
      WHEN e.event_name = 'GetParameter' THEN 1
      WHEN e.event_name = 'GetParametersByPath' THEN 10
      ELSE 1 + length(replace((e.request_parameters ->> 'names'), ',', ',,')) - length((e.request_parameters ->> 'names'))
    END) AS parameters
  FROM events AS e
  WHERE e.event_source = 'ssm.amazonaws.com'
    AND e.event_name IN ('GetParameter', 'GetParameters', 'GetParametersByPath')
    AND (e.request_parameters ->> 'withDecryption') = 'true'
    AND e.error_code IS NULL
    AND e.user_identity_arn IS NOT NULL
  -- The same request again reads nothing new: applications poll.
  GROUP BY e.user_identity_arn, e.recipient_account_id, e.aws_region, e.event_name, e.request_parameters
),
readers AS (
  SELECT
    r.user_identity_arn,
    r.recipient_account_id,
    sum(r.parameters) AS parameters
  FROM requests AS r
  CROSS JOIN params AS p
  GROUP BY r.user_identity_arn, r.recipient_account_id, p.min_parameters
  HAVING sum(r.parameters) >= p.min_parameters
)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  max(r.parameters) AS parameters,
  max(e.user_identity_access_key_id) AS user_identity_access_key_id,
  max(e.source_ip_address) AS sample_source_ip_address,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
JOIN readers AS r
  ON r.user_identity_arn = e.user_identity_arn
  AND r.recipient_account_id = e.recipient_account_id
WHERE e.event_source = 'ssm.amazonaws.com'
  AND e.event_name IN ('GetParameter', 'GetParameters', 'GetParametersByPath')
  AND (e.request_parameters ->> 'withDecryption') = 'true'
  AND e.error_code IS NULL
GROUP BY e.user_identity_arn, e.recipient_account_id
