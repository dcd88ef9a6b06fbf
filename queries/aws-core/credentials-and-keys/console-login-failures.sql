-- +++
-- schema      = 1
-- id          = "aws.credentials.console-login-failures"
-- title       = "Many failed console sign-ins from one address"
-- description = "Failed console sign-ins from one source address in one account, against one user or several."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "credentials", "brute-force"]
-- mitre       = ["T1110"]
-- references  = ["https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html"]
-- false_positives = ["shared egress after a password rotation"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_failures = { default = 5, doc = "failed sign-ins from one address" }
--
-- [alert]
-- key    = ["source_ip_address", "recipient_account_id"]
-- dedupe = "6h"
-- entity = "source_ip_address"
-- title  = "{events} failed sign-ins from {source_ip_address} against {users} users of {recipient_account_id}"
-- +++
WITH params AS (SELECT 5 AS min_failures)
SELECT
  e.source_ip_address,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  count(DISTINCT COALESCE(e.user_identity_arn, e.user_identity_user_name)) AS users,
  max(e.user_identity_arn) AS sample_user_identity_arn,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'signin.amazonaws.com'
  AND e.event_name = 'ConsoleLogin'
  -- A failed sign-in has no error_code, so the result itself is read.
  AND (e.response_elements ->> 'ConsoleLogin') = 'Failure'
  -- Root has its own detection with a lower threshold.
  AND COALESCE(e.user_identity_type, '') <> 'Root'
GROUP BY e.source_ip_address, e.recipient_account_id, p.min_failures
HAVING count(DISTINCT e.event_id) >= p.min_failures
