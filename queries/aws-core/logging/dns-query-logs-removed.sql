-- +++
-- schema      = 1
-- id          = "aws.logging.dns-query-logs-removed"
-- title       = "DNS query logging removed"
-- description = "Resolver query logging, or the query log of a hosted zone, was deleted or taken off a VPC."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "route53", "network", "defense-impairment"]
-- mitre       = ["T1685.002"]
-- references  = ["https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs.html"]
-- false_positives = ["removal of a VPC"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "query_log_config_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} removed DNS query logging in {recipient_account_id}"
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
    (request_parameters ->> 'resolverQueryLogConfigId'),
    (request_parameters ->> 'id')
  ) AS query_log_config_id,
  (request_parameters ->> 'resourceId') AS vpc_id
FROM events
WHERE error_code IS NULL
  AND (
    (event_source = 'route53resolver.amazonaws.com' AND event_name IN (
      'DeleteResolverQueryLogConfig',
      'DisassociateResolverQueryLogConfig'
    ))
    OR (event_source = 'route53.amazonaws.com' AND event_name = 'DeleteQueryLoggingConfig')
  )
