-- +++
-- schema      = 1
-- id          = "aws.credentials.instance-session-from-many-addresses"
-- title       = "Instance credentials used from a second address"
-- description = "The role session of one EC2 instance made calls from more than one source address."
-- severity    = "high"
-- confidence  = "medium"
-- status      = "experimental"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "credentials", "ec2"]
-- mitre       = ["T1552.005", "T1550.001"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html"]
-- false_positives = ["several NAT gateways", "a new Elastic IP"]
-- needs       = ["management"]
--
-- [window]
-- on       = "event"
-- every    = "15m"
-- span     = "1h"
-- lookback = "1d"
--
-- [params]
-- min_addresses = { default = 2, doc = "different source addresses of one instance session" }
--
-- [alert]
-- key    = ["user_identity_arn"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} used from {source_ip_addresses} addresses"
-- +++
WITH params AS (SELECT 2 AS min_addresses),
addresses AS (
  SELECT e.user_identity_arn, e.source_ip_address
  FROM events AS e
  WHERE (e.ec2_role_delivery IS NOT NULL OR e.user_identity_principal_id LIKE '%:i-%')
    AND e.user_identity_type = 'AssumedRole'
    AND e.user_identity_invoked_by IS NULL
    AND e.vpc_endpoint_id IS NULL
    AND e.source_ip_address NOT LIKE '%.amazonaws.com'
    AND e.source_ip_address <> 'AWS Internal'
  UNION
  SELECT b.user_identity_arn, b.source_ip_address
  FROM events_before AS b
  WHERE (b.ec2_role_delivery IS NOT NULL OR b.user_identity_principal_id LIKE '%:i-%')
    AND b.user_identity_type = 'AssumedRole'
    AND b.user_identity_invoked_by IS NULL
    AND b.vpc_endpoint_id IS NULL
    AND b.source_ip_address NOT LIKE '%.amazonaws.com'
    AND b.source_ip_address <> 'AWS Internal'
),
spread AS (
  SELECT a.user_identity_arn, count(DISTINCT a.source_ip_address) AS source_ip_addresses
  FROM addresses AS a
  CROSS JOIN params AS p
  GROUP BY a.user_identity_arn, p.min_addresses
  HAVING count(DISTINCT a.source_ip_address) >= p.min_addresses
)
-- Calls through a VPC endpoint carry the private address and calls that a service makes carry its name; neither says
-- where the credentials are, so both stay out.
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  max(s.source_ip_addresses) AS source_ip_addresses,
  min(e.source_ip_address) AS sample_source_ip_address,
  max(e.source_ip_address) AS other_source_ip_address
FROM events AS e
JOIN spread AS s
  ON s.user_identity_arn = e.user_identity_arn
WHERE (e.ec2_role_delivery IS NOT NULL OR e.user_identity_principal_id LIKE '%:i-%')
    AND e.user_identity_type = 'AssumedRole'
    AND e.user_identity_invoked_by IS NULL
    AND e.vpc_endpoint_id IS NULL
    AND e.source_ip_address NOT LIKE '%.amazonaws.com'
    AND e.source_ip_address <> 'AWS Internal'
GROUP BY e.user_identity_arn, e.recipient_account_id
