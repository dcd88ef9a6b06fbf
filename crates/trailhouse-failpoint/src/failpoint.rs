//! The places.

/// A place between two effects that others can see. They stand in the order in which the work on
/// an object gets to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failpoint {
    /// One table of a new lake is made; others may be missing.
    AfterTableCreated,
    /// Messages are leased and nothing else is done.
    AfterReceive,
    /// Part of a body is read from S3.
    MidDownload,
    /// A body is read.
    AfterFetch,
    /// An object is decoded and waits for its commit.
    AfterDecode,
    /// The data files of a commit are there and no log entry names them.
    AfterUpload,
    /// The log entry is ready to be put.
    BeforeCommitPut,
    /// The log entry is put and the answer is not looked at.
    AfterCommitPut,
    /// The commit is known to have landed; the objects table does not list its objects.
    AfterCommit,
    /// Rows for the objects table are written and no log entry names them.
    MidProjection,
    /// Rows for the quarantine are written and no log entry names them.
    BeforeQuarantinePut,
    /// The log entry of the quarantine is put and the answer is not looked at.
    AfterQuarantinePut,
    /// All objects of some messages are settled and the messages still leased.
    BeforeDelete,
    /// The queue has deleted messages and the answer is not looked at.
    MidDelete,
    /// Messages are deleted.
    AfterDelete,
    /// The process was asked to end and begins to give back what it holds.
    AtDrain,
    /// A file that is to stand for many is written and no log entry names it.
    AfterCompactedFile,
    /// The log entry of a compaction is put and the answer is not looked at.
    AfterCompactionPut,
}

impl Failpoint {
    /// All places on the way of an object.
    pub const ALL: [Self; 16] = [
        Self::AfterTableCreated,
        Self::AfterReceive,
        Self::MidDownload,
        Self::AfterFetch,
        Self::AfterDecode,
        Self::AfterUpload,
        Self::BeforeCommitPut,
        Self::AfterCommitPut,
        Self::AfterCommit,
        Self::MidProjection,
        Self::BeforeQuarantinePut,
        Self::AfterQuarantinePut,
        Self::BeforeDelete,
        Self::MidDelete,
        Self::AfterDelete,
        Self::AtDrain,
    ];

    /// The places of a compaction.
    pub const COMPACTION: [Self; 2] = [Self::AfterCompactedFile, Self::AfterCompactionPut];

    /// Returns the name by which the environment chooses the place.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AfterTableCreated => "after_table_created",
            Self::AfterReceive => "after_receive",
            Self::MidDownload => "mid_download",
            Self::AfterFetch => "after_fetch",
            Self::AfterDecode => "after_decode",
            Self::AfterUpload => "after_upload",
            Self::BeforeCommitPut => "before_commit_put",
            Self::AfterCommitPut => "after_commit_put",
            Self::AfterCommit => "after_commit",
            Self::MidProjection => "mid_projection",
            Self::BeforeQuarantinePut => "before_quarantine_put",
            Self::AfterQuarantinePut => "after_quarantine_put",
            Self::BeforeDelete => "before_delete",
            Self::MidDelete => "mid_delete",
            Self::AfterDelete => "after_delete",
            Self::AtDrain => "at_drain",
            Self::AfterCompactedFile => "after_compacted_file",
            Self::AfterCompactionPut => "after_compaction_put",
        }
    }

    /// Reads the name back.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().chain(Self::COMPACTION).find(|place| place.as_str() == name)
    }
}
