//! What can go wrong with a lake, and what to do about it.

use std::{collections::BTreeSet, error::Error, io};

use deltalake_core::DeltaTableError;
use trailhouse_model::{Classify, Disposition, TableVersion};
use trailhouse_runtime::{BoxError, PortError, PortErrorKind};

use crate::tables::TableName;

/// A call to the lake did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// Nothing is there.
    #[error("there is no lake at {uri}")]
    Missing {
        /// Where it was looked for.
        uri: String,
    },
    /// Something else is there.
    #[error("{uri} holds something that is not a lake")]
    NotALake {
        /// Where it was looked for.
        uri: String,
    },
    /// The text names no place where a lake can be.
    #[error("{uri} cannot hold a lake: {reason}")]
    UnsupportedUri {
        /// What was asked for.
        uri: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// Two writers could take the same version of a table there.
    #[error(
        "{uri} cannot hold a lake: its store does not refuse a second PUT with If-None-Match; \
         Amazon S3, SeaweedFS, MinIO and Cloudflare R2 do"
    )]
    NoConditionalPut {
        /// Where the lake would be.
        uri: String,
    },
    /// It could not be seen whether the store can hold a lake.
    #[error("failed to write to {uri}")]
    Probe {
        /// Where the lake would be.
        uri: String,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
    /// Another program raised the table's protocol beyond what is written here.
    #[error("table {table} needs a Delta writer with features that this program does not have")]
    UnsupportedProtocol {
        /// The table.
        table: TableName,
    },
    /// The table has other columns than this program writes.
    #[error("table {table} has no column {column} of the type that this program writes")]
    SchemaMismatch {
        /// The table.
        table: TableName,
        /// The first column that differs.
        column: String,
    },
    /// Another program demands of a column what is not promised here.
    #[error("column {column} of table {table} must not be null or has another invariant")]
    DemandingColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// The log says something that cannot be.
    #[error("table {table} is damaged at version {version}: {reason}")]
    Damaged {
        /// The table.
        table: TableName,
        /// The version that was read.
        version: TableVersion,
        /// What is wrong with it.
        reason: String,
    },
    /// The changes of this version are no longer listed one by one.
    #[error("the log entry of version {version} of table {table} is gone")]
    VersionGone {
        /// The table.
        table: TableName,
        /// The first version that is not there.
        version: TableVersion,
    },
    /// Others kept committing first.
    #[error("table {table} is too busy to commit to")]
    Contended {
        /// The table.
        table: TableName,
    },
    /// Others have run the same detections over rows that these runs have judged.
    #[error("somebody else has run these detections: {}", list(detections))]
    Overtaken {
        /// The detections.
        detections: BTreeSet<String>,
    },
    /// A commit was sent and it cannot be known whether it landed.
    #[error("it is not known whether a commit to table {table} landed")]
    Unknown {
        /// The table.
        table: TableName,
    },
    /// The store refused or failed.
    #[error("failed to {action} of table {table}")]
    Store {
        /// The table.
        table: TableName,
        /// What was being done, as in `read log entry`.
        action: &'static str,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
    /// The Delta library failed.
    #[error("failed to {action} of table {table}")]
    Delta {
        /// The table.
        table: TableName,
        /// What was being done.
        action: &'static str,
        /// What the library said.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// Rows could not be turned into a file or back.
    #[error("failed to {action} of table {table}")]
    Rows {
        /// The table.
        table: TableName,
        /// What was being done.
        action: &'static str,
        /// What the library said.
        #[source]
        source: BoxError,
    },
}

impl LakeError {
    pub(crate) fn store(
        table: TableName,
        action: &'static str,
    ) -> impl FnOnce(object_store::Error) -> Self {
        move |source| Self::Store { table, action, source }
    }

    pub(crate) fn delta(
        table: TableName,
        action: &'static str,
    ) -> impl FnOnce(DeltaTableError) -> Self {
        move |source| Self::Delta { table, action, source: Box::new(source) }
    }

    pub(crate) fn rows<E: Into<BoxError>>(
        table: TableName,
        action: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Rows { table, action, source: source.into() }
    }

    /// Returns the kind that a port reports for this error.
    pub fn kind(&self) -> PortErrorKind {
        match self {
            Self::Missing { .. } | Self::VersionGone { .. } => PortErrorKind::NotFound,
            Self::NotALake { .. }
            | Self::UnsupportedUri { .. }
            | Self::NoConditionalPut { .. }
            | Self::UnsupportedProtocol { .. }
            | Self::SchemaMismatch { .. }
            | Self::DemandingColumn { .. } => PortErrorKind::Misconfigured,
            Self::Damaged { .. } => PortErrorKind::Corrupt,
            Self::Contended { .. } | Self::Overtaken { .. } | Self::Unknown { .. } => {
                PortErrorKind::Unavailable
            }
            Self::Probe { source, .. } | Self::Store { source, .. } => store_kind(source),
            Self::Delta { source, .. } => {
                kind_of_cause(source.as_ref(), PortErrorKind::Misconfigured)
            }
            Self::Rows { source, .. } => kind_of_cause(source.as_ref(), PortErrorKind::Bug),
        }
    }

    pub(crate) fn into_port(self, action: &'static str) -> PortError {
        // A lake in a bad state is never a reason to put the input aside.
        let kind = match self.disposition() {
            Disposition::RetryLater => PortErrorKind::Unavailable,
            Disposition::Quarantine | Disposition::Stop => match self.kind() {
                PortErrorKind::Denied => PortErrorKind::Denied,
                PortErrorKind::Bug => PortErrorKind::Bug,
                PortErrorKind::NotFound
                | PortErrorKind::Archived
                | PortErrorKind::Throttled
                | PortErrorKind::Unavailable
                | PortErrorKind::TooLarge
                | PortErrorKind::Corrupt
                | PortErrorKind::Misconfigured => PortErrorKind::Misconfigured,
            },
        };
        PortError::with_source(kind, action, self)
    }
}

impl Classify for LakeError {
    fn disposition(&self) -> Disposition {
        match self.kind() {
            PortErrorKind::Throttled | PortErrorKind::Unavailable => Disposition::RetryLater,
            PortErrorKind::NotFound
            | PortErrorKind::Archived
            | PortErrorKind::Denied
            | PortErrorKind::TooLarge
            | PortErrorKind::Corrupt
            | PortErrorKind::Misconfigured
            | PortErrorKind::Bug => Disposition::Stop,
        }
    }
}

/// What the Delta kernel and DataFusion's Parquet reader say where the store failed: they keep the
/// store's error as text only.
const STORE_FAILED: [&str; 2] = ["Error interacting with object store", "Object Store error: "];

/// Returns what the store said, however deep a library buried it; else the given kind.
fn kind_of_cause(error: &(dyn Error + 'static), otherwise: PortErrorKind) -> PortErrorKind {
    match cause::<object_store::Error>(error) {
        Some(store) => store_kind(store),
        None if is_store_failure(&error.to_string()) => PortErrorKind::Unavailable,
        None => otherwise,
    }
}

fn is_store_failure(text: &str) -> bool {
    STORE_FAILED.iter().any(|words| text.contains(words))
}

pub(crate) fn store_kind(error: &object_store::Error) -> PortErrorKind {
    use object_store::Error as Store;
    if matches!(error, Store::PermissionDenied { .. } | Store::Unauthenticated { .. }) {
        return PortErrorKind::Denied;
    }
    if matches!(error, Store::NotFound { .. }) {
        return PortErrorKind::NotFound;
    }
    let never = matches!(
        error,
        Store::NotSupported { .. } | Store::NotImplemented { .. } | Store::InvalidPath { .. }
    );
    // The local store hides the operating system's word for it in its causes.
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            PortErrorKind::Denied
        }
        Some(io::ErrorKind::NotADirectory) => PortErrorKind::Misconfigured,
        _ if never => PortErrorKind::Misconfigured,
        // Everything else may pass: a timeout, a full disk, an overloaded store.
        _ => PortErrorKind::Unavailable,
    }
}

fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn list(detections: &BTreeSet<String>) -> String {
    let names: Vec<&str> = detections.iter().map(String::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: object_store::Error, kind: PortErrorKind, disposition: Disposition) {
        let (table, action) = (TableName::Events, "read rows");
        let buried = DeltaTableError::ObjectStore { source: error };
        let error = LakeError::delta(table, action)(buried);
        assert_eq!((error.kind(), error.disposition()), (kind, disposition), "{error}");
    }

    #[test]
    fn what_the_store_says_decides() {
        let path = || "events/x".to_owned();
        let io = |kind: io::ErrorKind| object_store::Error::Generic {
            store: "local",
            source: Box::new(io::Error::from(kind)),
        };
        let denied = object_store::Error::PermissionDenied { path: path(), source: "403".into() };
        check(denied, PortErrorKind::Denied, Disposition::Stop);
        check(io(io::ErrorKind::PermissionDenied), PortErrorKind::Denied, Disposition::Stop);
        check(io(io::ErrorKind::TimedOut), PortErrorKind::Unavailable, Disposition::RetryLater);
        check(io(io::ErrorKind::StorageFull), PortErrorKind::Unavailable, Disposition::RetryLater);
        let gone = object_store::Error::NotFound { path: path(), source: "404".into() };
        check(gone, PortErrorKind::NotFound, Disposition::Stop);
    }

    #[test]
    fn a_store_that_fails_under_the_parquet_reader_is_no_bug() {
        let error = |text: &str| LakeError::rows(TableName::Objects, "read ledger")(text);
        let failed = "Parquet error: Failed to fetch metadata for file x.parquet: \
                      Object Store error: Generic S3 error: 500";
        assert_eq!(error(failed).disposition(), Disposition::RetryLater);
        let damaged = "Parquet error: Failed to fetch metadata for file x.parquet: Corrupt footer";
        assert_eq!(error(damaged).disposition(), Disposition::Stop);
    }
}
