//! Data files: encoding rows as Parquet, putting them beside the log.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use deltalake_core::kernel::Add;
use object_store::{ObjectStoreExt, path::Path};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    schema::types::ColumnPath,
};
use trailhouse_model::EventTime;
use uuid::Uuid;

use crate::{
    clock,
    encoders::encode,
    entry::millis,
    error::LakeError,
    filter_blocks::{FilterBlocks, blocks_in_footer, to_tag},
    log::TableLog,
    object_line::saturated,
    stats::FileStats,
    tables::{Storage, TableName},
};

/// Rows of one row group. Readers work on row groups side by side. A filter of so many ids, which is a
/// power of two bytes, has more than ten bits for each and says yes in vain once in a hundred times.
const ROW_GROUP_ROWS_MAX: usize = 98_304;
/// Rows of one page, the least that a reader decodes for one row.
const PAGE_ROWS_MAX: usize = 8_192;
/// The same where like rows stand together: a reader finds more of what it looks for in a page, and
/// it compresses better.
const ORDERED_PAGE_ROWS_MAX: usize = 16_384;
/// At least as many as a row group has rows. The writer folds a filter to what its values need; to
/// begin with less where there are fewer rows spares it most of that.
const BLOOM_VALUES_MAX: u64 = 131_072;
/// The share of row groups that are read in vain. Fewer would cost more in filters than in rows:
/// eight bits a value are what they take for this.
const BLOOM_FALSE_POSITIVES: f64 = 0.03;
/// What arrives is soon compacted, and random ids gain nothing from more work.
const ZSTD_LEVEL: i32 = 1;
/// Text in files that stay, where like rows stand together.
const ORDERED_ZSTD_LEVEL: i32 = 6;
/// Times that are not in order.
const TIMES_ZSTD_LEVEL: i32 = 3;
/// What other Delta writers call the folder of rows without a partition value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// A data file that is not written yet.
#[derive(Debug)]
pub(crate) struct EncodedFile {
    partition: Option<String>,
    is_ordered: bool,
    bytes: Vec<u8>,
    stats: String,
    filters: FilterBlocks,
}

/// What a data file is to be.
pub(crate) struct FileShape {
    /// The table.
    pub(crate) table: TableName,
    /// The table's columns in files, and those that others have added.
    pub(crate) schema: SchemaRef,
    /// The value of the partition's column.
    pub(crate) partition: Option<String>,
    /// It has no more rows.
    pub(crate) rows_max: usize,
    /// Its rows are in the table's order.
    pub(crate) is_ordered: bool,
}

/// How the names of files begin whose rows are in the table's order.
const ORDERED: &str = "ordered-";

/// Says whether the rows of a file of a table are in the table's order, where it has one.
pub(crate) fn is_ordered(table: TableName, path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    table.row_order().is_empty() || name.starts_with(ORDERED)
}

/// Encodes rows as one file. Costs CPU time: not for the threads that wait for requests.
pub(crate) fn encode_file(
    shape: FileShape,
    batches: impl Iterator<Item = Result<RecordBatch, LakeError>>,
) -> Result<EncodedFile, LakeError> {
    let FileShape { table, schema, partition, rows_max, is_ordered } = shape;
    let failed = |error: ParquetError| LakeError::rows(table, "encode rows")(error);
    let properties = writer_properties(table, rows_max, is_ordered).map_err(failed)?;
    // The columns' types stand in the log; a copy would be much of a small file.
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new_with_options(&mut bytes, schema, options).map_err(failed)?;
    let mut stats = FileStats::new(table.stats_columns());
    for batch in batches {
        let batch = batch?;
        stats.observe(&batch);
        writer.write(&batch).map_err(failed)?;
    }
    let footer = writer.close().map_err(failed)?;
    let filters = blocks_in_footer(&footer, table.needle_columns());
    Ok(EncodedFile { partition, is_ordered, bytes, stats: stats.to_json(), filters })
}

fn writer_properties(
    table: TableName,
    rows_max: usize,
    is_ordered: bool,
) -> Result<WriterProperties, ParquetError> {
    // An index of one page says what the column says. It would be a tenth of a small file, and
    // every reader with a predicate would take all of it apart.
    let page_rows = if is_ordered { ORDERED_PAGE_ROWS_MAX } else { PAGE_ROWS_MAX };
    let has_pages = rows_max > page_rows;
    let by_page = if has_pages { EnabledStatistics::Page } else { EnabledStatistics::Chunk };
    let paged = table.paged_columns();
    let bounds = if paged.is_some() { EnabledStatistics::Chunk } else { by_page };
    let zstd = |level| Ok::<_, ParquetError>(Compression::ZSTD(ZstdLevel::try_new(level)?));
    let (quick, of_times) = (zstd(ZSTD_LEVEL)?, zstd(TIMES_ZSTD_LEVEL)?);
    let of_text = if is_ordered { zstd(ORDERED_ZSTD_LEVEL)? } else { quick };
    let times = |properties: WriterPropertiesBuilder, path: ColumnPath| {
        properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_compression(path, of_times)
    };
    let mut properties = WriterProperties::builder()
        .set_compression(of_text)
        .set_dictionary_enabled(true)
        .set_statistics_enabled(bounds)
        .set_offset_index_disabled(!has_pages)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_data_page_row_count_limit(page_rows)
        // Names the elements of lists as the format's specification does.
        .set_coerce_types(true)
        .set_created_by(format!("trailhouse {}", env!("CARGO_PKG_VERSION")));
    for column in paged.unwrap_or_default() {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(*column), by_page);
    }
    for column in table.coded_columns() {
        properties =
            properties.set_column_compression(ColumnPath::from(column), Compression::SNAPPY);
    }
    for (column, storage) in table.storage() {
        let path = ColumnPath::from(*column);
        properties = match storage {
            Storage::Distinct => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_compression(path.clone(), quick)
                .set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY),
            Storage::Arriving if is_ordered => times(properties, path),
            Storage::Repeated => times(properties, path),
            Storage::Near | Storage::Arriving => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            Storage::Unordered => {
                properties.set_column_statistics_enabled(path, EnabledStatistics::None)
            }
            Storage::Ids => properties.set_column_compression(path, quick),
        };
    }
    let values_max = u64::try_from(rows_max).unwrap_or(u64::MAX).clamp(1, BLOOM_VALUES_MAX);
    for column in table.needle_columns() {
        let path = ColumnPath::from(*column);
        properties = properties
            .set_column_bloom_filter_max_ndv(path.clone(), values_max)
            .set_column_bloom_filter_fpp(path, BLOOM_FALSE_POSITIVES);
    }
    Ok(properties.build())
}

/// Encodes rows, which must be of the table's file schema, and writes them as one file.
pub(crate) async fn write_rows(
    log: &TableLog,
    partition: Option<String>,
    rows: RecordBatch,
) -> Result<Add, LakeError> {
    let (table, schema, rows_max) = (log.table, log.table.file_schema(), rows.num_rows());
    let shape = FileShape { table, schema, partition, rows_max, is_ordered: false };
    let file = encode(table, move || encode_file(shape, std::iter::once(Ok(rows)))).await?;
    write_file(log, file, clock::now()).await
}

/// Writes the file whole and returns the action that makes it part of the table.
pub(crate) async fn write_file(
    log: &TableLog,
    file: EncodedFile,
    now: EventTime,
) -> Result<Add, LakeError> {
    let path = file_path(log.table, file.partition.as_deref(), file.is_ordered);
    let size = saturated(u64::try_from(file.bytes.len()).unwrap_or(u64::MAX));
    log.object_store()
        .put(&Path::from(path.as_str()), file.bytes.into())
        .await
        .map_err(LakeError::store(log.table, "write data file"))?;
    Ok(Add {
        path,
        partition_values: partition_values(log.table, file.partition),
        size,
        modification_time: millis(now),
        data_change: true,
        stats: Some(file.stats),
        tags: to_tag(&file.filters).map(|tag| HashMap::from([tag])),
        ..Add::default()
    })
}

fn partition_values(table: TableName, value: Option<String>) -> HashMap<String, Option<String>> {
    table.partition_column().map(|column| (column.to_owned(), value)).into_iter().collect()
}

/// The folder is for people only: the partition value of a file stands in the log. So what would
/// need escaping in a path is replaced, and no reader ever has to unescape it.
fn file_path(table: TableName, partition: Option<&str>, is_ordered: bool) -> String {
    let kind = if is_ordered { ORDERED } else { "part-" };
    let name = format!("{kind}{}.parquet", Uuid::now_v7());
    match table.partition_column() {
        Some(column) => format!("{column}={}/{name}", folder_name(partition)),
        None => name,
    }
}

fn folder_name(partition: Option<&str>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    match partition {
        Some(value) => value.chars().map(plain).collect(),
        None => NO_VALUE.to_owned(),
    }
}

/// Deletes files that no version of the table names. What cannot be deleted is left for vacuum.
pub(crate) async fn discard_files(log: &TableLog, adds: &[Add]) {
    for add in adds {
        if let Err(error) = log.object_store().delete(&Path::from(add.path.as_str())).await {
            tracing::debug!(table = %log.table, path = %add.path, %error, "left an orphan file");
        }
    }
}
