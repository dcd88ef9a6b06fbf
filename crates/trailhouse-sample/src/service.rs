//! The services that are called, and how their records differ.

use crate::organization::GLOBAL_REGION;

/// A service as its records name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Service {
    /// The name before `.amazonaws.com`.
    pub(crate) name: &'static str,
    /// The event version that it writes.
    pub(crate) version: &'static str,
    /// Whether its records stand in one region whatever the caller's.
    pub(crate) scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Regional,
    Global,
}

const fn regional(name: &'static str, version: &'static str) -> Service {
    Service { name, version, scope: Scope::Regional }
}

const fn global(name: &'static str, version: &'static str) -> Service {
    Service { name, version, scope: Scope::Global }
}

pub(crate) const AUTOSCALING: Service = regional("autoscaling", "1.08");
pub(crate) const CLOUDTRAIL: Service = regional("cloudtrail", "1.11");
pub(crate) const CLOUDWATCH: Service = regional("monitoring", "1.11");
pub(crate) const CONFIG: Service = regional("config", "1.09");
pub(crate) const DYNAMODB: Service = regional("dynamodb", "1.11");
pub(crate) const EC2: Service = regional("ec2", "1.10");
pub(crate) const ECR: Service = regional("ecr", "1.09");
pub(crate) const ECS: Service = regional("ecs", "1.09");
pub(crate) const ELB: Service = regional("elasticloadbalancing", "1.10");
pub(crate) const GUARDDUTY: Service = regional("guardduty", "1.08");
pub(crate) const IAM: Service = global("iam", "1.10");
pub(crate) const KMS: Service = regional("kms", "1.11");
pub(crate) const LAMBDA: Service = regional("lambda", "1.09");
pub(crate) const LOGS: Service = regional("logs", "1.11");
pub(crate) const ORGANIZATIONS: Service = global("organizations", "1.08");
pub(crate) const RDS: Service = regional("rds", "1.11");
pub(crate) const ROUTE53: Service = global("route53", "1.08");
pub(crate) const S3: Service = regional("s3", "1.11");
pub(crate) const SECRETS: Service = regional("secretsmanager", "1.09");
pub(crate) const SECURITYHUB: Service = regional("securityhub", "1.08");
pub(crate) const SIGNIN: Service = global("signin", "1.08");
pub(crate) const SNS: Service = regional("sns", "1.09");
pub(crate) const SQS: Service = regional("sqs", "1.09");
pub(crate) const SSM: Service = regional("ssm", "1.08");
pub(crate) const SSO: Service = regional("sso", "1.08");
pub(crate) const STS: Service = regional("sts", "1.08");

impl Service {
    pub(crate) fn source(self) -> String {
        format!("{}.amazonaws.com", self.name)
    }

    /// Returns the region in which the record stands.
    pub(crate) fn region(self, callers: &'static str) -> &'static str {
        match self.scope {
            Scope::Regional => callers,
            Scope::Global => GLOBAL_REGION,
        }
    }

    /// Returns the host that a client connects to.
    pub(crate) fn host(self, region: &str) -> String {
        match self.scope {
            Scope::Regional => format!("{}.{region}.amazonaws.com", self.name),
            Scope::Global if self == SIGNIN => format!("{region}.signin.aws.amazon.com"),
            Scope::Global => self.source(),
        }
    }
}
