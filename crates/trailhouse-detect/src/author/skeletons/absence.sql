-- +++
-- schema      = 1
-- id          = "@ID@"
-- title       = "Account went quiet"
-- description = "An account that always has events in a region has none: its trail may be off, or delivery broken."
-- severity    = "high"
-- status      = "draft"
-- mitre       = ["T1685.002"]
-- false_positives = ["an account that was closed"]
-- needs       = ["management"]
--
-- [window]
-- on       = "event"
-- every    = "1h"
-- lookback = "1d"
-- lateness = "1h"
-- judge    = "closed"
--
-- [params]
-- min_events = { default = 3, doc = "events in the lookback that make an account one that always has some" }
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region"]
-- dedupe = "24h"
-- entity = "recipient_account_id"
-- title  = "{recipient_account_id} has no events in {aws_region}"
-- +++
-- An absence: what the lookback has and the rows to judge have not.
-- The evidence is the last event that was there.
WITH params AS (SELECT 3 AS min_events),
expected AS (
  SELECT
    recipient_account_id,
    aws_region,
    count(DISTINCT event_id) AS usual_events,
    max(event_time) AS last_time
  FROM events_before
  GROUP BY recipient_account_id, aws_region
),
present AS (
  SELECT DISTINCT recipient_account_id, aws_region
  FROM events
)
SELECT
  x.recipient_account_id,
  x.aws_region,
  x.usual_events,
  array_agg(DISTINCT l.event_id) AS event_ids,
  count(DISTINCT l.event_id) AS events,
  min(l.event_time) AS first_event_time,
  max(l.event_time) AS last_event_time
FROM expected AS x
CROSS JOIN params AS p
JOIN events_before AS l
  ON l.recipient_account_id = x.recipient_account_id
 AND l.aws_region = x.aws_region
 AND l.event_time = x.last_time
LEFT JOIN present AS n
  ON n.recipient_account_id = x.recipient_account_id
 AND n.aws_region = x.aws_region
WHERE n.recipient_account_id IS NULL
  AND x.usual_events >= p.min_events
GROUP BY x.recipient_account_id, x.aws_region, x.usual_events
