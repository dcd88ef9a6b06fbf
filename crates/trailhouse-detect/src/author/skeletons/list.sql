-- +++
-- schema      = 1
-- id          = "@ID@"
-- title       = "Emergency user active"
-- description = "A user that is kept for emergencies did something."
-- severity    = "high"
-- status      = "draft"
-- mitre       = ["T1078.004"]
-- false_positives = ["an emergency, or its exercise"]
-- needs       = ["management"]
--
-- [window]
-- on    = "arrival"
-- every = "5m"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_user_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_user_name} is active: {reason}"
-- +++
-- A list: rows that meet an entry of it. Here the list stands in the SQL. With a file
-- lookups/watched_users.csv it is a table: join lookup.watched_users in place of the CTE.
WITH watched AS (
  SELECT 'break-glass-1' AS user_name, 'kept for emergencies' AS reason
  UNION ALL
  SELECT 'break-glass-2' AS user_name, 'kept for emergencies' AS reason
)
SELECT
  e.event_id,
  e.event_time,
  e.recipient_account_id,
  e.aws_region,
  e.user_identity_arn,
  e.user_identity_user_name,
  w.reason,
  e.event_source,
  e.event_name,
  e.source_ip_address
FROM events AS e
JOIN watched AS w
  ON w.user_name = e.user_identity_user_name
WHERE e.user_identity_type = 'IAMUser'
