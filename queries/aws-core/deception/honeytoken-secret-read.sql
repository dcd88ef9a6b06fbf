-- +++
-- schema      = 1
-- id          = "aws.deception.honeytoken-secret-read"
-- title       = "Honeytoken secret read"
-- description = "Somebody read, or tried to read, a secret or parameter that was planted to be found."
-- severity    = "critical"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-22
-- modified    = 2026-11-22
-- tags        = ["aws", "deception", "honeytoken", "secrets"]
-- mitre       = ["T1555.006"]
-- references  = ["https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html"]
-- false_positives = ["backup and sync tools that read every secret"]
-- needs       = ["management", "honeytokens"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["honeytoken", "user_identity_arn", "source_ip_address"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} read the honeytoken secret {honeytoken}"
-- +++
-- A secret is asked for by name or by ARN, which ends in a dash and six characters. GetSecretValue is also logged for each
-- secret of a BatchGetSecretValue.
WITH reads AS (
  SELECT
    e.event_id,
    e.event_time,
    e.event_source,
    e.event_name,
    e.recipient_account_id,
    e.aws_region,
    e.user_identity_arn,
    e.user_identity_type,
    e.user_identity_access_key_id,
    e.source_ip_address,
    e.user_agent,
    e.error_code,
    CASE
      WHEN e.event_source = 'ssm.amazonaws.com' THEN (e.request_parameters ->> 'name')
      ELSE (e.request_parameters ->> 'secretId')
    END AS asked
  FROM events AS e
  WHERE (e.event_source = 'secretsmanager.amazonaws.com' AND e.event_name = 'GetSecretValue')
    OR (e.event_source = 'ssm.amazonaws.com' AND e.event_name IN ('GetParameter', 'GetParameterHistory'))
),
tokens AS (
  SELECT h.value, h.note
  FROM honeytokens AS h
  WHERE h.kind = 'secret'
)
SELECT
  r.event_id,
  r.event_time,
  r.event_source,
  r.event_name,
  r.recipient_account_id,
  r.aws_region,
  r.user_identity_arn,
  r.user_identity_type,
  r.user_identity_access_key_id,
  r.source_ip_address,
  r.user_agent,
  r.error_code,
  COALESCE(t.value, tn.value) AS honeytoken,
  COALESCE(t.note, tn.note) AS honeytoken_note
FROM reads AS r
LEFT JOIN tokens AS t
  ON t.value = r.asked
LEFT JOIN tokens AS tn
  ON tn.value = CASE
    WHEN r.asked LIKE 'arn:%:secret:%'
      THEN regexp_replace(regexp_replace(r.asked, '^.*:secret:', ''), '-[A-Za-z0-9]{6}$', '')
    WHEN r.asked LIKE 'arn:%:parameter/%' THEN regexp_replace(r.asked, '^.*:parameter', '')
  END
WHERE COALESCE(t.value, tn.value) IS NOT NULL
