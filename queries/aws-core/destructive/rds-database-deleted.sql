-- +++
-- schema      = 1
-- id          = "aws.destructive.rds-database-deleted"
-- title       = "RDS database deleted"
-- description = "An RDS instance, cluster or global cluster was deleted."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "rds"]
-- mitre       = ["T1485"]
-- references  = ["https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "database_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted database {database_name} in {recipient_account_id}"
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
  COALESCE(
    (request_parameters ->> 'dBInstanceIdentifier'),
    (request_parameters ->> 'dBClusterIdentifier'),
    (request_parameters ->> 'globalClusterIdentifier')
  ) AS database_name,
  (request_parameters ->> 'skipFinalSnapshot') AS skip_final_snapshot,
  (request_parameters ->> 'deleteAutomatedBackups') AS delete_automated_backups
FROM events
WHERE event_source = 'rds.amazonaws.com'
  AND event_name IN ('DeleteDBInstance', 'DeleteDBCluster', 'DeleteGlobalCluster')
  AND error_code IS NULL
