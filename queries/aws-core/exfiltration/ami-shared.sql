-- +++
-- schema      = 1
-- id          = "aws.exfiltration.ami-shared"
-- title       = "Machine image shared"
-- description = "An AMI was shared with another account, an organization or everybody."
-- severity    = "high"
-- confidence  = "high"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "exfiltration", "ec2"]
-- mitre       = ["T1537"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html"]
-- false_positives = ["own image pipelines"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "image_id"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} shared image {image_id} of {recipient_account_id}"
-- +++
-- The list of accounts is searched as text: the own number is taken out, and twelve characters that are left are
-- somebody else.
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
  (request_parameters ->> 'imageId') AS image_id,
  ((request_parameters -> 'launchPermission') ->> 'add') AS shared_with
FROM events
WHERE event_source = 'ec2.amazonaws.com'
  AND event_name = 'ModifyImageAttribute'
  AND error_code IS NULL
  AND (
    ((request_parameters -> 'launchPermission') ->> 'add') LIKE '%"all"%'
    OR ((request_parameters -> 'launchPermission') ->> 'add') LIKE '%:organizations::%'
    OR replace(
      ((request_parameters -> 'launchPermission') ->> 'add'),
      COALESCE(recipient_account_id, '-'),
      ''
    ) LIKE '%"userId":"____________"%'
  )
