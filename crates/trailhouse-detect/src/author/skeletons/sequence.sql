-- +++
-- schema      = 1
-- id          = "@ID@"
-- title       = "Access key created and a policy attached by the same principal"
-- description = "A principal created an access key and then attached a policy to a user within the hour: a back door is built in these two steps."
-- severity    = "high"
-- status      = "draft"
-- mitre       = ["T1098.001", "T1098.003"]
-- false_positives = ["a script that sets up a new user"]
-- needs       = ["management"]
--
-- [window]
-- on       = "event"
-- every    = "15m"
-- span     = "75m"
-- lateness = "30m"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} created a key and then attached a policy"
-- +++
-- A sequence: A, then B by the same principal within an hour.
-- `span` is that hour and one step, so that each pair lies whole in at least one window.
WITH first_steps AS (
  SELECT event_id, event_time, recipient_account_id, user_identity_arn
  FROM events
  WHERE event_source = 'iam.amazonaws.com'
    AND event_name = 'CreateAccessKey'
    AND error_code IS NULL
),
second_steps AS (
  SELECT event_id, event_time, recipient_account_id, user_identity_arn
  FROM events
  WHERE event_source = 'iam.amazonaws.com'
    AND event_name = 'AttachUserPolicy'
    AND error_code IS NULL
),
pairs AS (
  SELECT
    b.recipient_account_id,
    b.user_identity_arn,
    a.event_id AS first_id,
    a.event_time AS first_time,
    b.event_id AS second_id,
    b.event_time AS second_time
  FROM second_steps AS b
  JOIN first_steps AS a
    ON a.recipient_account_id = b.recipient_account_id
   AND a.user_identity_arn = b.user_identity_arn
   AND a.event_time <= b.event_time
   AND a.event_time >= b.event_time - INTERVAL '1 hour'
),
evidence AS (
  SELECT recipient_account_id, user_identity_arn, first_id AS event_id, first_time AS event_time
  FROM pairs
  UNION ALL
  SELECT recipient_account_id, user_identity_arn, second_id AS event_id, second_time AS event_time
  FROM pairs
)
SELECT
  recipient_account_id,
  user_identity_arn,
  array_agg(DISTINCT event_id) AS event_ids,
  count(DISTINCT event_id) AS events,
  min(event_time) AS first_event_time,
  max(event_time) AS last_event_time
FROM evidence
GROUP BY recipient_account_id, user_identity_arn
