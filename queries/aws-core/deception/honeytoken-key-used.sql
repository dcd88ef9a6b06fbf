-- +++
-- schema      = 1
-- id          = "aws.deception.honeytoken-key-used"
-- title       = "Honeytoken access key used"
-- description = "An access key that was planted to be found was used. Nothing of ours uses it, so whoever does has found it."
-- severity    = "critical"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-22
-- modified    = 2026-11-22
-- tags        = ["aws", "deception", "honeytoken", "credentials"]
-- mitre       = ["T1078.004"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html"]
-- false_positives = ["a test of the trap"]
-- needs       = ["management", "honeytokens"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["user_identity_access_key_id", "source_ip_address"]
-- dedupe = "24h"
-- entity = "user_identity_access_key_id"
-- title  = "Honeytoken {user_identity_access_key_id} was used from {source_ip_address}"
-- +++
-- A denied call is as much a use of the key as one that succeeds: most honeytokens may do nothing.
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
  h.note AS honeytoken_note
FROM events AS e
JOIN honeytokens AS h
  ON h.value = e.user_identity_access_key_id
WHERE h.kind = 'access_key'
