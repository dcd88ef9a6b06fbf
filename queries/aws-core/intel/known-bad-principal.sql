-- +++
-- schema      = 1
-- id          = "aws.intel.known-bad-principal"
-- title       = "Principal on an indicator list"
-- description = "An access key, an ARN or an account that is an indicator of the site made calls. High where a call succeeded, medium where all failed."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-22
-- modified    = 2026-11-22
-- tags        = ["aws", "intel", "ioc"]
-- mitre       = ["T1078.004"]
-- references  = ["https://attack.mitre.org/techniques/T1078/004/"]
-- false_positives = ["keys that were found by a scanner and are void"]
-- needs       = ["management", "intel"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["indicator", "recipient_account_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "Indicator {indicator} ({description}) acted in {recipient_account_id}"
-- +++
-- Each kind of name is a join of its own by equality, so that long lists stay quick.
WITH listed AS (
  SELECT i.kind, i.value, i.list, i.source, i.description, i.valid_from, i.valid_until
  FROM intel.indicators AS i
  WHERE i.kind IN ('access_key', 'arn', 'account')
),
sightings AS (
  SELECT
    e.event_id,
    e.event_time,
    e.recipient_account_id,
    e.user_identity_arn,
    e.user_identity_access_key_id,
    e.source_ip_address,
    e.user_agent,
    e.error_code,
    COALESCE(k.value, a.value, c.value) AS indicator,
    COALESCE(k.kind, a.kind, c.kind) AS indicator_kind,
    COALESCE(k.list, a.list, c.list) AS list,
    COALESCE(k.source, a.source, c.source) AS source,
    COALESCE(k.description, a.description, c.description) AS description
  FROM events AS e
  LEFT JOIN listed AS k
    ON k.value = e.user_identity_access_key_id
    AND (k.valid_from IS NULL OR k.valid_from <= e.event_time)
    AND (k.valid_until IS NULL OR e.event_time < k.valid_until)
  LEFT JOIN listed AS a
    ON a.value = e.user_identity_arn
    AND (a.valid_from IS NULL OR a.valid_from <= e.event_time)
    AND (a.valid_until IS NULL OR e.event_time < a.valid_until)
  LEFT JOIN listed AS c
    ON c.value = e.user_identity_account_id
    AND (c.valid_from IS NULL OR c.valid_from <= e.event_time)
    AND (c.valid_until IS NULL OR e.event_time < c.valid_until)
)
SELECT
  s.indicator,
  s.indicator_kind,
  s.recipient_account_id,
  max(s.user_identity_arn) AS user_identity_arn,
  max(s.user_identity_access_key_id) AS user_identity_access_key_id,
  max(s.list) AS list,
  max(s.source) AS source,
  max(s.description) AS description,
  array_agg(DISTINCT s.event_id) AS event_ids,
  count(DISTINCT s.event_id) AS events,
  min(s.event_time) AS first_event_time,
  max(s.event_time) AS last_event_time,
  CASE WHEN count(CASE WHEN s.error_code IS NULL THEN 1 END) > 0 THEN 'high' ELSE 'medium' END AS severity,
  max(s.source_ip_address) AS sample_source_ip_address,
  max(s.user_agent) AS sample_user_agent
FROM sightings AS s
WHERE s.indicator IS NOT NULL
GROUP BY s.indicator, s.indicator_kind, s.recipient_account_id
