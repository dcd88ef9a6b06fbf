-- +++
-- schema      = 1
-- id          = "aws.destructive.kms-key-disabled"
-- title       = "KMS key disabled or scheduled for deletion"
-- description = "A KMS key was disabled, its deletion scheduled or its imported material deleted."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "kms"]
-- mitre       = ["T1485", "T1490"]
-- references  = ["https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "key_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: {event_name} {key_id} in {recipient_account_id}"
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
  (request_parameters ->> 'keyId') AS key_id,
  (request_parameters ->> 'pendingWindowInDays') AS pending_window_in_days
FROM events
WHERE event_source = 'kms.amazonaws.com'
  AND event_name IN ('DisableKey', 'ScheduleKeyDeletion', 'DeleteImportedKeyMaterial')
  AND error_code IS NULL
