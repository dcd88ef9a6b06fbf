-- +++
-- schema      = 1
-- id          = "aws.discovery.access-denied-burst"
-- title       = "Many different calls denied to one principal"
-- description = "One principal was denied many different API calls."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "discovery", "denied"]
-- mitre       = ["T1580", "T1526"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"]
-- false_positives = ["people new to the console"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_calls = { default = 10, doc = "different calls denied to one principal" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "12h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} was denied {kinds_of_calls} different calls in {recipient_account_id}"
-- +++
WITH params AS (SELECT 10 AS min_calls)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  count(DISTINCT e.event_source || ':' || e.event_name) AS kinds_of_calls,
  count(DISTINCT e.event_source) AS service_count,
  max(e.user_identity_access_key_id) AS user_identity_access_key_id,
  max(e.source_ip_address) AS sample_source_ip_address,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
CROSS JOIN params AS p
WHERE e.user_identity_arn IS NOT NULL
  -- Services write a denial in different words. Client.DryRunOperation is not one of them: it means allowed.
  AND e.error_code IN (
    'AccessDenied',
    'AccessDeniedException',
    'UnauthorizedOperation',
    'Client.UnauthorizedOperation',
    'VpceAccessDenied'
  )
  AND e.user_identity_invoked_by IS NULL
GROUP BY e.user_identity_arn, e.recipient_account_id, p.min_calls
HAVING count(DISTINCT e.event_source || ':' || e.event_name) >= p.min_calls
