-- +++
-- schema      = 1
-- id          = "aws.destructive.backups-removed"
-- title       = "Backups deleted or switched off"
-- description = "Recovery points, vaults, database backups or snapshots were deleted, or continuous backup or versioning was switched off."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "backup"]
-- mitre       = ["T1490", "T1485"]
-- references  = ["https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn", "event_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: {event_name} {backup} in {recipient_account_id}"
-- +++
-- AWS Backup removes its own copies when their retention runs out; those calls name it as the one who acts.
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
  event_source,
  COALESCE(
    (request_parameters ->> 'recoveryPointArn'),
    (request_parameters ->> 'backupVaultName'),
    (request_parameters ->> 'backupPlanId'),
    (request_parameters ->> 'dBSnapshotIdentifier'),
    (request_parameters ->> 'dBClusterSnapshotIdentifier'),
    (request_parameters ->> 'dBInstanceIdentifier'),
    (request_parameters ->> 'dBClusterIdentifier'),
    (request_parameters ->> 'dbiResourceId'),
    (request_parameters ->> 'backupArn'),
    (request_parameters ->> 'tableName'),
    (request_parameters ->> 'bucketName')
  ) AS backup
FROM events
WHERE error_code IS NULL
  AND COALESCE(user_identity_type, '') <> 'AWSService'
  AND COALESCE(user_identity_invoked_by, '') <> 'backup.amazonaws.com'
  AND (
    (event_source = 'backup.amazonaws.com' AND event_name IN (
      'DeleteRecoveryPoint',
      'DeleteBackupVault',
      'DeleteBackupVaultLockConfiguration',
      'DeleteBackupPlan'
    ))
    OR (event_source = 'rds.amazonaws.com' AND event_name IN (
      'DeleteDBInstanceAutomatedBackup',
      'DeleteDBClusterAutomatedBackup',
      'DeleteDBSnapshot',
      'DeleteDBClusterSnapshot'
    ))
    OR (event_source = 'rds.amazonaws.com' AND event_name IN ('ModifyDBInstance', 'ModifyDBCluster')
      AND (request_parameters ->> 'backupRetentionPeriod') = '0')
    OR (event_source = 'dynamodb.amazonaws.com' AND event_name = 'DeleteBackup')
    OR (event_source = 'dynamodb.amazonaws.com' AND event_name = 'UpdateContinuousBackups'
      AND ((request_parameters -> 'pointInTimeRecoverySpecification') ->> 'pointInTimeRecoveryEnabled') = 'false')
    OR (event_source = 's3.amazonaws.com' AND event_name = 'PutBucketVersioning'
      AND ((request_parameters -> 'VersioningConfiguration') ->> 'Status') = 'Suspended')
  )
