//! Reads local files and what came through pipes.

use std::{collections::BTreeMap, sync::Arc, thread};

use bytes::Bytes;
use tokio::{sync::Semaphore, task::spawn_blocking};
use trailhouse_model::{BucketName, ContentHash, ObjectKey, ObjectRef};
use trailhouse_runtime::{BoxError, ObjectReader, PortError, PortErrorKind};

use crate::{
    file::{ReadError, read_file},
    path_key::path_of_key,
    read_ahead::ReadAhead,
};

const ACTION: &str = "read file";

/// Reads objects of [`BucketName::LOCAL_FILE`] from disk and those of [`BucketName::STDIN`] from
/// memory.
///
/// An object that is named by its content must have that content: a file that was changed since it
/// was named is [`PortErrorKind::Unavailable`].
#[derive(Debug, Clone)]
pub struct FileReader {
    streams: Arc<BTreeMap<ObjectKey, Bytes>>,
    ahead: ReadAhead,
    /// One for each file that may be read at a time.
    turns: Arc<Semaphore>,
}

/// Where and why a local object could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{object}")]
struct LocalFailure {
    object: String,
    #[source]
    source: BoxError,
}

impl FileReader {
    /// Makes a reader of files only.
    pub fn new() -> Self {
        Self::of_plan(BTreeMap::new(), ReadAhead::default())
    }

    pub(crate) fn of_plan(streams: BTreeMap<ObjectKey, Bytes>, ahead: ReadAhead) -> Self {
        let turns = Semaphore::new(files_at_once());
        Self { streams: Arc::new(streams), ahead, turns: Arc::new(turns) }
    }

    fn read_stream(&self, key: &ObjectKey, bytes_max: u64) -> Result<Bytes, Failure> {
        let Some(content) = self.streams.get(key) else {
            let gone = "what came through a pipe is kept only while the program runs";
            return Err(Failure { kind: PortErrorKind::NotFound, source: gone.into() });
        };
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > bytes_max {
            return Err(ReadError::TooLarge { limit_bytes: bytes_max }.into());
        }
        Ok(content.clone())
    }

    async fn read_from_disk(&self, object: &ObjectRef, bytes_max: u64) -> Result<Bytes, Failure> {
        let _turn = self.turns.acquire().await.map_err(bug)?;
        let path = path_of_key(&object.key);
        let named_content = object.content;
        let reading = spawn_blocking(move || {
            let content = read_file(&path, bytes_max)?;
            if named_content.is_some_and(|named| named != ContentHash::of(&content)) {
                let source = "the file was changed since it was listed".into();
                return Err(Failure { kind: PortErrorKind::Unavailable, source });
            }
            Ok(content)
        });
        match reading.await {
            Ok(outcome) => outcome,
            Err(error) => Err(bug(error)),
        }
    }
}

impl Default for FileReader {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns how many files are read at a time. Each takes a thread, and the allocator keeps freed
/// memory for each thread; so there are no more than keep the decoders busy.
fn files_at_once() -> usize {
    thread::available_parallelism().map_or(1, usize::from) + 2
}

impl ObjectReader for FileReader {
    async fn read(&self, object: &ObjectRef, bytes_max: u64) -> Result<Bytes, PortError> {
        let outcome = match object.bucket.as_str() {
            BucketName::STDIN => self.read_stream(&object.key, bytes_max),
            BucketName::LOCAL_FILE => {
                match object.content.and_then(|named| self.ahead.take(named, bytes_max)) {
                    Some(content) => Ok(content),
                    None => self.read_from_disk(object, bytes_max).await,
                }
            }
            _ => {
                let source = "not a local file; give its bucket as an s3:// source".into();
                Err(Failure { kind: PortErrorKind::Misconfigured, source })
            }
        };
        outcome.map_err(|Failure { kind, source }| {
            PortError::with_source(
                kind,
                ACTION,
                LocalFailure { object: object.to_string(), source },
            )
        })
    }
}

struct Failure {
    kind: PortErrorKind,
    source: BoxError,
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self { kind: error.kind(), source: error.into() }
    }
}

fn bug(error: impl Into<BoxError>) -> Failure {
    Failure { kind: PortErrorKind::Bug, source: error.into() }
}
