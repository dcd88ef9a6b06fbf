-- +++
-- schema      = 1
-- id          = "@ID@"
-- title       = "Many secrets read by one principal"
-- description = "One principal read secret values more often than a program that knows its secret does."
-- severity    = "medium"
-- status      = "draft"
-- mitre       = ["T1555.006"]
-- false_positives = ["a deployment that reads all of its secrets at once"]
-- needs       = ["management"]
--
-- [window]
-- on       = "event"
-- every    = "15m"
-- span     = "1h"
-- lateness = "30m"
--
-- [params]
-- min_events = { default = 3, doc = "reads that are too many in one window" }
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} read secrets {events} times"
-- +++
-- A threshold: the events of one window are counted by principal.
-- Events are counted by id, since CloudTrail may deliver one twice.
WITH params AS (SELECT 3 AS min_events)
SELECT
  e.recipient_account_id,
  e.user_identity_arn,
  array_agg(DISTINCT e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  max(e.source_ip_address) AS sample_source_ip_address
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'secretsmanager.amazonaws.com'
  AND e.event_name = 'GetSecretValue'
  AND e.error_code IS NULL
GROUP BY e.recipient_account_id, e.user_identity_arn, p.min_events
HAVING count(DISTINCT e.event_id) >= p.min_events
