-- +++
-- schema      = 1
-- id          = "aws.discovery.ses-enumerated"
-- title       = "SES sending capacity probed"
-- description = "One principal made several different calls that tell how much mail the account may send."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-22
-- tags        = ["aws", "discovery", "ses"]
-- mitre       = ["T1580", "T1526"]
-- references  = ["https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html"]
-- false_positives = ["mail platforms"]
-- needs       = ["management"]
--
-- [window]
-- on    = "event"
-- every = "15m"
-- span  = "1h"
--
-- [params]
-- min_calls = { default = 3, doc = "different calls about sending capacity" }
--
-- [alert]
-- key    = ["user_identity_arn", "recipient_account_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} probed SES in {recipient_account_id}"
-- +++
WITH params AS (SELECT 3 AS min_calls)
SELECT
  e.user_identity_arn,
  e.recipient_account_id,
  array_agg(e.event_id) AS event_ids,
  count(DISTINCT e.event_id) AS events,
  min(e.event_time) AS first_event_time,
  max(e.event_time) AS last_event_time,
  count(DISTINCT e.event_name) AS kinds_of_calls,
  count(e.error_code) AS denied,
  max(e.user_identity_access_key_id) AS user_identity_access_key_id,
  max(e.source_ip_address) AS sample_source_ip_address,
  max(e.user_agent) AS sample_user_agent
FROM events AS e
CROSS JOIN params AS p
WHERE e.event_source = 'ses.amazonaws.com'
  AND e.event_name IN (
    'GetAccount',
    'GetAccountSendingEnabled',
    'GetSendQuota',
    'GetSendStatistics',
    'GetIdentityVerificationAttributes',
    'ListIdentities',
    'ListEmailIdentities',
    'ListServiceQuotas'
  )
  AND e.user_identity_arn IS NOT NULL
  -- The console asks all of these on its start page; what comes from it carries a session made there.
  AND COALESCE(e.session_credential_from_console, FALSE) = FALSE
GROUP BY e.user_identity_arn, e.recipient_account_id, p.min_calls
HAVING count(DISTINCT e.event_name) >= p.min_calls
