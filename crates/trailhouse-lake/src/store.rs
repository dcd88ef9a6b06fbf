//! The stores behind a lake.

use std::{fmt, sync::Arc, time::Duration};

use deltalake_core::logstore::{StorageConfig, default_logstore};
use object_store::{ObjectStore, local::LocalFileSystem, path::Path, prefix::PrefixStore};
use tokio::sync::OnceCell;
use url::Url;

use crate::{
    conditional_put::check_conditional_put,
    durable_files::DurableFiles,
    error::LakeError,
    log::{Backoff, TableLog},
    tables::TableName,
    uri,
};

/// Puts something between the lake and its store, for tests and measurements.
pub type WrapStore = Arc<dyn Fn(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> + Send + Sync>;

/// What a commit to a lake on a local disk survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A loss of power: files, log entries and their folders are synced before a commit counts.
    #[default]
    Fsync,
    /// The end of the program, not of the machine: writing to disk is left to the operating system.
    Os,
}

/// How a lake is opened.
#[derive(Clone)]
pub struct LakeOptions {
    /// The bucket of a lake at `s3://bucket/prefix`, as a store whose root is the bucket's. Its
    /// conditional put must be that of S3: `If-None-Match: *`.
    pub bucket: Option<Arc<dyn ObjectStore>>,
    /// What a commit to a lake on a local disk survives.
    pub durability: Durability,
    /// Wraps the store at the root of the storage system.
    pub wrap_store: Option<WrapStore>,
    /// The longest first wait before an attempt is repeated; it doubles with each attempt.
    pub backoff: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
}

impl Default for LakeOptions {
    fn default() -> Self {
        Self {
            bucket: None,
            durability: Durability::default(),
            wrap_store: None,
            backoff: Duration::from_millis(50),
            backoff_max: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for LakeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeOptions")
            .field("bucket", &self.bucket)
            .field("durability", &self.durability)
            .field("wrap_store", &self.wrap_store.is_some())
            .field("backoff", &self.backoff)
            .field("backoff_max", &self.backoff_max)
            .finish()
    }
}

/// The root store of the storage system and the place of the lake in it.
pub(crate) struct LakeStore {
    root: Arc<dyn ObjectStore>,
    prefix: Path,
    url: Url,
    backoff: Backoff,
    checked: OnceCell<()>,
}

impl LakeStore {
    pub(crate) fn new(url: Url, options: &LakeOptions) -> Result<Self, LakeError> {
        let unsupported = |reason| LakeError::UnsupportedUri { uri: url.to_string(), reason };
        let root = if url.scheme() == uri::S3 {
            options
                .bucket
                .clone()
                .ok_or_else(|| unsupported("no store was given for the bucket"))?
        } else {
            local_store(options.durability)
        };
        let root = match &options.wrap_store {
            Some(wrap) => wrap(root),
            None => root,
        };
        let prefix = Path::from_url_path(url.path())
            .map_err(|_| unsupported("the path cannot be that of an object"))?;
        let backoff = Backoff { first: options.backoff, max: options.backoff_max };
        Ok(Self { root, prefix, url, backoff, checked: OnceCell::new() })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Says whether anything lies where the lake would be.
    pub(crate) async fn is_empty(&self) -> bool {
        match self.root.list_with_delimiter(Some(&self.prefix)).await {
            Ok(listing) => listing.objects.is_empty() && listing.common_prefixes.is_empty(),
            Err(_) => true,
        }
    }

    /// Makes sure, once, that the store keeps a second writer from taking a version that is taken.
    /// A local disk does: a link is never made over a file.
    pub(crate) async fn check_for_writing(&self) -> Result<(), LakeError> {
        if self.url.scheme() != uri::S3 {
            return Ok(());
        }
        let check = || check_conditional_put(self.root.as_ref(), &self.prefix, &self.url);
        self.checked.get_or_try_init(check).await.copied()
    }

    pub(crate) fn table_log(&self, table: TableName) -> Result<TableLog, LakeError> {
        let unsupported = |_| LakeError::UnsupportedUri {
            uri: self.url.to_string(),
            reason: "no table can be made there",
        };
        let url = self.url.join(&format!("{table}/")).map_err(unsupported)?;
        let folder =
            PrefixStore::new(Arc::clone(&self.root), self.prefix.clone().join(table.as_str()));
        let root = Arc::clone(&self.root);
        let store = default_logstore(Arc::new(folder), root, &url, &StorageConfig::default());
        Ok(TableLog::new(table, store, self.backoff))
    }
}

fn local_store(durability: Durability) -> Arc<dyn ObjectStore> {
    match durability {
        Durability::Fsync => Arc::new(DurableFiles::new()),
        Durability::Os => Arc::new(LocalFileSystem::new()),
    }
}
