//! A store of local files in which a put that succeeded survives a loss of power.

use std::{
    collections::BTreeSet,
    fmt,
    ops::Range,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart, local::LocalFileSystem, path::Path,
};

use crate::{
    disk::{Disk, DiskError, OsSyncs, Syncs, WhenTaken},
    resident::resident_ranges,
};

const STORE: &str = "local disk";

/// Local files whose puts are synced: the file, its name, and the folders that were made for it.
///
/// A file that has its name but could not be made durable is not given out again by this store:
/// else a log entry that failed would be found when it is looked for, and taken for a commit.
#[derive(Debug, Clone)]
pub struct DurableFiles {
    files: LocalFileSystem,
    disk: Arc<Disk>,
    doubtful: Arc<Mutex<BTreeSet<Path>>>,
}

impl DurableFiles {
    /// Makes the store of all files of this machine.
    pub fn new() -> Self {
        Self::with_syncs(Arc::new(OsSyncs))
    }

    /// Makes the store with other syncs than the operating system's.
    pub fn with_syncs(syncs: Arc<dyn Syncs>) -> Self {
        Self {
            files: LocalFileSystem::new(),
            disk: Arc::new(Disk::new(syncs)),
            doubtful: Arc::default(),
        }
    }

    /// The set is whole after every statement, so a panic elsewhere leaves nothing half done.
    fn doubtful(&self) -> MutexGuard<'_, BTreeSet<Path>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_durable(&self, location: &Path) -> Result<()> {
        if !self.doubtful().contains(location) {
            return Ok(());
        }
        let source = format!("{location} could not be made durable when it was written").into();
        Err(Error::Generic { store: STORE, source })
    }
}

impl Default for DurableFiles {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for DurableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DurableFiles")
    }
}

impl From<DiskError> for Error {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Taken { path, source } => {
                Self::AlreadyExists { path: path.display().to_string(), source: Box::new(source) }
            }
            error @ (DiskError::Failed { .. } | DiskError::NotDurable { .. }) => {
                Self::Generic { store: STORE, source: Box::new(error) }
            }
        }
    }
}

/// Runs what waits for the disk on a thread that may wait.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DiskError> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::task::spawn_blocking(work).await;
    Ok(ended.map_err(|source| Error::JoinError { source })??)
}

fn not_supported(what: &str) -> Error {
    Error::NotSupported { source: what.into() }
}

#[async_trait]
impl ObjectStore for DurableFiles {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let when_taken = match options.mode {
            PutMode::Overwrite => WhenTaken::Replace,
            PutMode::Create => WhenTaken::Refuse,
            PutMode::Update(_) => {
                return Err(not_supported("a local file has no conditional update"));
            }
        };
        let path = self.files.path_to_filesystem(location)?;
        // Decided on the thread that writes, which goes on where nobody waits for it any more.
        let (disk, this, location) = (Arc::clone(&self.disk), self.clone(), location.clone());
        off_thread(move || {
            let written = disk.write(&path, &payload, when_taken);
            if matches!(written, Err(DiskError::NotDurable { .. })) {
                this.doubtful().insert(location);
            }
            written
        })
        .await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = self.files.path_to_filesystem(location)?;
        let upload = self.files.put_multipart_opts(location, options).await?;
        Ok(Box::new(DurableUpload { upload, path, disk: Arc::clone(&self.disk) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check_durable(location)?;
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.check_durable(location)?;
        let path = self.files.path_to_filesystem(location)?;
        match resident_ranges(&path, ranges) {
            Some(bytes) => Ok(bytes),
            None => self.files.get_ranges(location, ranges).await,
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await?;
        let (disk, path) = (Arc::clone(&self.disk), self.files.path_to_filesystem(to)?);
        off_thread(move || disk.sync_named(&path)).await
    }
}

/// An upload in parts. Nothing names its file before it is complete, so it is synced then.
#[derive(Debug)]
struct DurableUpload {
    upload: Box<dyn MultipartUpload>,
    path: PathBuf,
    disk: Arc<Disk>,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let done = self.upload.complete().await?;
        let (disk, path) = (Arc::clone(&self.disk), self.path.clone());
        off_thread(move || disk.sync_named(&path)).await?;
        Ok(done)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}
