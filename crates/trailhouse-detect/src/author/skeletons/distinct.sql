-- +++
-- schema      = 1
-- id          = "@ID@"
-- title       = "Many different calls denied to one principal"
-- description = "One principal was denied calls of many kinds: somebody tries what a stolen credential can do."
-- severity    = "medium"
-- status      = "draft"
-- mitre       = ["T1580"]
-- false_positives = ["a new role whose policy is still being written"]
-- needs       = ["management"]
--
-- [window]
-- on       = "event"
-- every    = "15m"
-- span     = "1h"
-- lateness = "30m"
--
-- [params]
-- min_calls = { default = 3, doc = "different denied calls that are too many in one window" }
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} was denied {calls} different calls"
-- +++
-- A distinct count: not how often, but how many different ones.
WITH params AS (SELECT 3 AS min_calls)
SELECT
  e.recipient_account_id,
  e.user_identity_arn,
  array_agg(DISTINCT e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  count(DISTINCT concat(e.event_source, ':', e.event_name)) AS calls,
  max(e.source_ip_address) AS sample_source_ip_address
FROM events AS e
CROSS JOIN params AS p
-- A denial has several spellings.
WHERE e.error_code IN (
    'AccessDenied',
    'AccessDeniedException',
    'UnauthorizedOperation',
    'Client.UnauthorizedOperation'
  )
GROUP BY e.recipient_account_id, e.user_identity_arn, p.min_calls
HAVING count(DISTINCT concat(e.event_source, ':', e.event_name)) >= p.min_calls
