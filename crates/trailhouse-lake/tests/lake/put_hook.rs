//! A store whose puts are done by the test.

use std::{fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};

/// A put that has arrived at the store.
pub(crate) struct Put {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
    pub(crate) payload: PutPayload,
    pub(crate) options: PutOptions,
}

impl Put {
    /// Carries it out.
    pub(crate) async fn land(self) -> Result<PutResult> {
        self.store.put_opts(&self.path, self.payload, self.options).await
    }
}

type DoPut = Arc<dyn Fn(Put) -> BoxFuture<'static, Result<PutResult>> + Send + Sync>;

/// The store; all but puts go through.
#[derive(Clone)]
pub(crate) struct HookedStore {
    inner: Arc<dyn ObjectStore>,
    put: DoPut,
}

impl HookedStore {
    pub(crate) fn new<F>(
        inner: Arc<dyn ObjectStore>,
        put: impl Fn(Put) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<PutResult>> + Send + 'static,
    {
        Self { inner, put: Arc::new(move |arrived| Box::pin(put(arrived))) }
    }
}

impl fmt::Debug for HookedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookedStore")
    }
}

impl fmt::Display for HookedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookedStore")
    }
}

#[async_trait]
impl ObjectStore for HookedStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let (store, path) = (Arc::clone(&self.inner), location.clone());
        (self.put)(Put { store, path, payload, options }).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
