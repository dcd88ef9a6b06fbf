-- +++
-- schema      = 1
-- id          = "aws.execution.ssh-keys-pushed-to-instances"
-- title       = "SSH keys pushed to several instances or a serial console"
-- description = "EC2 Instance Connect pushed SSH keys to several instances, or a key was pushed to a serial console."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "execution", "ec2", "lateral-movement"]
-- mitre       = ["T1021.004", "T1098.004"]
-- references  = ["https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html"]
-- false_positives = ["daily use of Instance Connect"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_instances = { default = 2, doc = "different instances that got a key from one principal" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "12h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} pushed SSH keys to {instances} instances in {recipient_account_id}"
-- +++
WITH params AS (SELECT 2 AS min_instances)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  count(DISTINCT (e.request_parameters ->> 'instanceId')) AS instances,
  max(CASE WHEN e.event_name = 'SendSerialConsoleSSHPublicKey' THEN 1 ELSE 0 END) AS serial_console,
  max(e.user_identity_access_key_id) AS user_identity_access_key_id,
  max(e.source_ip_address) AS sample_source_ip_address,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'ec2-instance-connect.amazonaws.com'
  AND e.event_name IN ('SendSSHPublicKey', 'SendSerialConsoleSSHPublicKey')
  AND e.error_code IS NULL
  AND e.user_identity_arn IS NOT NULL
GROUP BY e.user_identity_arn, e.recipient_account_id, p.min_instances
-- One key for one machine is how people work; the serial console is for rescue only.
HAVING count(DISTINCT (e.request_parameters ->> 'instanceId')) >= p.min_instances
  OR max(CASE WHEN e.event_name = 'SendSerialConsoleSSHPublicKey' THEN 1 ELSE 0 END) = 1
