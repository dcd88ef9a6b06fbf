//! Readers of data files that keep indexes of pages.
//!
//! The engine keeps footers for the next statement, but reads the index of pages anew for each one
//! that has a use for it, and copies the footer to put it in. It takes an index that is there already:
//! so a footer is kept with its index once that was asked for.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use datafusion::{
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileScanConfig, ParquetFileReaderFactory, ParquetSource},
    },
    error::DataFusionError,
    physical_plan::metrics::ExecutionPlanMetricsSet,
};
use futures::{FutureExt, TryFutureExt, future::BoxFuture};
use object_store::path::Path;
use parquet::{
    arrow::{arrow_reader::ArrowReaderOptions, async_reader::AsyncFileReader},
    errors::{ParquetError, Result},
    file::metadata::{PageIndexPolicy, ParquetMetaData},
};

/// Files that are remembered.
const FILES_KEPT_MAX: usize = 32_768;

/// The files of a table of which the index was asked for.
#[derive(Debug, Default)]
pub(super) struct Indexed(Mutex<HashSet<Path>>);

impl Indexed {
    fn contains(&self, file: &Path) -> bool {
        self.files().contains(file)
    }

    /// Has the index of this file read with its footer.
    pub(super) fn insert(&self, file: &Path) {
        let mut files = self.files();
        if files.len() < FILES_KEPT_MAX && !files.contains(file) {
            files.insert(file.clone());
        }
    }

    fn files(&self) -> MutexGuard<'_, HashSet<Path>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a scan keep indexes of pages, where it keeps footers.
pub(super) fn keep_indexes(mut scan: FileScanConfig, indexed: &Arc<Indexed>) -> FileScanConfig {
    let source = scan.file_source.downcast_ref::<ParquetSource>();
    if let Some(source) = source
        && let Some(factory) = source.parquet_file_reader_factory()
    {
        let (factory, indexed) = (Arc::clone(factory), Arc::clone(indexed));
        let factory = Arc::new(KeepIndexes { factory, indexed });
        let source = source.clone().with_parquet_file_reader_factory(factory);
        scan.file_source = Arc::new(source);
    }
    scan
}

/// Makes a scan read no Bloom filters, because they were asked before.
pub(super) fn without_filters(mut scan: FileScanConfig) -> FileScanConfig {
    if let Some(source) = scan.file_source.downcast_ref::<ParquetSource>() {
        scan.file_source = Arc::new(source.clone().with_bloom_filter_on_read(false));
    }
    scan
}

#[derive(Debug)]
struct KeepIndexes {
    factory: Arc<dyn ParquetFileReaderFactory>,
    indexed: Arc<Indexed>,
}

impl ParquetFileReaderFactory for KeepIndexes {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>, DataFusionError> {
        let path = file.object_meta.location.clone();
        let reader = self.factory.create_reader(partition, file, size_hint, metrics)?;
        Ok(Box::new(Reader { reader, path, index_start: None, indexed: Arc::clone(&self.indexed) }))
    }
}

struct Reader {
    reader: Box<dyn AsyncFileReader + Send>,
    path: Path,
    /// Where the index begins that the footer lacks.
    index_start: Option<u64>,
    indexed: Arc<Indexed>,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        if self.index_start == Some(range.start) {
            self.indexed.insert(&self.path);
        }
        // A store may have a quicker way for ranges than for one.
        let only = |bytes: Vec<Bytes>| bytes.into_iter().next().ok_or_else(nothing_read);
        self.reader.get_byte_ranges(vec![range]).and_then(async move |bytes| only(bytes)).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        self.reader.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let footer = self.reader.get_metadata(options).await?;
            self.index_start = missing_index(&footer);
            if self.index_start.is_none() || !self.indexed.contains(&self.path) {
                return Ok(footer);
            }
            let options = options.cloned().unwrap_or_default();
            let options = options.with_page_index_policy(PageIndexPolicy::Optional);
            self.reader.get_metadata(Some(&options)).await
        }
        .boxed()
    }
}

fn nothing_read() -> ParquetError {
    ParquetError::EOF("no bytes were read".to_owned())
}

/// Returns where the index of pages begins that the file has and the footer is without.
fn missing_index(footer: &ParquetMetaData) -> Option<u64> {
    if footer.column_index().is_some() && footer.offset_index().is_some() {
        return None;
    }
    let chunks = footer.row_groups().iter().flat_map(|group| group.columns());
    let offsets =
        chunks.flat_map(|chunk| [chunk.column_index_offset(), chunk.offset_index_offset()]);
    offsets.flatten().min().and_then(|offset| u64::try_from(offset).ok())
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int32Array, RecordBatch};
    use parquet::{
        arrow::ArrowWriter,
        file::{metadata::ParquetMetaDataReader, properties::WriterProperties},
    };

    use super::*;

    #[derive(Clone)]
    struct File(Bytes);

    impl AsyncFileReader for File {
        fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
            let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
            let bytes = self.0.slice(start..end);
            async move { Ok(bytes) }.boxed()
        }

        fn get_metadata<'a>(
            &'a mut self,
            options: Option<&'a ArrowReaderOptions>,
        ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
            let policy = options.map_or(PageIndexPolicy::Skip, |it| it.column_index_policy());
            let footer = ParquetMetaDataReader::new().with_page_index_policy(policy);
            let footer = footer.parse_and_finish(&self.0).map(Arc::new);
            async move { footer }.boxed()
        }
    }

    fn file_of_pages() -> File {
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..100));
        let rows = RecordBatch::try_from_iter([("number", numbers)]).unwrap();
        let pages = WriterProperties::builder()
            .set_data_page_row_count_limit(10)
            .set_write_batch_size(10)
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(pages)).unwrap();
        writer.write(&rows).unwrap();
        File(writer.into_inner().unwrap().into())
    }

    #[tokio::test]
    async fn an_index_is_kept_once_it_was_asked_for() {
        let (file, indexed) = (file_of_pages(), Arc::default());
        let open = |path: &str| Reader {
            reader: Box::new(file.clone()),
            path: Path::from(path),
            index_start: None,
            indexed: Arc::clone(&indexed),
        };
        let footer = async |path: &str| {
            let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
            open(path).get_metadata(Some(&options)).await.unwrap()
        };
        for _ in 0..2 {
            assert!(missing_index(footer("one").await.as_ref()).is_some());
        }
        // As the engine does where a predicate can use it.
        let mut reader = open("one");
        let known = reader.get_metadata(None).await.unwrap().as_ref().clone();
        let mut index = ParquetMetaDataReader::new_with_metadata(known)
            .with_page_index_policy(PageIndexPolicy::Optional);
        index.load_page_index(&mut reader).await.unwrap();
        let asked_for = index.finish().unwrap();
        let kept = footer("one").await;
        assert_eq!(missing_index(kept.as_ref()), None);
        assert_eq!(kept.offset_index(), asked_for.offset_index());
        assert_eq!(kept.offset_index().unwrap()[0][0].page_locations().len(), 10);
        assert!(missing_index(footer("other").await.as_ref()).is_some());
    }
}
