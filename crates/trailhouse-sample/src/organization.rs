//! The accounts, the people and the places of the organisation.

/// An account of the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleAccount {
    /// Its twelve digits.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
}

pub(crate) const PAYMENTS: SampleAccount =
    SampleAccount { id: "111122223333", name: "prod-payments" };
pub(crate) const DATA: SampleAccount = SampleAccount { id: "444455556666", name: "prod-data" };
pub(crate) const STAGING: SampleAccount = SampleAccount { id: "777788889999", name: "staging" };
pub(crate) const SECURITY: SampleAccount = SampleAccount { id: "123456789012", name: "security" };
pub(crate) const SANDBOX: SampleAccount = SampleAccount { id: "555555555555", name: "sandbox" };
pub(crate) const ACCOUNTS: [SampleAccount; 5] = [PAYMENTS, DATA, STAGING, SECURITY, SANDBOX];

/// Belongs to nobody in the organisation.
pub(crate) const FOREIGN_ACCOUNT: &str = "888877776666";
pub(crate) const ORGANIZATION: &str = "o-demoexample1";
pub(crate) const TRAIL: &str = "organization-trail";
pub(crate) const TRAIL_BUCKET: &str = "demo-organization-trail";

/// Where nearly everything runs.
pub(crate) const HOME_REGION: &str = "eu-west-1";
/// Where global services report.
pub(crate) const GLOBAL_REGION: &str = "us-east-1";

/// Where the people are.
pub(crate) const OFFICE_IPS: [&str; 6] = [
    "203.0.113.21",
    "203.0.113.22",
    "203.0.113.23",
    "203.0.113.25",
    "203.0.113.26",
    "203.0.113.27",
];
/// Where alice is, every day but one.
pub(crate) const ALICE_IP: &str = "203.0.113.24";
/// Where the build runners are.
pub(crate) const RUNNER_IPS: [&str; 4] =
    ["198.51.100.11", "198.51.100.12", "198.51.100.13", "198.51.100.14"];
/// Where the machines leave the network.
pub(crate) const EGRESS_IPS: [&str; 3] = ["192.0.2.61", "192.0.2.62", "192.0.2.63"];
/// Where nobody of the organisation is.
pub(crate) const INTRUDER_IP: &str = "198.51.100.177";

/// The long-term key of alice, in the wrong hands on the twelfth day.
pub(crate) const LEAKED_KEY: &str = "AKIADEMOLEAKEDKEY001";

impl SampleAccount {
    pub(crate) fn user_arn(self, user: &str) -> String {
        format!("arn:aws:iam::{}:user/{user}", self.id)
    }

    pub(crate) fn role_arn(self, role: &str) -> String {
        format!("arn:aws:iam::{}:role/{role}", self.id)
    }

    pub(crate) fn session_arn(self, role: &str, session: &str) -> String {
        format!("arn:aws:sts::{}:assumed-role/{role}/{session}", self.id)
    }
}
