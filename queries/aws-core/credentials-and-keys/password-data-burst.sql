-- +++
-- schema      = 1
-- id          = "aws.credentials.password-data-burst"
-- title       = "Windows passwords asked of many instances"
-- description = "One principal called GetPasswordData for several instances, allowed or denied."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "credentials", "ec2"]
-- mitre       = ["T1555.006", "T1552"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetPasswordData.html"]
-- false_positives = ["rebuild of a Windows fleet"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_instances = { default = 5, doc = "different instances asked for" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} asked for Windows passwords of {instances} instances"
-- +++
WITH params AS (SELECT 5 AS min_instances)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  count(DISTINCT (e.request_parameters ->> 'instanceId')) AS instances,
  count(e.error_code) AS denied,
  max(e.user_identity_access_key_id) AS user_identity_access_key_id,
  max(e.source_ip_address) AS sample_source_ip_address,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'ec2.amazonaws.com'
  AND e.event_name = 'GetPasswordData'
  AND e.user_identity_arn IS NOT NULL
  -- Denied calls count: a sweep that fails is still a sweep.
GROUP BY e.user_identity_arn, e.recipient_account_id, p.min_instances
HAVING count(DISTINCT (e.request_parameters ->> 'instanceId')) >= p.min_instances
