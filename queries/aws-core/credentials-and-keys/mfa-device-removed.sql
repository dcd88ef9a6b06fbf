-- +++
-- schema      = 1
-- id          = "aws.credentials.mfa-device-removed"
-- title       = "MFA device of a user removed"
-- description = "The second factor of an IAM user was deactivated or its virtual device deleted."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "credentials", "iam"]
-- mitre       = ["T1556.006"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeactivateMFADevice.html"]
-- false_positives = ["change of phone", "off-boarding"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "serial_number"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} removed MFA device {serial_number}"
-- +++
-- What root does, and what is done to the device of root, is in root-mfa-removed.
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
  COALESCE((request_parameters ->> 'userName'), user_identity_user_name) AS target_user_name,
  (request_parameters ->> 'serialNumber') AS serial_number
FROM events
WHERE event_source = 'iam.amazonaws.com'
  AND event_name IN ('DeactivateMFADevice', 'DeleteVirtualMFADevice')
  AND error_code IS NULL
  AND COALESCE(user_identity_type, '') <> 'Root'
  AND COALESCE((request_parameters ->> 'serialNumber'), '') NOT LIKE '%:mfa/root-account-mfa-device'
