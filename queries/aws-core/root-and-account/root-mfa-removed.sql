-- +++
-- schema      = 1
-- id          = "aws.account.root-mfa-removed"
-- title       = "MFA of the root user removed"
-- description = "The second factor of root was deactivated or its virtual device deleted."
-- severity    = "critical"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "root", "persistence"]
-- mitre       = ["T1556.006"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html"]
-- false_positives = ["replacement of a lost device"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "serial_number"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "Root MFA removed in {recipient_account_id}"
-- +++
-- Root can also remove the device of an IAM user, but deactivating any device as root is rare enough to look at.
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
  (request_parameters ->> 'serialNumber') AS serial_number
FROM events
WHERE event_source = 'iam.amazonaws.com'
  AND event_name IN ('DeactivateMFADevice', 'DeleteVirtualMFADevice')
  AND error_code IS NULL
  AND (
    (user_identity_type = 'Root' AND event_name = 'DeactivateMFADevice')
    OR (request_parameters ->> 'serialNumber') LIKE '%:mfa/root-account-mfa-device'
  )
