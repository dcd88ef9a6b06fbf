-- +++
-- schema      = 1
-- id          = "aws.credentials.roles-anywhere-anchor-added"
-- title       = "Roles Anywhere trusts a new certificate authority"
-- description = "A Roles Anywhere trust anchor was created, changed or enabled that is not an AWS Private CA."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "credentials", "persistence"]
-- mitre       = ["T1098.001", "T1098.003"]
-- references  = ["https://docs.aws.amazon.com/rolesanywhere/latest/userguide/getting-started.html"]
-- false_positives = ["company CA for on-premises machines"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "trust_anchor"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} made Roles Anywhere trust {trust_anchor}"
-- +++
-- An anchor on AWS Private CA needs a CA inside the organization; a bundle can be anything that someone made at home.
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
  COALESCE((request_parameters ->> 'name'), (request_parameters ->> 'trustAnchorId')) AS trust_anchor,
  ((request_parameters -> 'source') ->> 'sourceType') AS source_type
FROM events
WHERE event_source = 'rolesanywhere.amazonaws.com'
  AND event_name IN ('CreateTrustAnchor', 'UpdateTrustAnchor')
  AND error_code IS NULL
  AND COALESCE(((request_parameters -> 'source') ->> 'sourceType'), '') <> 'AWS_ACM_PCA'
