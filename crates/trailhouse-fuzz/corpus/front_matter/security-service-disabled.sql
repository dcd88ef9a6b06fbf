-- +++
-- schema      = 1
-- id          = "aws.logging.security-service-disabled"
-- title       = "Security service disabled"
-- description = "Security Hub, Macie, Inspector, Access Analyzer or Detective was switched off."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "defense-impairment"]
-- mitre       = ["T1685"]
-- references  = ["https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_DisableSecurityHub.html"]
-- false_positives = ["cost decisions"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "event_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: {event_name} in {recipient_account_id}"
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
  event_source,
  request_parameters AS request
FROM events
WHERE error_code IS NULL
  AND (
    (event_source = 'securityhub.amazonaws.com' AND event_name IN ('DisableSecurityHub', 'BatchDisableStandards'))
    OR (event_source = 'macie2.amazonaws.com' AND event_name = 'DisableMacie')
    OR (event_source = 'inspector2.amazonaws.com' AND event_name = 'Disable')
    OR (event_source = 'access-analyzer.amazonaws.com' AND event_name = 'DeleteAnalyzer')
    OR (event_source = 'detective.amazonaws.com' AND event_name = 'DeleteGraph')
  )
