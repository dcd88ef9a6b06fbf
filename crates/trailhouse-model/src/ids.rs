//! Identifiers that are text or numbers elsewhere and must not be mixed up here.

use std::fmt;

macro_rules! text_identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it came.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Returns the text as it came.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_identifier!(
    /// The name of an S3 bucket, or one of the two places that are not buckets: see
    /// [`BucketName::LOCAL_FILE`] and [`BucketName::STDIN`].
    BucketName
);
text_identifier!(
    /// The key of an object in its bucket, decoded; for a local file, its absolute path.
    ObjectKey
);
text_identifier!(
    /// The entity tag of an object without its quotes.
    ETag
);
text_identifier!(
    /// Names one attempt to commit a batch; the same text stands in the commit it made.
    BatchId
);

impl BucketName {
    /// Stands for the local file system. The colon keeps it apart from every legal bucket name.
    pub const LOCAL_FILE: &'static str = "file:";
    /// Stands for standard input.
    pub const STDIN: &'static str = "stdin:";

    /// Says whether objects of this name are identified by their content instead of their key.
    pub fn is_local(&self) -> bool {
        self.0 == Self::LOCAL_FILE || self.0 == Self::STDIN
    }
}

/// The version of a Delta table; 0 is the commit that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableVersion(pub u64);

impl TableVersion {
    /// Returns the version that the next commit will have.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The version before; the first one has none and stays.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for TableVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
