-- +++
-- schema      = 1
-- id          = "aws.account.root-login-failures"
-- title       = "Root sign-in failed repeatedly"
-- description = "Several failed console sign-ins as root of one account."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "account", "root", "brute-force"]
-- mitre       = ["T1110.001", "T1078.004"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html"]
-- false_positives = ["forgotten password"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_failures = { default = 3, doc = "failed sign-ins that count as guessing" }
--
-- [alert]
-- key    = ["recipient_account_id"]
-- dedupe = "4h"
-- entity = "recipient_account_id"
-- title  = "{events} failed root sign-ins in {recipient_account_id}"
-- +++
WITH params AS (SELECT 3 AS min_failures)
SELECT
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  count(DISTINCT e.source_ip_address) AS source_ip_addresses,
  max(e.source_ip_address) AS sample_source_ip_address
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'signin.amazonaws.com'
  AND e.event_name = 'ConsoleLogin'
  AND e.user_identity_type = 'Root'
  AND (e.response_elements ->> 'ConsoleLogin') = 'Failure'
GROUP BY e.recipient_account_id, p.min_failures
HAVING count(DISTINCT e.event_id) >= p.min_failures
