-- +++
-- schema      = 1
-- id          = "aws.deception.honeytoken-identity-used"
-- title       = "Honeytoken user or role used"
-- description = "A user or role that was planted to be found did something, or somebody tried to assume the role."
-- severity    = "critical"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-22
-- modified    = 2026-11-22
-- tags        = ["aws", "deception", "honeytoken", "identity"]
-- mitre       = ["T1078.004"]
-- references  = ["https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"]
-- false_positives = ["a test of the trap"]
-- needs       = ["management", "honeytokens"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["honeytoken", "source_ip_address"]
-- dedupe = "24h"
-- entity = "honeytoken"
-- title  = "Honeytoken {honeytoken} was used by {user_identity_arn} from {source_ip_address}"
-- +++
-- A honeytoken is a name or an ARN. Each way of naming is a join of its own: they are all by equality, so the events are
-- read once and never compared with each honeytoken.
WITH users AS (
  SELECT h.value, h.note
  FROM honeytokens AS h
  WHERE h.kind = 'user'
),
roles AS (
  SELECT h.value, h.note
  FROM honeytokens AS h
  WHERE h.kind = 'role'
),
calls AS (
  SELECT
    e.event_id,
    e.event_time,
    e.event_source,
    e.event_name,
    e.recipient_account_id,
    e.aws_region,
    e.user_identity_arn,
    e.user_identity_type,
    e.user_identity_user_name,
    e.user_identity_access_key_id,
    e.session_issuer_arn,
    e.session_issuer_user_name,
    e.source_ip_address,
    e.user_agent,
    e.error_code,
    CASE WHEN e.event_source = 'sts.amazonaws.com' THEN (e.request_parameters ->> 'roleArn') END AS asked_role_arn
  FROM events AS e
)
SELECT
  c.event_id,
  c.event_time,
  c.event_source,
  c.event_name,
  c.recipient_account_id,
  c.aws_region,
  c.user_identity_arn,
  c.user_identity_type,
  c.user_identity_access_key_id,
  c.source_ip_address,
  c.user_agent,
  c.error_code,
  COALESCE(un.value, ua.value, rn.value, ra.value, an.value, aa.value) AS honeytoken,
  COALESCE(un.note, ua.note, rn.note, ra.note, an.note, aa.note) AS honeytoken_note
FROM calls AS c
LEFT JOIN users AS un
  ON un.value = c.user_identity_user_name
LEFT JOIN users AS ua
  ON ua.value = c.user_identity_arn
LEFT JOIN roles AS rn
  ON rn.value = c.session_issuer_user_name
LEFT JOIN roles AS ra
  ON ra.value = c.session_issuer_arn
LEFT JOIN roles AS an
  ON an.value = regexp_replace(c.asked_role_arn, '^.*/', '')
LEFT JOIN roles AS aa
  ON aa.value = c.asked_role_arn
WHERE COALESCE(un.value, ua.value, rn.value, ra.value, an.value, aa.value) IS NOT NULL
