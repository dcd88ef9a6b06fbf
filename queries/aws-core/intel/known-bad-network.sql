-- +++
-- schema      = 1
-- id          = "aws.intel.known-bad-network"
-- title       = "Call from a network on an indicator list"
-- description = "A principal made calls from an address within a network that is an indicator of the site. High where a call succeeded, medium where all failed."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-22
-- modified    = 2026-11-22
-- tags        = ["aws", "intel", "ioc"]
-- mitre       = ["T1078.004", "T1090.003"]
-- references  = ["https://attack.mitre.org/techniques/T1078/004/"]
-- false_positives = ["networks that changed hands", "networks of anonymisers that staff use"]
-- needs       = ["management", "intel"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["indicator", "user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} called from {source_ip_address} in the indicator {indicator} ({description})"
-- +++
-- The only detection of the pack with a function of Trailhouse: intel_match_ip finds the network of an address without
-- comparing each event with each network. docs/context.md has a macro of the same name for DuckDB.
SELECT
  i.value AS indicator,
  e.user_identity_arn,
  e.recipient_account_id,
  max(e.source_ip_address) AS source_ip_address,
  max(i.list) AS list,
  max(i.source) AS source,
  max(i.description) AS description,
  array_agg(DISTINCT e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  CASE WHEN count(CASE WHEN e.error_code IS NULL THEN 1 END) > 0 THEN 'high' ELSE 'medium' END AS severity,
  max(e.user_identity_access_key_id) AS user_identity_access_key_id,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
JOIN intel.indicators AS i
  ON i.value = intel_match_ip(e.source_ip_address, e.event_time)
WHERE i.kind = 'cidr'
  AND (i.valid_from IS NULL OR i.valid_from <= e.event_time)
  AND (i.valid_until IS NULL OR e.event_time < i.valid_until)
GROUP BY i.value, e.user_identity_arn, e.recipient_account_id
