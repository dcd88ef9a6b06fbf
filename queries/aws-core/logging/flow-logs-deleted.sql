-- +++
-- schema      = 1
-- id          = "aws.logging.flow-logs-deleted"
-- title       = "VPC flow logs deleted"
-- description = "Flow logs of a VPC, subnet or interface were deleted."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "ec2", "network", "defense-impairment"]
-- mitre       = ["T1685.002"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteFlowLogs.html"]
-- false_positives = ["removal of the VPC"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted flow logs in {recipient_account_id}"
-- +++
-- The request is nested under its own name, with {content, tag} pairs: one object for one id, a list for more.
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
  ((request_parameters -> 'DeleteFlowLogsRequest') ->> 'FlowLogId') AS flow_log_ids
FROM events
WHERE event_source = 'ec2.amazonaws.com'
  AND event_name = 'DeleteFlowLogs'
  AND error_code IS NULL
