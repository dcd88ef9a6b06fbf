-- +++
-- schema      = 1
-- id          = "aws.account.account-safeguard-weakened"
-- title       = "Account-wide safeguard switched off"
-- description = "A setting that protects the whole account or region was weakened: serial console, EBS encryption default, public access blocks, password policy."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "defense-impairment"]
-- mitre       = ["T1685", "T1556"]
-- references  = ["https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"]
-- false_positives = ["rescue work on an instance"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "event_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{event_name} in {recipient_account_id} by {user_identity_arn}"
-- +++
-- The public access block holds four booleans; one false anywhere in it opens a way, so the text is searched.
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
WHERE error_code IS NULL
  AND (
    (event_source = 'ec2.amazonaws.com' AND event_name IN (
      'EnableSerialConsoleAccess',
      'DisableEbsEncryptionByDefault',
      'DisableSnapshotBlockPublicAccess',
      'DisableImageBlockPublicAccess'
    ))
    OR (event_source = 'iam.amazonaws.com' AND event_name = 'DeleteAccountPasswordPolicy')
    OR (event_source = 's3.amazonaws.com' AND event_name = 'DeleteAccountPublicAccessBlock')
    OR (
      event_source = 's3.amazonaws.com'
      AND event_name = 'PutAccountPublicAccessBlock'
      AND request_parameters LIKE '%false%'
    )
  )
