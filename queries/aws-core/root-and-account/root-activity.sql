-- +++
-- schema      = 1
-- id          = "aws.account.root-activity"
-- title       = "Root user changed something"
-- description = "A successful write call made by root itself."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "root"]
-- mitre       = ["T1078.004"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html"]
-- false_positives = ["account set-up", "break-glass work"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "event_name"]
-- dedupe = "4h"
-- entity = "user_identity_arn"
-- title  = "Root of {recipient_account_id} called {event_name} from {source_ip_address}"
-- +++
-- Calls that a service makes for root (invokedBy, AwsServiceEvent) follow from an earlier call by a person and
-- would only repeat it. Sign-in events have their own detections.
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
  event_source
FROM events
WHERE user_identity_type = 'Root'
  AND read_only = FALSE
  AND error_code IS NULL
  AND user_identity_invoked_by IS NULL
  AND COALESCE(event_type, '') <> 'AwsServiceEvent'
  AND event_source <> 'signin.amazonaws.com'
