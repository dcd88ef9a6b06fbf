-- +++
-- schema      = 1
-- id          = "aws.logging.guardduty-weakened"
-- title       = "GuardDuty switched off or made to ignore"
-- description = "A detector was deleted or disabled, an account left its administrator, findings are archived or no longer published, or addresses are trusted."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "logging", "guardduty", "defense-impairment"]
-- mitre       = ["T1685"]
-- references  = ["https://docs.aws.amazon.com/guardduty/latest/APIReference/API_DeleteDetector.html"]
-- false_positives = ["filters by the security team"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "event_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn}: GuardDuty {event_name} in {recipient_account_id}"
-- +++
-- A trusted IP set makes GuardDuty say nothing about those addresses; a filter that archives hides its findings.
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
  (request_parameters ->> 'detectorId') AS detector_id,
  request_parameters AS request
FROM events
WHERE event_source = 'guardduty.amazonaws.com'
  AND error_code IS NULL
  AND (
    event_name IN (
      'DeleteDetector',
      'DeletePublishingDestination',
      'DisassociateFromMasterAccount',
      'DisassociateFromAdministratorAccount',
      'DisassociateMembers',
      'DeleteMembers',
      'StopMonitoringMembers'
    )
    OR (event_name = 'UpdateDetector' AND (request_parameters ->> 'enable') = 'false')
    OR (event_name IN ('CreateFilter', 'UpdateFilter') AND (request_parameters ->> 'action') = 'ARCHIVE')
    OR (event_name IN ('CreateIPSet', 'UpdateIPSet') AND (request_parameters ->> 'activate') = 'true')
  )
