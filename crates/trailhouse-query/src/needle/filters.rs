//! The Bloom filters of data files: where they stand, and whether a value may be in a file.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use datafusion::{
    common::runtime::SpawnedTask,
    datasource::{
        listing::PartitionedFile,
        physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess},
    },
    error::DataFusionError,
};
use deltalake_core::DeltaTable;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, ObjectStore, path::Path};
use parquet::{
    DecodeResult,
    bloom_filter::Sbbf,
    errors::ParquetError,
    file::metadata::{
        PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataPushDecoder,
        ParquetStatisticsPolicy,
    },
};
use trailhouse_lake::{BLOCK_BYTES, FilterBlocks, blocks_in_footer, blocks_in_tags};
use twox_hash::XxHash64;

use super::{FOOTER_BYTES, Needles};

/// Files that are asked at the same time.
const FILES_ASKED_MAX: usize = 64;
/// Files of which is remembered where their filters stand. A file takes about half a kilobyte.
const FILES_KEPT_MAX: usize = 32_768;
/// Filters of other writers may be laid out in other ways.
const OUR_FILES: &str = "trailhouse ";

/// Where the filters of a file stand. Nothing is known of files of others.
type Places = Option<FilterBlocks>;

/// A file that may have a row.
pub(super) struct FileHits {
    pub(super) file: PartitionedFile,
    /// Says of each row group whether the row may be there. None where the file could not be asked.
    hits: Option<Vec<bool>>,
}

impl FileHits {
    /// Says whether the filters of the file were asked.
    pub(super) fn is_asked(&self) -> bool {
        self.hits.is_some()
    }

    /// Returns the file, of which only the row groups are to be read that may have the row.
    pub(super) fn only_hits(self) -> PartitionedFile {
        let Some(hits) = self.hits else { return self.file };
        let access = |hit| if hit { RowGroupAccess::Scan } else { RowGroupAccess::Skip };
        let plan = ParquetAccessPlan::new(hits.into_iter().map(access).collect());
        self.file.with_extension(plan)
    }
}

/// The files of a table, asked for values. Files never change, so each footer is read once, and none
/// of a file of which the log says enough.
#[derive(Debug)]
pub(super) struct FilterFiles {
    columns: &'static [&'static str],
    /// What the log says, by the names of files.
    told: HashMap<String, Arc<Places>>,
    places: Mutex<HashMap<Path, Arc<Places>>>,
}

impl FilterFiles {
    /// Asks filters of these columns. `table` is that of all files, where there is one.
    pub(super) fn new(columns: &'static [&'static str], table: Option<&DeltaTable>) -> Self {
        let told = table.map(|table| told(table, columns)).unwrap_or_default();
        Self { columns, told, places: Mutex::default() }
    }

    /// Returns the files that may have a row with one of the values in each of the columns.
    pub(super) async fn that_may_have(
        this: &Arc<Self>,
        store: &Arc<dyn ObjectStore>,
        files: Vec<PartitionedFile>,
        needles: &Arc<Needles>,
    ) -> Result<Vec<FileHits>, DataFusionError> {
        let asked = stream::iter(files).map(|file| {
            let (this, store, needles) = (Arc::clone(this), Arc::clone(store), Arc::clone(needles));
            // Footers are taken apart on all processors.
            SpawnedTask::spawn(async move {
                let hits = this.hits(store.as_ref(), &file.object_meta, &needles).await?;
                let may_have = hits.as_ref().is_none_or(|hits| hits.contains(&true));
                Ok::<_, DataFusionError>(may_have.then_some(FileHits { file, hits }))
            })
        });
        let asked = asked.buffered(FILES_ASKED_MAX);
        let asked =
            asked.map(|joined| joined.map_err(|error| DataFusionError::External(error.into()))?);
        let asked: Vec<_> = asked.try_collect().await?;
        Ok(asked.into_iter().flatten().collect())
    }

    /// Says of each row group of a file whether it may have a row. None where it cannot be asked.
    async fn hits(
        &self,
        store: &dyn ObjectStore,
        file: &ObjectMeta,
        needles: &Needles,
    ) -> Result<Option<Vec<bool>>, DataFusionError> {
        let places = self.places_in(store, file).await?;
        let Some(row_groups) = places.as_ref() else { return Ok(None) };
        let mut hits = vec![true; row_groups.len()];
        for (column, values) in needles {
            let in_doubt = row_groups.iter().zip(&mut hits).filter(|(_, may_have)| **may_have);
            let (filters, in_doubt): (Vec<_>, Vec<_>) = in_doubt
                .filter_map(|(group, hit)| group.get(column.as_str()).map(|blocks| (blocks, hit)))
                .unzip();
            let answers = may_have_one(store, &file.location, &filters, values).await?;
            in_doubt.into_iter().zip(answers).for_each(|(hit, answer)| *hit = answer);
        }
        Ok(Some(hits))
    }

    async fn places_in(
        &self,
        store: &dyn ObjectStore,
        file: &ObjectMeta,
    ) -> Result<Arc<Places>, DataFusionError> {
        if let Some(places) = file.location.filename().and_then(|name| self.told.get(name)) {
            return Ok(Arc::clone(places));
        }
        let known = |places: &HashMap<_, Arc<Places>>| places.get(&file.location).cloned();
        if let Some(places) = known(&self.places.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(places);
        }
        let footer = footer(store, file).await?;
        let by_us = footer.file_metadata().created_by().is_some_and(|by| by.starts_with(OUR_FILES));
        let found = Arc::new(by_us.then(|| blocks_in_footer(&footer, self.columns)));
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() < FILES_KEPT_MAX {
            places.insert(file.location.clone(), Arc::clone(&found));
        }
        Ok(found)
    }
}

/// Reads what the log says of its files. Names of files that have the tag are never the same.
fn told(table: &DeltaTable, columns: &'static [&'static str]) -> HashMap<String, Arc<Places>> {
    let Ok(state) = table.snapshot() else { return HashMap::new() };
    let mut told = HashMap::new();
    for file in state.log_data().iter() {
        #[expect(deprecated, reason = "nothing else of a file has its tags")]
        let add = file.add_action();
        let blocks = add.tags.and_then(|tags| blocks_in_tags(&tags, columns));
        if let (Some(blocks), Some(name)) = (blocks, add.path.rsplit('/').next()) {
            told.insert(name.to_owned(), Arc::new(Some(blocks)));
        }
    }
    told
}

/// Reads where the columns of a file stand, and nothing else that is in its footer.
async fn footer(
    store: &dyn ObjectStore,
    file: &ObjectMeta,
) -> Result<ParquetMetaData, DataFusionError> {
    let options = ParquetMetaDataOptions::new()
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let mut decoder = ParquetMetaDataPushDecoder::try_new(file.size)?
        .with_page_index_policy(PageIndexPolicy::Skip)
        .with_metadata_options(Some(Arc::new(options)));
    let end = file.size.saturating_sub(u64::from(FOOTER_BYTES))..file.size;
    let mut wanted = vec![end];
    loop {
        let bytes = store.get_ranges(&file.location, &wanted).await?;
        decoder.push_ranges(wanted, bytes)?;
        match decoder.try_decode()? {
            DecodeResult::Data(footer) => return Ok(footer),
            DecodeResult::NeedsData(ranges) => wanted = ranges,
            DecodeResult::Finished => {
                return Err(ParquetError::General("a footer came to no end".to_owned()).into());
            }
        }
    }
}

/// Says of each filter whether it has one of the values. All are asked in one go, because where the
/// store is far away an answer takes long, and many at a time as long as one.
async fn may_have_one(
    store: &dyn ObjectStore,
    file: &Path,
    filters: &[&Range<u64>],
    values: &[String],
) -> Result<Vec<bool>, DataFusionError> {
    let pairs =
        || filters.iter().flat_map(|blocks| values.iter().map(move |value| (blocks, value)));
    let wanted: Vec<_> = pairs().map(|(blocks, value)| block_of(blocks, value)).collect();
    if wanted.is_empty() {
        return Ok(vec![false; filters.len()]);
    }
    let found = store.get_ranges(file, &wanted).await?;
    // Every value is looked for in the only block there is.
    let found = found.iter().zip(pairs());
    let has: Vec<bool> =
        found.map(|(block, (_, value))| Sbbf::new(block).check(value.as_str())).collect();
    Ok(has.chunks(values.len()).map(|has| has.contains(&true)).collect())
}

/// Returns where the block of a value stands, as the format says.
fn block_of(blocks: &Range<u64>, value: &str) -> Range<u64> {
    let hash = XxHash64::oneshot(0, value.as_bytes());
    let count = (blocks.end - blocks.start) / BLOCK_BYTES;
    let start = blocks.start + (((hash >> 32) * count) >> 32) * BLOCK_BYTES;
    start..start + BLOCK_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_of_a_value_is_the_one_that_the_writer_fills() {
        for blocks in [1_u64, 2, 64, 4_096] {
            let bytes = usize::try_from(blocks * BLOCK_BYTES).unwrap();
            for number in 0..50 {
                let value = format!("value {number}");
                let mut filter = Sbbf::new_with_num_of_bytes(bytes);
                filter.insert(value.as_str());
                let mut written = Vec::new();
                filter.write(&mut written).unwrap();
                let bitset = &written[written.len() - bytes..];
                let block = block_of(&(0..blocks * BLOCK_BYTES), &value);
                let range =
                    usize::try_from(block.start).unwrap()..usize::try_from(block.end).unwrap();
                assert!(Sbbf::new(&bitset[range]).check(value.as_str()), "{blocks} {value}");
            }
        }
    }
}
