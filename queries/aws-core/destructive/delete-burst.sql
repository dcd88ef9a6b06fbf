-- +++
-- schema      = 1
-- id          = "aws.destructive.delete-burst"
-- title       = "Burst of deletions across services"
-- description = "One principal made many different kinds of deleting calls."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "destructive", "impact"]
-- mitre       = ["T1485"]
-- references  = ["https://attack.mitre.org/techniques/T1485/"]
-- false_positives = ["infrastructure code that tears an environment down"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_calls = { default = 8, doc = "different deleting calls by one principal" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "6h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} made {kinds_of_calls} kinds of deleting calls in {recipient_account_id}"
-- +++
WITH params AS (SELECT 8 AS min_calls)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  count(DISTINCT e.event_source || ':' || e.event_name) AS kinds_of_calls,
  count(DISTINCT e.event_source) AS service_count,
  count(DISTINCT e.aws_region) AS region_count,
  max(e.source_ip_address) AS sample_source_ip_address,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
CROSS JOIN params AS p
WHERE e.error_code IS NULL
  AND e.user_identity_arn IS NOT NULL
  -- What a service deletes for somebody follows from one call by a person and would only repeat it.
  AND e.user_identity_invoked_by IS NULL
  AND COALESCE(e.user_identity_type, '') <> 'AWSService'
  AND (
    e.event_name LIKE 'Delete%'
    OR e.event_name LIKE 'Terminate%'
    OR e.event_name LIKE 'Purge%'
    OR e.event_name LIKE 'Deregister%'
    OR e.event_name = 'ScheduleKeyDeletion'
  )
  -- Messages and tags are deleted as part of ordinary work.
  AND e.event_name NOT IN ('DeleteMessage', 'DeleteMessageBatch', 'DeleteTags')
GROUP BY e.user_identity_arn, e.recipient_account_id, p.min_calls
HAVING count(DISTINCT e.event_source || ':' || e.event_name) >= p.min_calls
