//! What went wrong, in the words of the person who has to act on it.

use trailhouse_lake::LakeError;
use trailhouse_local::SourceError;
use trailhouse_model::Disposition;
use trailhouse_runtime::{DriveError, PortError, PortErrorKind, error_chain};

/// The kind of a failure; each has one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// What was asked for makes no sense.
    Usage,
    /// Configuration or a detection pack is wrong.
    Configuration,
    /// Credentials are missing or do not allow it.
    Permission,
    /// A query is wrong or failed.
    Query,
    /// A limit was hit.
    Limit,
    /// The lake is missing, damaged or newer than this build.
    Table,
    /// Trying again later may help.
    Temporary,
    /// Ended by a second signal.
    Interrupted,
    /// A bug in the program.
    Bug,
}

/// A command could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    /// Which kind.
    pub kind: FailureKind,
    /// What happened, where and why; may have several lines.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ServiceError {
    /// Makes an error without advice.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn failure_of(kind: PortErrorKind) -> FailureKind {
    match kind {
        PortErrorKind::Denied => FailureKind::Permission,
        PortErrorKind::Throttled | PortErrorKind::Unavailable => FailureKind::Temporary,
        PortErrorKind::NotFound | PortErrorKind::Archived | PortErrorKind::Misconfigured => {
            FailureKind::Configuration
        }
        PortErrorKind::TooLarge => FailureKind::Limit,
        PortErrorKind::Corrupt => FailureKind::Table,
        PortErrorKind::Bug => FailureKind::Bug,
    }
}

impl From<PortError> for ServiceError {
    fn from(error: PortError) -> Self {
        Self::new(failure_of(error.kind), error_chain(&error))
    }
}

/// Tells a failure of the lake in the caller's words, with its kind and what to do about it.
pub(crate) fn lake_failure(error: &LakeError, message: String) -> ServiceError {
    let (kind, hint) = match error {
        LakeError::Missing { .. } => (
            FailureKind::Table,
            Some(
                "name another with --lake, or make one: `trailhouse ingest SRC` or `trailhouse demo`",
            ),
        ),
        LakeError::NotALake { .. } => (
            FailureKind::Table,
            Some("--lake takes the folder that holds the tables events, objects, ..."),
        ),
        LakeError::UnsupportedUri { .. } => (FailureKind::Usage, None),
        LakeError::NoConditionalPut { .. } => {
            (FailureKind::Configuration, Some("use such a store, or a lake on a local disk"))
        }
        LakeError::UnsupportedProtocol { .. } | LakeError::SchemaMismatch { .. } => (
            FailureKind::Table,
            Some("use the build of trailhouse that wrote the lake, or a newer one"),
        ),
        LakeError::DemandingColumn { .. } => (
            FailureKind::Table,
            Some("let the column be null and drop its invariants, with the program that set them"),
        ),
        LakeError::Damaged { .. } | LakeError::VersionGone { .. } | LakeError::Rows { .. } => {
            (FailureKind::Table, None)
        }
        LakeError::Contended { .. } | LakeError::Overtaken { .. } | LakeError::Unknown { .. } => {
            (FailureKind::Temporary, Some("run the same command again; nothing is stored twice"))
        }
        LakeError::Probe { .. } | LakeError::Store { .. } | LakeError::Delta { .. } => {
            match error.kind() {
                PortErrorKind::Denied => (FailureKind::Permission, None),
                PortErrorKind::Throttled | PortErrorKind::Unavailable => {
                    (FailureKind::Temporary, None)
                }
                PortErrorKind::NotFound
                | PortErrorKind::Archived
                | PortErrorKind::TooLarge
                | PortErrorKind::Corrupt
                | PortErrorKind::Misconfigured
                | PortErrorKind::Bug => (FailureKind::Table, None),
            }
        }
    };
    ServiceError { kind, message, hint: hint.map(str::to_owned) }
}

impl From<LakeError> for ServiceError {
    fn from(error: LakeError) -> Self {
        lake_failure(&error, error_chain(&error))
    }
}

impl From<SourceError> for ServiceError {
    fn from(error: SourceError) -> Self {
        let kind = match &error {
            SourceError::NotThere { .. }
            | SourceError::BadPattern { .. }
            | SourceError::NoMatch { .. } => FailureKind::Usage,
            SourceError::Unreadable { .. } => FailureKind::Permission,
            SourceError::StreamTooLarge { .. } => FailureKind::Limit,
        };
        Self::new(kind, error_chain(&error))
    }
}

impl From<DriveError> for ServiceError {
    fn from(error: DriveError) -> Self {
        let kind = match &error {
            DriveError::Stopped { kind: Some(kind), .. } => failure_of(*kind),
            DriveError::Stopped { stop, kind: None, .. } => match stop.disposition {
                Disposition::RetryLater => FailureKind::Temporary,
                Disposition::Quarantine | Disposition::Stop => FailureKind::Table,
            },
            DriveError::Aborted { .. } => FailureKind::Interrupted,
            DriveError::Panicked { .. }
            | DriveError::PayloadMissing { .. }
            | DriveError::Stalled => FailureKind::Bug,
        };
        let made = Self::new(kind, drive_message(&error));
        match kind {
            FailureKind::Temporary => {
                made.with_hint("run the same command again; what is stored is not stored twice")
            }
            FailureKind::Usage
            | FailureKind::Configuration
            | FailureKind::Permission
            | FailureKind::Query
            | FailureKind::Limit
            | FailureKind::Table
            | FailureKind::Interrupted
            | FailureKind::Bug => made,
        }
    }
}

/// The words of a port say what failed; those of the machine would only repeat it.
fn drive_message(error: &DriveError) -> String {
    match error {
        DriveError::Stopped { stop, .. } if stop.detail.starts_with("failed to") => {
            stop.detail.clone()
        }
        DriveError::Stopped { .. }
        | DriveError::Aborted { .. }
        | DriveError::Panicked { .. }
        | DriveError::PayloadMissing { .. }
        | DriveError::Stalled => error_chain(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_cannot_hold_a_lake_is_a_matter_of_configuration() {
        let error = LakeError::NoConditionalPut { uri: "s3://bucket/lake/".to_owned() };
        let error = ServiceError::from(error);
        assert_eq!(error.kind, FailureKind::Configuration);
        assert!(error.message.contains("Amazon S3, SeaweedFS"), "{}", error.message);
    }
}
