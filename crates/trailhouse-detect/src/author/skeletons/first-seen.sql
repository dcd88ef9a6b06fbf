-- +++
-- schema      = 1
-- id          = "@ID@"
-- title       = "Access key used in a region for the first time"
-- description = "A long-term access key that was used before was used in a region where it never was."
-- severity    = "low"
-- status      = "draft"
-- mitre       = ["T1078.004", "T1535"]
-- false_positives = ["a rollout into a new region"]
-- needs       = ["management"]
--
-- [window]
-- on       = "arrival"
-- every    = "15m"
-- lookback = "30d"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_access_key_id", "aws_region"]
-- dedupe = "24h"
-- entity = "user_identity_access_key_id"
-- title  = "{user_identity_access_key_id} was used in {aws_region} for the first time"
-- +++
-- First seen: what is among the rows to judge and not in the lookback.
-- Without the first condition every key would be new on the first day.
SELECT
  e.recipient_account_id,
  e.user_identity_access_key_id,
  e.aws_region,
  array_agg(DISTINCT e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  max(e.user_identity_arn) AS user_identity_arn,
  max(e.source_ip_address) AS sample_source_ip_address
FROM events AS e
WHERE e.user_identity_access_key_id LIKE 'AKIA%'
  AND e.error_code IS NULL
  AND EXISTS (
    SELECT 1
    FROM events_before AS h
    WHERE h.user_identity_access_key_id = e.user_identity_access_key_id
  )
  AND NOT EXISTS (
    SELECT 1
    FROM events_before AS h
    WHERE h.user_identity_access_key_id = e.user_identity_access_key_id
      AND h.aws_region = e.aws_region
  )
GROUP BY e.recipient_account_id, e.user_identity_access_key_id, e.aws_region
