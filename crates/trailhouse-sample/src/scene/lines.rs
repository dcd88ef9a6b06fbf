//! What ordinary callers read, one line a call. `%A` is the account, `%R` the region, `%N` some
//! hexadecimal digits.

use crate::service::*;

/// A call that changes nothing.
pub(crate) struct Line {
    pub(crate) service: Service,
    pub(crate) name: &'static str,
    /// JSON, or nothing where the record has null.
    pub(crate) parameters: &'static str,
}

const fn line(service: Service, name: &'static str, parameters: &'static str) -> Line {
    Line { service, name, parameters }
}

/// Somebody looks around in the console.
pub(super) const CONSOLE: &[Line] = &[
    line(EC2, "DescribeInstances", r#"{"instancesSet":{},"filterSet":{}}"#),
    line(EC2, "DescribeInstanceStatus", r#"{"instancesSet":{},"includeAllInstances":true}"#),
    line(EC2, "DescribeSecurityGroups", r#"{"securityGroupSet":{},"filterSet":{}}"#),
    line(EC2, "DescribeVolumes", r#"{"volumeSet":{},"filterSet":{}}"#),
    line(EC2, "DescribeAvailabilityZones", r#"{"availabilityZoneSet":{}}"#),
    line(CLOUDWATCH, "DescribeAlarms", r#"{"maxRecords":100}"#),
    line(CLOUDWATCH, "GetMetricData", r#"{"metricDataQueries":[],"maxDatapoints":1000}"#),
    line(LOGS, "DescribeLogGroups", r#"{"limit":50}"#),
    line(LOGS, "DescribeLogStreams", r#"{"logGroupName":"/ecs/checkout","descending":true}"#),
    line(LAMBDA, "ListFunctions20150331", r#"{"maxItems":50}"#),
    line(LAMBDA, "GetFunction20150331v2", r#"{"functionName":"order-events"}"#),
    line(ECS, "ListClusters", r#"{"maxResults":100}"#),
    line(ECS, "DescribeServices", r#"{"cluster":"main","services":["checkout"]}"#),
    line(ECS, "ListTasks", r#"{"cluster":"main","serviceName":"checkout"}"#),
    line(RDS, "DescribeDBInstances", r#"{"maxRecords":100}"#),
    line(RDS, "DescribeDBClusters", r#"{"maxRecords":100}"#),
    line(ELB, "DescribeLoadBalancers", r#"{"pageSize":100}"#),
    line(
        ELB,
        "DescribeTargetHealth",
        r#"{"targetGroupArn":"arn:aws:elasticloadbalancing:%R:%A:targetgroup/checkout/0123456789abcdef"}"#,
    ),
    line(SQS, "ListQueues", r#"{"maxResults":1000}"#),
    line(SNS, "ListTopics", ""),
    line(IAM, "GetAccountSummary", ""),
    line(IAM, "ListAccountAliases", ""),
    line(S3, "GetBucketLocation", r#"{"bucketName":"demo-%A-artifacts","location":""}"#),
    line(KMS, "ListAliases", r#"{"limit":100}"#),
];

/// Somebody works in a terminal.
pub(super) const TERMINAL: &[Line] = &[
    line(
        EC2,
        "DescribeInstances",
        r#"{"instancesSet":{},"filterSet":{"items":[{"name":"tag:team","valueSet":{"items":[{"value":"checkout"}]}}]}}"#,
    ),
    line(EC2, "DescribeTags", r#"{"filterSet":{},"maxResults":1000}"#),
    line(EC2, "DescribeImages", r#"{"imagesSet":{},"ownersSet":{"items":[{"owner":"self"}]}}"#),
    line(
        LOGS,
        "FilterLogEvents",
        r#"{"logGroupName":"/ecs/checkout","filterPattern":"ERROR","interleaved":true}"#,
    ),
    line(LOGS, "DescribeLogStreams", r#"{"logGroupName":"/aws/lambda/order-events","limit":50}"#),
    line(LOGS, "DescribeLogGroups", ""),
    line(ECS, "DescribeTasks", r#"{"cluster":"main","tasks":["%N"]}"#),
    line(ECS, "DescribeTaskDefinition", r#"{"taskDefinition":"checkout"}"#),
    line(ECR, "DescribeImages", r#"{"repositoryName":"checkout","maxResults":100}"#),
    line(ECR, "GetAuthorizationToken", ""),
    line(LAMBDA, "GetFunctionConfiguration20150331v2", r#"{"functionName":"order-events"}"#),
    line(SSM, "GetParameter", r#"{"name":"/checkout/feature-flags","withDecryption":false}"#),
    line(SSM, "DescribeInstanceInformation", r#"{"maxResults":50}"#),
    line(
        SQS,
        "GetQueueAttributes",
        r#"{"queueUrl":"https://sqs.%R.amazonaws.com/%A/orders","attributeNames":["All"]}"#,
    ),
    line(DYNAMODB, "DescribeTable", r#"{"tableName":"orders"}"#),
    line(
        CLOUDWATCH,
        "GetMetricStatistics",
        r#"{"namespace":"AWS/SQS","metricName":"ApproximateNumberOfMessagesVisible","period":300}"#,
    ),
];

/// A plan compares what stands with what should.
pub(super) const PLAN: &[Line] = &[
    line(STS, "GetCallerIdentity", ""),
    line(
        EC2,
        "DescribeAccountAttributes",
        r#"{"accountAttributeNameSet":{"items":[{"attributeName":"default-vpc"}]},"filterSet":{}}"#,
    ),
    line(
        EC2,
        "DescribeVpcs",
        r#"{"vpcSet":{"items":[{"vpcId":"vpc-0d1e2f30415263748"}]},"filterSet":{}}"#,
    ),
    line(
        EC2,
        "DescribeVpcAttribute",
        r#"{"vpcId":"vpc-0d1e2f30415263748","attribute":"enableDnsSupport"}"#,
    ),
    line(
        EC2,
        "DescribeSubnets",
        r#"{"subnetSet":{"items":[{"subnetId":"subnet-%N"}]},"filterSet":{}}"#,
    ),
    line(
        EC2,
        "DescribeRouteTables",
        r#"{"routeTableIdSet":{"items":[{"routeTableId":"rtb-%N"}]},"filterSet":{}}"#,
    ),
    line(
        EC2,
        "DescribeSecurityGroups",
        r#"{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"sg-%N"}]},"filterSet":{}}"#,
    ),
    line(
        EC2,
        "DescribeNetworkAcls",
        r#"{"networkAclIdSet":{"items":[{"networkAclId":"acl-%N"}]},"filterSet":{}}"#,
    ),
    line(
        EC2,
        "DescribeNatGateways",
        r#"{"DescribeNatGatewaysRequest":{"NatGatewayId":{"tag":1,"content":"nat-%N"}}}"#,
    ),
    line(
        EC2,
        "DescribeLaunchTemplates",
        r#"{"DescribeLaunchTemplatesRequest":{"LaunchTemplateId":{"tag":1,"content":"lt-%N"}}}"#,
    ),
    line(ELB, "DescribeLoadBalancers", r#"{"names":["checkout"]}"#),
    line(
        ELB,
        "DescribeListeners",
        r#"{"loadBalancerArn":"arn:aws:elasticloadbalancing:%R:%A:loadbalancer/app/checkout/0123456789abcdef"}"#,
    ),
    line(ELB, "DescribeTargetGroups", r#"{"names":["checkout"]}"#),
    line(
        ELB,
        "DescribeTags",
        r#"{"resourceArns":["arn:aws:elasticloadbalancing:%R:%A:targetgroup/checkout/0123456789abcdef"]}"#,
    ),
    line(IAM, "GetRole", r#"{"roleName":"checkout-task"}"#),
    line(IAM, "ListAttachedRolePolicies", r#"{"roleName":"checkout-task"}"#),
    line(IAM, "ListRolePolicies", r#"{"roleName":"checkout-task"}"#),
    line(IAM, "GetPolicy", r#"{"policyArn":"arn:aws:iam::%A:policy/checkout-task"}"#),
    line(
        IAM,
        "GetPolicyVersion",
        r#"{"policyArn":"arn:aws:iam::%A:policy/checkout-task","versionId":"v3"}"#,
    ),
    line(IAM, "GetInstanceProfile", r#"{"instanceProfileName":"checkout-api"}"#),
    line(S3, "GetBucketPolicy", r#"{"bucketName":"demo-%A-artifacts","policy":""}"#),
    line(S3, "GetBucketVersioning", r#"{"bucketName":"demo-%A-artifacts","versioning":""}"#),
    line(S3, "GetBucketEncryption", r#"{"bucketName":"demo-%A-artifacts","encryption":""}"#),
    line(
        S3,
        "GetBucketPublicAccessBlock",
        r#"{"bucketName":"demo-%A-artifacts","publicAccessBlock":""}"#,
    ),
    line(S3, "GetBucketTagging", r#"{"bucketName":"demo-%A-artifacts","tagging":""}"#),
    line(LAMBDA, "GetFunction20150331v2", r#"{"functionName":"order-events"}"#),
    line(LAMBDA, "GetFunctionCodeSigningConfig", r#"{"functionName":"order-events"}"#),
    line(LAMBDA, "GetPolicy20150331v2", r#"{"functionName":"order-events"}"#),
    line(ECS, "DescribeClusters", r#"{"clusters":["main"],"include":["SETTINGS","TAGS"]}"#),
    line(
        ECS,
        "DescribeServices",
        r#"{"cluster":"main","services":["checkout"],"include":["TAGS"]}"#,
    ),
    line(ECS, "DescribeTaskDefinition", r#"{"taskDefinition":"checkout","include":["TAGS"]}"#),
    line(RDS, "DescribeDBInstances", r#"{"dBInstanceIdentifier":"orders"}"#),
    line(RDS, "DescribeDBSubnetGroups", r#"{"dBSubnetGroupName":"private"}"#),
    line(RDS, "ListTagsForResource", r#"{"resourceName":"arn:aws:rds:%R:%A:db:orders"}"#),
    line(DYNAMODB, "DescribeTable", r#"{"tableName":"orders"}"#),
    line(DYNAMODB, "DescribeContinuousBackups", r#"{"tableName":"orders"}"#),
    line(DYNAMODB, "DescribeTimeToLive", r#"{"tableName":"orders"}"#),
    line(
        SQS,
        "GetQueueAttributes",
        r#"{"queueUrl":"https://sqs.%R.amazonaws.com/%A/orders","attributeNames":["All"]}"#,
    ),
    line(SNS, "GetTopicAttributes", r#"{"topicArn":"arn:aws:sns:%R:%A:alerts"}"#),
    line(LOGS, "DescribeLogGroups", r#"{"logGroupNamePrefix":"/ecs/checkout"}"#),
    line(
        LOGS,
        "ListTagsForResource",
        r#"{"resourceArn":"arn:aws:logs:%R:%A:log-group:/ecs/checkout"}"#,
    ),
    line(CLOUDWATCH, "DescribeAlarms", r#"{"alarmNames":["checkout-5xx"]}"#),
    line(KMS, "DescribeKey", r#"{"keyId":"alias/main"}"#),
    line(KMS, "GetKeyPolicy", r#"{"keyId":"alias/main","policyName":"default"}"#),
    line(KMS, "GetKeyRotationStatus", r#"{"keyId":"alias/main"}"#),
    line(ROUTE53, "GetHostedZone", r#"{"id":"Z0DEMO0HOSTED0ZONE"}"#),
    line(
        ROUTE53,
        "ListResourceRecordSets",
        r#"{"hostedZoneId":"Z0DEMO0HOSTED0ZONE","maxItems":"100"}"#,
    ),
    line(AUTOSCALING, "DescribeAutoScalingGroups", r#"{"autoScalingGroupNames":["checkout-api"]}"#),
];

/// The configuration recorder takes stock.
pub(super) const INVENTORY: &[Line] = &[
    line(EC2, "DescribeInstances", r#"{"maxResults":1000,"instancesSet":{},"filterSet":{}}"#),
    line(EC2, "DescribeVolumes", r#"{"maxResults":500,"volumeSet":{},"filterSet":{}}"#),
    line(
        EC2,
        "DescribeNetworkInterfaces",
        r#"{"maxResults":1000,"networkInterfaceIdSet":{},"filterSet":{}}"#,
    ),
    line(EC2, "DescribeVpcEndpoints", r#"{"DescribeVpcEndpointsRequest":{"MaxResults":1000}}"#),
    line(EC2, "DescribeFlowLogs", r#"{"DescribeFlowLogsRequest":{"MaxResults":1000}}"#),
    line(EC2, "DescribeRouteTables", r#"{"routeTableIdSet":{},"filterSet":{}}"#),
    line(
        EC2,
        "DescribeSecurityGroups",
        r#"{"securityGroupSet":{},"securityGroupIdSet":{},"filterSet":{}}"#,
    ),
    line(EC2, "DescribeSubnets", r#"{"subnetSet":{},"filterSet":{}}"#),
    line(EC2, "DescribeVpcs", r#"{"vpcSet":{},"filterSet":{}}"#),
    line(RDS, "DescribeDBInstances", r#"{"maxRecords":100}"#),
    line(RDS, "DescribeDBClusters", r#"{"maxRecords":100}"#),
    line(RDS, "DescribeDBSubnetGroups", r#"{"maxRecords":100}"#),
    line(LAMBDA, "ListFunctions20150331", r#"{"maxItems":50}"#),
    line(LAMBDA, "GetFunctionConfiguration20150331v2", r#"{"functionName":"order-events"}"#),
    line(S3, "GetBucketAcl", r#"{"bucketName":"demo-%A-artifacts","acl":""}"#),
    line(S3, "GetBucketPolicy", r#"{"bucketName":"demo-%A-artifacts","policy":""}"#),
    line(S3, "GetBucketVersioning", r#"{"bucketName":"demo-%A-artifacts","versioning":""}"#),
    line(S3, "GetBucketLogging", r#"{"bucketName":"demo-%A-artifacts","logging":""}"#),
    line(DYNAMODB, "ListTables", r#"{"limit":100}"#),
    line(DYNAMODB, "DescribeTable", r#"{"tableName":"orders"}"#),
    line(SQS, "ListQueues", r#"{"maxResults":1000}"#),
    line(SNS, "ListTopics", ""),
    line(ELB, "DescribeLoadBalancers", r#"{"pageSize":400}"#),
    line(ECS, "ListClusters", r#"{"maxResults":100}"#),
    line(KMS, "ListKeys", r#"{"limit":1000}"#),
    line(CLOUDTRAIL, "DescribeTrails", r#"{"includeShadowTrails":false}"#),
    line(IAM, "ListRoles", r#"{"maxItems":1000}"#),
    line(IAM, "ListPolicies", r#"{"scope":"Local","onlyAttached":false}"#),
    line(IAM, "GetAccountPasswordPolicy", ""),
];

/// The security account looks at findings and the state of its tools.
pub(super) const POSTURE: &[Line] = &[
    line(
        SECURITYHUB,
        "GetFindings",
        r#"{"Filters":{"WorkflowStatus":[{"Value":"NEW","Comparison":"EQUALS"}]},"MaxResults":100}"#,
    ),
    line(SECURITYHUB, "DescribeHub", ""),
    line(SECURITYHUB, "GetEnabledStandards", r#"{"MaxResults":100}"#),
    line(GUARDDUTY, "ListDetectors", ""),
    line(
        GUARDDUTY,
        "ListFindings",
        r#"{"detectorId":"0123456789abcdef0123456789abcdef","maxResults":50}"#,
    ),
    line(GUARDDUTY, "GetDetector", r#"{"detectorId":"0123456789abcdef0123456789abcdef"}"#),
    line(CONFIG, "DescribeConfigurationRecorderStatus", ""),
    line(CONFIG, "DescribeComplianceByConfigRule", ""),
    line(
        CONFIG,
        "GetComplianceDetailsByConfigRule",
        r#"{"configRuleName":"s3-bucket-logging-enabled","limit":100}"#,
    ),
    line(CLOUDTRAIL, "DescribeTrails", r#"{"includeShadowTrails":true}"#),
    line(CLOUDTRAIL, "GetTrailStatus", r#"{"name":"organization-trail"}"#),
];
