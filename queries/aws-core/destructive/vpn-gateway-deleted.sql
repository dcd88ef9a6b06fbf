-- +++
-- schema      = 1
-- id          = "aws.destructive.vpn-gateway-deleted"
-- title       = "VPN gateway or connection removed"
-- description = "A VPN gateway, VPN connection or customer gateway was deleted or detached."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "ec2", "network"]
-- mitre       = ["T1485", "T1489"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpnGateway.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "gateway_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: {event_name} {gateway_id}"
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
    (request_parameters ->> 'vpnGatewayId'),
    (request_parameters ->> 'vpnConnectionId'),
    (request_parameters ->> 'customerGatewayId')
  ) AS gateway_id
FROM events
WHERE event_source = 'ec2.amazonaws.com'
  AND event_name IN ('DeleteVpnGateway', 'DeleteVpnConnection', 'DeleteCustomerGateway', 'DetachVpnGateway')
  AND error_code IS NULL
