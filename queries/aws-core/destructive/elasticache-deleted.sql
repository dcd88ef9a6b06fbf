-- +++
-- schema      = 1
-- id          = "aws.destructive.elasticache-deleted"
-- title       = "ElastiCache cluster deleted"
-- description = "An ElastiCache cluster, replication group or serverless cache was deleted."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "elasticache"]
-- mitre       = ["T1485"]
-- references  = ["https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DeleteReplicationGroup.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "cache_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted cache {cache_name} in {recipient_account_id}"
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
    (request_parameters ->> 'cacheClusterId'),
    (request_parameters ->> 'replicationGroupId'),
    (request_parameters ->> 'globalReplicationGroupId'),
    (request_parameters ->> 'serverlessCacheName')
  ) AS cache_name
FROM events
WHERE event_source = 'elasticache.amazonaws.com'
  AND event_name IN (
    'DeleteCacheCluster',
    'DeleteReplicationGroup',
    'DeleteGlobalReplicationGroup',
    'DeleteServerlessCache'
  )
  AND error_code IS NULL
