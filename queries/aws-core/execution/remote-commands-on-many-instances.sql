-- +++
-- schema      = 1
-- id          = "aws.execution.remote-commands-on-many-instances"
-- title       = "Commands or shells on many instances"
-- description = "One principal ran Systems Manager commands, or opened sessions, on several instances."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "execution", "ssm", "lateral-movement"]
-- mitre       = ["T1651", "T1021.007"]
-- references  = ["https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html"]
-- false_positives = ["operations people"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_instances = { default = 3, doc = "instances reached by one principal" }
-- instances_per_target = { default = 10, doc = "instances that a target by tag or group counts for" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "12h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} ran commands on about {instances} instances in {recipient_account_id}"
-- +++
WITH params AS (SELECT 3 AS min_instances, 10 AS instances_per_target),
calls AS (
  SELECT
    e.event_id,
    e.event_time,
    e.user_identity_arn,
    e.recipient_account_id,
    e.source_ip_address,
    e.user_agent,
    COALESCE((e.request_parameters ->> 'documentName'), e.event_name) AS document_name,
    -- Ids in the list are counted by the length that a mark on each of them adds. Targets (tags, groups, all) stand for
    -- a number of instances that only Systems Manager knows.
    CASE
      WHEN e.event_name = 'StartSession' THEN 1
      WHEN (e.request_parameters ->> 'instanceIds') LIKE '%"i-%' THEN
        length(replace((e.request_parameters ->> 'instanceIds'), '"i-', '"i-#')) - length((e.request_parameters ->> 'instanceIds'))
      ELSE p.instances_per_target
    END AS instances,
    p.min_instances
  FROM events AS e
  CROSS JOIN params AS p
  WHERE e.event_source = 'ssm.amazonaws.com'
    AND e.event_name IN ('SendCommand', 'StartSession')
    AND e.error_code IS NULL
    AND e.user_identity_arn IS NOT NULL
    -- State Manager, maintenance windows and patching send commands for people all day.
    AND e.user_identity_invoked_by IS NULL
)
SELECT
  c.user_identity_arn,
  c.recipient_account_id,
  array_agg(c.event_id) AS event_ids,
  count(DISTINCT c.event_id) AS events,
  min(c.event_time) AS first_event_time,
  max(c.event_time) AS last_event_time,
  sum(c.instances) AS instances,
  max(c.document_name) AS sample_document_name,
  max(c.source_ip_address) AS sample_source_ip_address,
  max(c.user_agent) AS sample_user_agent
FROM calls AS c
GROUP BY c.user_identity_arn, c.recipient_account_id, c.min_instances
HAVING sum(c.instances) >= c.min_instances
