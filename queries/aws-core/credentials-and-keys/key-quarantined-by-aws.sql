-- +++
-- schema      = 1
-- id          = "aws.credentials.key-quarantined-by-aws"
-- title       = "AWS quarantined a leaked access key"
-- description = "AWS attached its quarantine policy to a user because one of its keys was found in public."
-- severity    = "critical"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "credentials", "iam"]
-- mitre       = ["T1552.001", "T1078.004"]
-- references  = ["https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html"]
-- false_positives = []
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "target_user_name"]
-- dedupe = "24h"
-- entity = "target_user_name"
-- title  = "AWS quarantined {target_user_name} in {recipient_account_id}: a key is public"
-- +++
-- The policy has had several versions (V1, V2, V3), hence LIKE.
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
  (request_parameters ->> 'userName') AS target_user_name,
  COALESCE((request_parameters ->> 'policyArn'), (request_parameters ->> 'policyName')) AS policy
FROM events
WHERE event_source = 'iam.amazonaws.com'
  AND event_name IN ('AttachUserPolicy', 'PutUserPolicy')
  AND error_code IS NULL
  AND (
    (request_parameters ->> 'policyArn') LIKE '%AWSCompromisedKeyQuarantine%'
    OR (request_parameters ->> 'policyName') LIKE '%AWSCompromisedKeyQuarantine%'
    OR (request_parameters ->> 'policyName') LIKE '%AWSExposedCredentialPolicy%'
  )
