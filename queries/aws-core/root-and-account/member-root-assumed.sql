-- +++
-- schema      = 1
-- id          = "aws.account.member-root-assumed"
-- title       = "Root session taken in a member account"
-- description = "AssumeRoot was used to act as root of a member account."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "account", "root", "organizations"]
-- mitre       = ["T1548.005", "T1078.004"]
-- references  = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html"]
-- false_positives = ["repair of a member account"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["user_identity_arn", "member_account_id"]
-- dedupe = "4h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} took root in {member_account_id}"
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
  (request_parameters ->> 'targetPrincipal') AS member_account_id,
  ((request_parameters -> 'taskPolicyArn') ->> 'arn') AS task_policy_arn,
  ((response_elements -> 'credentials') ->> 'accessKeyId') AS issued_access_key_id
FROM events
WHERE event_source = 'sts.amazonaws.com'
  AND event_name = 'AssumeRoot'
  AND error_code IS NULL
