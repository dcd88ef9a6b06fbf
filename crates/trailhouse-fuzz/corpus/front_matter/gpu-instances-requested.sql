-- +++
-- schema      = 1
-- id          = "aws.execution.gpu-instances-requested"
-- title       = "GPU or very large instances requested"
-- description = "Instances of a GPU, accelerator, high-memory or metal type were launched or asked for."
-- severity    = "medium"
-- confidence  = "medium"
-- status      = "stable"
-- mode        = "active"
-- owner       = "trailhouse"
-- created     = 2026-11-21
-- modified    = 2026-11-21
-- tags        = ["aws", "execution", "ec2", "impact"]
-- mitre       = ["T1496.001", "T1578.002"]
-- references  = ["https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html"]
-- false_positives = ["machine learning teams"]
-- needs       = ["management"]
--
-- [window]
-- on = "arrival"
--
-- [alert]
-- key    = ["recipient_account_id", "user_identity_arn", "instance_type"]
-- dedupe = "24h"
-- entity = "user_identity_arn"
-- title  = "{user_identity_arn} asked for {instance_type} in {recipient_account_id}"
-- +++
-- Mining and model theft want GPUs. Calls that fail count: quota and permission errors are what the first tries meet.
-- What Auto Scaling, Batch or SageMaker launch for somebody carries invokedBy and was decided elsewhere.
WITH launches AS (
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
    error_code,
    COALESCE((request_parameters ->> 'instanceType'), ((request_parameters -> 'launchSpecification') ->> 'instanceType')) AS instance_type,
    (request_parameters ->> 'instancesSet') AS instances_set
  FROM events
  WHERE event_source = 'ec2.amazonaws.com'
    AND event_name IN ('RunInstances', 'RequestSpotInstances')
    AND user_identity_invoked_by IS NULL
    AND COALESCE(error_code, '') <> 'Client.DryRunOperation'
)
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
  error_code,
  instance_type,
  instances_set
FROM launches
WHERE instance_type LIKE 'p_.%'
  OR instance_type LIKE 'p__.%'
  OR instance_type LIKE 'p___.%'
  OR instance_type LIKE 'g_.%'
  OR instance_type LIKE 'g__.%'
  OR instance_type LIKE 'g___.%'
  OR instance_type LIKE 'trn%'
  OR instance_type LIKE 'inf%'
  OR instance_type LIKE 'u-%'
  OR instance_type LIKE '%.metal%'
