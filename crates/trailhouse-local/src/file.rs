//! One file: found, hashed, read.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    time::SystemTime,
};

use bytes::Bytes;
use trailhouse_model::{BucketName, ContentHash, ObjectRef};
use trailhouse_runtime::PortErrorKind;

use crate::{file_path::FilePath, path_key::key_of_path};

/// What tells whether a file is still the one that was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub(crate) bytes: u64,
    pub(crate) modified: Option<SystemTime>,
}

/// A file or something in its place that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFile {
    pub(crate) path: FilePath,
    pub(crate) stamp: Stamp,
}

impl FoundFile {
    /// Names the file by its content. A file that cannot be read, or is larger than the limit, is
    /// named by its path instead, so that the reader meets the trouble and it is reported.
    pub(crate) fn identify(&self, bytes_max: u64) -> ObjectRef {
        self.identify_with(bytes_max, |_, _| {})
    }

    /// Names the file in the same way and hands over the content that it is named by.
    pub(crate) fn identify_with(
        &self,
        bytes_max: u64,
        keep: impl FnOnce(ContentHash, Bytes),
    ) -> ObjectRef {
        let bucket = BucketName::new(BucketName::LOCAL_FILE);
        let path = self.path.path();
        let mut object = ObjectRef::new(bucket, key_of_path(&path));
        object.size_bytes = Some(self.stamp.bytes);
        if let Ok(content) = read_file(&path, bytes_max) {
            let hash = ContentHash::of(&content);
            object.size_bytes = u64::try_from(content.len()).ok();
            object.content = Some(hash);
            keep(hash, content);
        }
        object
    }
}

/// A local object could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("more than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    #[error("neither a file nor a link to one")]
    NotAFile,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ReadError {
    pub(crate) fn kind(&self) -> PortErrorKind {
        match self {
            Self::TooLarge { .. } => PortErrorKind::TooLarge,
            Self::NotAFile => PortErrorKind::Misconfigured,
            Self::Io(error) => kind_of(error),
        }
    }
}

pub(crate) fn kind_of(error: &io::Error) -> PortErrorKind {
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    if is(&[io::ErrorKind::NotFound, io::ErrorKind::NotADirectory]) {
        PortErrorKind::NotFound
    } else if is(&[io::ErrorKind::PermissionDenied]) {
        PortErrorKind::Denied
    } else {
        PortErrorKind::Unavailable
    }
}

/// Reads a regular file whole. Opening anything else could wait for ever.
pub(crate) fn read_file(path: &Path, bytes_max: u64) -> Result<Bytes, ReadError> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        // Says what is wrong with a folder that cannot be listed.
        fs::read_dir(path)?;
    }
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    read_bounded(File::open(path)?, metadata.len(), bytes_max)
}

/// Reads to the end, but never more than one byte past the limit.
pub(crate) fn read_bounded(
    reader: impl Read,
    bytes_expected: u64,
    bytes_max: u64,
) -> Result<Bytes, ReadError> {
    let too_large = ReadError::TooLarge { limit_bytes: bytes_max };
    if bytes_expected > bytes_max {
        return Err(too_large);
    }
    let mut content = Vec::with_capacity(usize::try_from(bytes_expected).unwrap_or(0));
    reader.take(bytes_max.saturating_add(1)).read_to_end(&mut content)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(too_large);
    }
    Ok(Bytes::from(content))
}
