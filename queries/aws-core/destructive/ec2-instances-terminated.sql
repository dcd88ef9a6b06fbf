-- +++
-- schema      = 1
-- id          = "aws.destructive.ec2-instances-terminated"
-- title       = "Many EC2 instances terminated"
-- description = "One principal terminated several instances."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "destructive", "ec2"]
-- mitre       = ["T1485"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html"]
-- false_positives = ["scale-down by scripts"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_instances = { default = 5, doc = "instances terminated by one principal" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "6h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} terminated {instances} instances in {recipient_account_id}"
-- +++
WITH params AS (SELECT 5 AS min_instances)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  -- One call names many instances; every id adds one character to the text here, so the lengths tell how many.
  sum(
    length(replace((e.request_parameters ->> 'instancesSet'), '"instanceId"', '"instanceId"#'))
    - length((e.request_parameters ->> 'instancesSet'))
  ) AS instances,
  max(e.source_ip_address) AS sample_source_ip_address,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'ec2.amazonaws.com'
  AND e.event_name = 'TerminateInstances'
  AND e.error_code IS NULL
  AND e.user_identity_arn IS NOT NULL
  -- Auto Scaling, EMR and their like replace instances all day.
  AND e.user_identity_invoked_by IS NULL
GROUP BY e.user_identity_arn, e.recipient_account_id, p.min_instances
HAVING sum(
  length(replace((e.request_parameters ->> 'instancesSet'), '"instanceId"', '"instanceId"#'))
  - length((e.request_parameters ->> 'instancesSet'))
) >= p.min_instances
