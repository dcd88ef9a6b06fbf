-- +++
-- schema      = 1
-- id          = "aws.exfiltration.ebs-snapshot-shared"
-- title       = "EBS snapshot shared"
-- description = "A volume snapshot was shared with another account or with everybody."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "exfiltration", "ec2"]
-- mitre       = ["T1537"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html"]
-- false_positives = ["own backup accounts"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "snapshot_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} shared snapshot {snapshot_id} of {recipient_account_id}"
-- +++
-- The list of accounts is searched as text: the own number is taken out, and twelve characters that are left are
-- somebody else.
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
  (request_parameters ->> 'snapshotId') AS snapshot_id,
  ((request_parameters -> 'createVolumePermission') ->> 'add') AS shared_with
FROM events
WHERE event_source = 'ec2.amazonaws.com'
  AND event_name = 'ModifySnapshotAttribute'
  AND error_code IS NULL
  AND (
    ((request_parameters -> 'createVolumePermission') ->> 'add') LIKE '%"all"%'
    OR replace(
      ((request_parameters -> 'createVolumePermission') ->> 'add'),
      COALESCE(recipient_account_id, '-'),
      ''
    ) LIKE '%"userId":"____________"%'
  )
