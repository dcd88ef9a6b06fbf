-- +++
-- schema      = 1
-- id          = "aws.account.region-enabled"
-- title       = "Opt-in region enabled"
-- description = "A region that was off in this account was switched on."
-- severity    = "low"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "stealth"]
-- mitre       = ["T1535"]
-- references  = ["https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html"]
-- false_positives = ["expansion to a new region"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "enabled_region"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "Region {enabled_region} enabled in {recipient_account_id} by {user_identity_arn}"
-- +++
SELECT
  event_id,
  event_time,
  event_name,
  recipient_account_id,
  aws_region,
  user_identity_arn,
  user_identity_type,
  user_identity_access_key_id,
  source_ip_address,
  user_agent,
  (request_parameters ->> 'RegionName') AS enabled_region
FROM events
WHERE event_source = 'account.amazonaws.com'
  AND event_name = 'EnableRegion'
  AND error_code IS NULL
