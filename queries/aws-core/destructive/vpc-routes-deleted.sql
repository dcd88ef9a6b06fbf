-- +++
-- schema      = 1
-- id          = "aws.destructive.vpc-routes-deleted"
-- title       = "VPC routes or route tables deleted"
-- description = "One principal removed routes, route tables or their associations with subnets."
-- severity    = "low"
-- confidence  = "low"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "ec2", "network"]
-- mitre       = ["T1485", "T1578.005"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteRoute.html"]
-- false_positives = ["network changes"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted routes in {recipient_account_id}, {events} calls"
-- +++
-- One finding for one principal: taking a network apart is many calls.
SELECT
  user_identity_arn,
  recipient_account_id,
  array_agg(event_id) AS event_ids,
  count(DISTINCT event_id) AS events,
  min(event_time) AS first_event_time,
  max(event_time) AS last_event_time,
  count(DISTINCT COALESCE((request_parameters ->> 'routeTableId'), (request_parameters ->> 'associationId'))) AS route_tables,
  min((request_parameters ->> 'routeTableId')) AS sample_route_table_id,
  min(COALESCE(
    (request_parameters ->> 'destinationCidrBlock'),
    (request_parameters ->> 'destinationIpv6CidrBlock'),
    (request_parameters ->> 'destinationPrefixListId')
  )) AS sample_destination,
  max(source_ip_address) AS sample_source_ip_address,
  max(user_agent) AS sample_user_agent
FROM events
WHERE event_source = 'ec2.amazonaws.com'
  AND event_name IN ('DeleteRoute', 'DeleteRouteTable', 'DisassociateRouteTable')
  AND error_code IS NULL
  AND user_identity_arn IS NOT NULL
GROUP BY user_identity_arn, recipient_account_id
