-- +++
-- schema      = 1
-- id          = "aws.destructive.hosted-zone-deleted"
-- title       = "Route 53 hosted zone deleted"
-- description = "A hosted zone was deleted."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "route53"]
-- mitre       = ["T1485", "T1489"]
-- references  = ["https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "hosted_zone_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted hosted zone {hosted_zone_id}"
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
  (request_parameters ->> 'id') AS hosted_zone_id
FROM events
WHERE event_source = 'route53.amazonaws.com'
  AND event_name = 'DeleteHostedZone'
  AND error_code IS NULL
