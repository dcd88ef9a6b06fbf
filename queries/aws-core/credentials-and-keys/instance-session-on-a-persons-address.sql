-- +++
-- schema      = 1
-- id          = "aws.credentials.instance-session-on-a-persons-address"
-- title       = "Instance credentials used from the address of an IAM user"
-- description = "The role session of an EC2 instance came from the same address as an IAM user."
-- severity    = "medium"
-- confidence  = "low"
-- status      = "experimental"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "credentials", "ec2"]
-- mitre       = ["T1552.005", "T1550.001"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html"]
-- false_positives = ["a NAT gateway shared by instances and people"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["user_identity_arn", "source_ip_address"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} came from {source_ip_address}, like {person_arn}"
-- +++
WITH people AS (
  SELECT e.source_ip_address, max(e.user_identity_arn) AS person_arn
  FROM events AS e
  WHERE e.user_identity_type = 'IAMUser'
    AND e.user_identity_invoked_by IS NULL
    AND e.vpc_endpoint_id IS NULL
    AND e.source_ip_address NOT LIKE '%.amazonaws.com'
    AND e.source_ip_address <> 'AWS Internal'
  GROUP BY e.source_ip_address
)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  e.source_ip_address,
  max(p.person_arn) AS person_arn,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
JOIN people AS p
  ON p.source_ip_address = e.source_ip_address
WHERE (e.ec2_role_delivery IS NOT NULL OR e.user_identity_principal_id LIKE '%:i-%')
    AND e.user_identity_type = 'AssumedRole'
    AND e.user_identity_invoked_by IS NULL
    AND e.vpc_endpoint_id IS NULL
    AND e.source_ip_address NOT LIKE '%.amazonaws.com'
    AND e.source_ip_address <> 'AWS Internal'
GROUP BY e.user_identity_arn, e.recipient_account_id, e.source_ip_address
