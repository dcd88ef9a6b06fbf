-- +++
-- schema      = 1
-- id          = "aws.execution.instance-user-data-changed"
-- title       = "User data of an instance changed"
-- description = "The start-up script of an existing EC2 instance was replaced."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "execution", "ec2"]
-- mitre       = ["T1059", "T1578.005"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html"]
-- false_positives = ["old configuration tools"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "instance_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} changed the user data of {instance_id}"
-- +++
-- The value is masked. It stands at the top level or, in an older form, the attribute is named instead.
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
  (request_parameters ->> 'instanceId') AS instance_id
FROM events
WHERE event_source = 'ec2.amazonaws.com'
  AND event_name = 'ModifyInstanceAttribute'
  AND error_code IS NULL
  AND (
    (request_parameters ->> 'userData') IS NOT NULL
    OR (request_parameters ->> 'attribute') = 'userData'
  )
