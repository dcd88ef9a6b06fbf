-- +++
-- schema      = 1
-- id          = "aws.credentials.console-login-without-mfa"
-- title       = "IAM user signed in to the console without MFA"
-- description = "A successful console sign-in by an IAM user with no second factor."
-- severity    = "medium"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "credentials", "iam", "initial-access"]
-- mitre       = ["T1078.004"]
-- references  = ["https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html"]
-- false_positives = ["users without a device"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["user_identity_arn", "source_ip_address"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} signed in without MFA from {source_ip_address}"
-- +++
-- Only IAM users: for roles and Identity Center the second factor is asked by the provider, so CloudTrail says No there.
-- Root has its own detection.
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
  user_identity_user_name
FROM events
WHERE event_source = 'signin.amazonaws.com'
  AND event_name = 'ConsoleLogin'
  AND user_identity_type = 'IAMUser'
  AND (response_elements ->> 'ConsoleLogin') = 'Success'
  AND (additional_event_data ->> 'MFAUsed') = 'No'
