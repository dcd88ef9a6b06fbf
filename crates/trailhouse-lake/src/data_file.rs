//! Data files: encoding rows as Parquet, putting them beside the log.

use std::{collections::HashMap, sync::Arc};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use deltalake_core::kernel::Add;
use object_store::{ObjectStoreExt, path::Path};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties},
};
use trailhouse_model::EventTime;
use uuid::Uuid;

use crate::{
    entry::millis, error::LakeError, log::TableLog, object_line::saturated, stats::FileStats,
    tables::TableName,
};

/// Rows of one row group. Readers work on row groups side by side.
const ROW_GROUP_ROWS_MAX: usize = 131_072;
/// What other Delta writers call the folder of rows without a partition value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// A data file that is not written yet.
#[derive(Debug)]
pub(crate) struct EncodedFile {
    partition: Option<String>,
    bytes: Vec<u8>,
    stats: String,
}

/// Encodes rows, which must be of the table's file schema, as one file. Costs CPU time: not for
/// the threads that wait for requests.
pub(crate) fn encode_file(
    table: TableName,
    partition: Option<String>,
    batches: impl Iterator<Item = Result<RecordBatch, LakeError>>,
) -> Result<EncodedFile, LakeError> {
    encode_file_as(table, &table.file_schema(), partition, batches)
}

/// Does the same with rows of another schema: the table's, and columns that others have added.
pub(crate) fn encode_file_as(
    table: TableName,
    schema: &SchemaRef,
    partition: Option<String>,
    batches: impl Iterator<Item = Result<RecordBatch, LakeError>>,
) -> Result<EncodedFile, LakeError> {
    let failed = |error: ParquetError| LakeError::rows(table, "encode rows")(error);
    let properties = writer_properties().map_err(failed)?;
    // The columns' types stand in the log; a copy would be much of a small file.
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(schema), options)
        .map_err(failed)?;
    let mut stats = FileStats::new(table.stats_columns());
    for batch in batches {
        let batch = batch?;
        stats.observe(&batch);
        writer.write(&batch).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(failed)?;
    Ok(EncodedFile { partition, bytes, stats: stats.to_json() })
}

fn writer_properties() -> Result<WriterProperties, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_enabled(true)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        // Names the elements of lists as the format's specification does.
        .set_coerce_types(true)
        .set_created_by(format!("trailhouse {}", env!("CARGO_PKG_VERSION")));
    Ok(properties.build())
}

/// Writes the file whole and returns the action that makes it part of the table.
pub(crate) async fn write_file(
    log: &TableLog,
    file: EncodedFile,
    now: EventTime,
) -> Result<Add, LakeError> {
    let path = file_path(log.table, file.partition.as_deref());
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
        ..Add::default()
    })
}

fn partition_values(table: TableName, value: Option<String>) -> HashMap<String, Option<String>> {
    table.partition_column().map(|column| (column.to_owned(), value)).into_iter().collect()
}

/// The folder is for people only: the partition value of a file stands in the log. So what would
/// need escaping in a path is replaced, and no reader ever has to unescape it.
fn file_path(table: TableName, partition: Option<&str>) -> String {
    let name = format!("part-{}.zstd.parquet", Uuid::now_v7());
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
