//! What the user names as sources, found before anything starts.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use bytes::Bytes;
use trailhouse_model::{
    BucketName, Classify, ContentHash, Disposition, ObjectId, ObjectKey, ObjectRef,
};

use crate::{
    FileReader, SourceListing,
    file::{FoundFile, ReadError, Stamp, read_bounded},
    file_path::FilePath,
    path_key::key_of_path,
    read_ahead::ReadAhead,
    walk::{Walk, walk},
};

const MIB: u64 = 1024 * 1024;

/// The argument that stands for standard input.
const STDIN_ARGUMENT: &str = "-";

/// Bounds on what is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// Bytes of standard input, which is kept in memory.
    pub stdin_bytes_max: u64,
    /// Bytes of a file; larger ones are named by their path and refused by the reader.
    pub file_bytes_max: u64,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self { stdin_bytes_max: 128 * MIB, file_bytes_max: 128 * MIB }
    }
}

/// Why the sources cannot be used as they are named.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing of this name.
    #[error("`{name}` does not exist")]
    NotThere {
        /// What stood there.
        name: String,
    },
    /// Something of this name that cannot be read.
    #[error("failed to read `{name}`")]
    Unreadable {
        /// What stood there.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A pattern that is none.
    #[error("`{pattern}` is not a pattern")]
    BadPattern {
        /// What stood there.
        pattern: String,
        /// Why.
        #[source]
        source: glob::PatternError,
    },
    /// A pattern that no file has.
    #[error("no file matches `{pattern}`")]
    NoMatch {
        /// What stood there.
        pattern: String,
    },
    /// More in a pipe than is kept in memory.
    #[error("`{name}` holds more than {limit_bytes} bytes; save it to a file first")]
    StreamTooLarge {
        /// What stood there.
        name: String,
        /// The limit.
        limit_bytes: u64,
    },
}

impl Classify for SourceError {
    fn disposition(&self) -> Disposition {
        Disposition::Stop
    }
}

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PlannedObject {
    File(FoundFile),
    Stream { key: ObjectKey, content: Bytes },
}

impl PlannedObject {
    fn key(&self) -> ObjectKey {
        match self {
            Self::File(file) => key_of_path(&file.path.path()),
            Self::Stream { key, .. } => key.clone(),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::File(file) => file.stamp.bytes,
            Self::Stream { content, .. } => u64::try_from(content.len()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn identify(&self, bytes_max: u64, ahead: &ReadAhead) -> ObjectRef {
        match self {
            Self::File(file) => {
                file.identify_with(bytes_max, |hash, content| ahead.keep(hash, content))
            }
            Self::Stream { key, content } => {
                let bucket = BucketName::new(BucketName::STDIN);
                let mut object = ObjectRef::new(bucket, key.clone());
                object.size_bytes = Some(self.bytes());
                object.content = Some(ContentHash::of(content));
                object
            }
        }
    }
}

/// Everything that the sources name.
#[derive(Debug)]
pub struct SourcePlan {
    /// Files and pipes to read.
    pub objects: u64,
    /// Their size.
    pub bytes: u64,
    /// Files in folders that are passed over because their name is not that of a log.
    pub other_files: u64,
    planned: Vec<PlannedObject>,
    limits: SourceLimits,
}

impl SourcePlan {
    /// Keeps those objects only whose name is picked; returns how many are passed over.
    pub fn keep(&mut self, picks: impl Fn(&ObjectKey) -> bool) -> u64 {
        let before = self.objects;
        self.planned.retain(|object| picks(&object.key()));
        self.objects = u64::try_from(self.planned.len()).unwrap_or(u64::MAX);
        self.bytes = self.planned.iter().map(PlannedObject::bytes).fold(0, u64::saturating_add);
        before.saturating_sub(self.objects)
    }

    /// Puts objects in the order of what this says of their names; those it says the same of stay in
    /// theirs.
    pub fn order_by<R: Ord>(&mut self, rank: impl Fn(&ObjectKey) -> R) {
        self.planned.sort_by_cached_key(|object| rank(&object.key()));
    }

    /// Returns the queue that hands the objects out and the reader that reads them.
    pub fn into_ports(self) -> (SourceListing, FileReader) {
        let mut streams = BTreeMap::new();
        for object in &self.planned {
            if let PlannedObject::Stream { key, content } = object {
                streams.insert(key.clone(), content.clone());
            }
        }
        let ahead = ReadAhead::default();
        let listing = SourceListing::new(self.planned, self.limits.file_bytes_max, ahead.clone());
        (listing, FileReader::of_plan(streams, ahead))
    }
}

/// Finds everything that the sources name: files, folders, patterns, `-` for standard input.
///
/// Keeps their order; what is named twice is read once. Pipes are read to their end here, so that
/// sizes are known. Blocks.
pub fn plan<S: AsRef<OsStr>>(
    sources: &[S],
    stdin: impl Read,
    limits: SourceLimits,
) -> Result<SourcePlan, SourceError> {
    let mut planner = Planner {
        limits,
        stdin: Some(stdin),
        planned: Vec::new(),
        paths: HashSet::new(),
        other_files: 0,
    };
    for source in sources {
        planner.add(source.as_ref())?;
    }
    let Planner { planned, other_files, .. } = planner;
    Ok(SourcePlan {
        objects: u64::try_from(planned.len()).unwrap_or(u64::MAX),
        bytes: planned.iter().map(PlannedObject::bytes).fold(0, u64::saturating_add),
        other_files,
        planned,
        limits,
    })
}

struct Planner<R> {
    limits: SourceLimits,
    stdin: Option<R>,
    planned: Vec<PlannedObject>,
    /// The paths that are planned, by their hash: there may be a million of them.
    paths: HashSet<ObjectId>,
    other_files: u64,
}

impl<R: Read> Planner<R> {
    fn add(&mut self, source: &OsStr) -> Result<(), SourceError> {
        if source == STDIN_ARGUMENT {
            return match self.stdin.take() {
                None => Ok(()),
                Some(stdin) => self.add_stream(ObjectKey::new(STDIN_ARGUMENT), stdin),
            };
        }
        let path = Path::new(source);
        match fs::metadata(path) {
            Ok(_) => self.add_path(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match source.to_str().filter(|text| text.contains(['*', '?', '['])) {
                    Some(pattern) => self.add_matches(pattern),
                    None => Err(SourceError::NotThere { name: shown(path) }),
                }
            }
            Err(error) => Err(unreadable(path, error)),
        }
    }

    /// Takes a file whatever its name: the user means it.
    fn add_path(&mut self, path: &Path) -> Result<(), SourceError> {
        let fail = |error| unreadable(path, error);
        let absolute = std::path::absolute(path).map_err(fail)?;
        let metadata = fs::metadata(&absolute).map_err(fail)?;
        if metadata.is_dir() {
            let Walk { files, other_files } = walk(&absolute).map_err(fail)?;
            self.other_files = self.other_files.saturating_add(other_files);
            for file in files {
                self.add_file(file);
            }
        } else {
            let opened = File::open(&absolute).map_err(fail)?;
            if !metadata.is_file() {
                return self.add_stream(key_of_path(&absolute), opened);
            }
            let stamp = Stamp { bytes: metadata.len(), modified: metadata.modified().ok() };
            self.add_file(FoundFile { path: FilePath::from(absolute.as_path()), stamp });
        }
        Ok(())
    }

    fn add_file(&mut self, file: FoundFile) {
        let path = file.path.path();
        if self.paths.insert(ObjectId::from_parts(&[path.as_os_str().as_encoded_bytes()])) {
            self.planned.push(PlannedObject::File(file));
        }
    }

    fn add_matches(&mut self, pattern: &str) -> Result<(), SourceError> {
        let options =
            glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
        let matches = glob::glob_with(pattern, options)
            .map_err(|source| SourceError::BadPattern { pattern: pattern.to_owned(), source })?;
        let mut n_matches = 0_u64;
        for found in matches {
            let path = found.map_err(|error| {
                let path = error.path().to_owned();
                unreadable(&path, io::Error::from(error))
            })?;
            self.add_path(&path)?;
            n_matches = n_matches.saturating_add(1);
        }
        if n_matches == 0 {
            return Err(SourceError::NoMatch { pattern: pattern.to_owned() });
        }
        Ok(())
    }

    fn add_stream(&mut self, key: ObjectKey, stream: impl Read) -> Result<(), SourceError> {
        let name = key.to_string();
        match read_bounded(stream, 0, self.limits.stdin_bytes_max) {
            Ok(content) => {
                self.planned.push(PlannedObject::Stream { key, content });
                Ok(())
            }
            Err(ReadError::TooLarge { limit_bytes }) => {
                Err(SourceError::StreamTooLarge { name, limit_bytes })
            }
            Err(ReadError::Io(source)) => Err(SourceError::Unreadable { name, source }),
            Err(ReadError::NotAFile) => Err(SourceError::NotThere { name }),
        }
    }
}

fn unreadable(path: &Path, source: io::Error) -> SourceError {
    SourceError::Unreadable { name: shown(path), source }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
