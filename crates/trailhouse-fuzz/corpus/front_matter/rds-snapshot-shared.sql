-- +++
-- schema      = 1
-- id          = "aws.exfiltration.rds-snapshot-shared"
-- title       = "Database snapshot shared"
-- description = "An RDS snapshot was shared with another account or with everybody."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "exfiltration", "rds"]
-- mitre       = ["T1537"]
-- references  = ["https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSnapshotAttribute.html"]
-- false_positives = ["own backup accounts"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "snapshot_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} shared snapshot {snapshot_name} of {recipient_account_id}"
-- +++
-- valuesToAdd is a list of account numbers or the word all. It is searched as text after the own number is taken out.
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
  COALESCE(
    (request_parameters ->> 'dBSnapshotIdentifier'),
    (request_parameters ->> 'dBClusterSnapshotIdentifier')
  ) AS snapshot_name,
  (request_parameters ->> 'valuesToAdd') AS shared_with
FROM events
WHERE event_source = 'rds.amazonaws.com'
  AND event_name IN ('ModifyDBSnapshotAttribute', 'ModifyDBClusterSnapshotAttribute')
  AND error_code IS NULL
  AND (request_parameters ->> 'attributeName') = 'restore'
  AND (
    (request_parameters ->> 'valuesToAdd') LIKE '%"all"%'
    OR replace((request_parameters ->> 'valuesToAdd'), COALESCE(recipient_account_id, '-'), '') LIKE '%"____________"%'
  )
