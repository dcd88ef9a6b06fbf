-- +++
-- schema      = 1
-- id          = "aws.destructive.redshift-deleted"
-- title       = "Redshift warehouse deleted"
-- description = "A Redshift cluster, or a serverless namespace or workgroup, was deleted."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "redshift"]
-- mitre       = ["T1485"]
-- references  = ["https://docs.aws.amazon.com/redshift/latest/APIReference/API_DeleteCluster.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "warehouse_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted warehouse {warehouse_name} in {recipient_account_id}"
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
    (request_parameters ->> 'clusterIdentifier'),
    (request_parameters ->> 'namespaceName'),
    (request_parameters ->> 'workgroupName')
  ) AS warehouse_name,
  (request_parameters ->> 'skipFinalClusterSnapshot') AS skip_final_snapshot
FROM events
WHERE error_code IS NULL
  AND (
    (event_source = 'redshift.amazonaws.com' AND event_name = 'DeleteCluster')
    OR (event_source = 'redshift-serverless.amazonaws.com' AND event_name IN ('DeleteNamespace', 'DeleteWorkgroup'))
  )
