//! The stores behind a lake.

use std::{fmt, sync::Arc, time::Duration};

use deltalake_core::logstore::{LogStoreRef, StorageConfig, logstore_with, object_store_factories};
use object_store::{ObjectStore, path::Path};
use url::Url;

use crate::{
    error::LakeError,
    log::{Backoff, TableLog},
    tables::TableName,
};

/// Puts something between the lake and its store, for tests and measurements.
pub type WrapStore = Arc<dyn Fn(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> + Send + Sync>;

/// How a lake is opened.
#[derive(Clone)]
pub struct LakeOptions {
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
            wrap_store: None,
            backoff: Duration::from_millis(50),
            backoff_max: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for LakeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeOptions")
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
}

impl LakeStore {
    pub(crate) fn new(url: Url, options: &LakeOptions) -> Result<Self, LakeError> {
        let (root, prefix) = root_store(&url)
            .ok_or(LakeError::UnsupportedUri { uri: url.to_string(), reason: "no such store" })?;
        let root = match &options.wrap_store {
            Some(wrap) => wrap(root),
            None => root,
        };
        let backoff = Backoff { first: options.backoff, max: options.backoff_max };
        Ok(Self { root, prefix, url, backoff })
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

    pub(crate) fn table_log(&self, table: TableName) -> Result<TableLog, LakeError> {
        let store = self.log_store(table).ok_or_else(|| LakeError::UnsupportedUri {
            uri: self.url.to_string(),
            reason: "no table can be made there",
        })?;
        Ok(TableLog::new(table, store, self.backoff))
    }

    fn log_store(&self, table: TableName) -> Option<LogStoreRef> {
        let url = self.url.join(&format!("{table}/")).ok()?;
        logstore_with(Arc::clone(&self.root), &url, StorageConfig::default()).ok()
    }
}

fn root_store(url: &Url) -> Option<(Arc<dyn ObjectStore>, Path)> {
    let scheme = Url::parse(&format!("{}://", url.scheme())).ok()?;
    let factories = object_store_factories();
    let factory = factories.get(&scheme)?;
    factory.value().parse_url_opts(url, &StorageConfig::default()).ok()
}
