-- +++
-- schema      = 1
-- id          = "aws.destructive.dynamodb-table-deleted"
-- title       = "DynamoDB table deleted"
-- description = "A DynamoDB table was deleted."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "destructive", "dynamodb"]
-- mitre       = ["T1485"]
-- references  = ["https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html"]
-- false_positives = ["planned removal"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "aws_region", "table_name"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} deleted table {table_name} in {recipient_account_id}"
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
  (request_parameters ->> 'tableName') AS table_name
FROM events
WHERE event_source = 'dynamodb.amazonaws.com'
  AND event_name = 'DeleteTable'
  AND error_code IS NULL
