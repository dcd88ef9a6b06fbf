-- +++
-- schema      = 1
-- id          = "aws.destructive.ses-identity-deleted"
-- title       = "SES identity deleted"
-- description = "A verified sender address or domain was deleted."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "ses"]
-- mitre       = ["T1485", "T1070"]
-- references  = ["https://docs.aws.amazon.com/ses/latest/APIReference/API_DeleteIdentity.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "identity"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted SES identity {identity}"
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
  COALESCE((request_parameters ->> 'identity'), (request_parameters ->> 'emailIdentity')) AS identity
FROM events
WHERE event_source = 'ses.amazonaws.com'
  AND event_name IN ('DeleteIdentity', 'DeleteEmailIdentity')
  AND error_code IS NULL
