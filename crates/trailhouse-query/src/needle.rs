//! A table whose files are asked for a value before they are read, and read from the newest on.
//!
//! A value that is looked for by itself (an event id, an access key, an address) stands in few files.
//! Each file has a Bloom filter of such a column, of which one block of 32 bytes says whether the value
//! may be there: that block is read of all files side by side, and the rest of the file only where the
//! answer is yes. The engine reads whole filters, file after file.
//!
//! Whoever wants the newest events, or just some, has them from the first files: the engine passes
//! over those that can have none newer.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{
        Statistics,
        tree_node::{Transformed, TreeNode},
    },
    datasource::{
        TableType,
        listing::PartitionedFile,
        physical_plan::{
            FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetFileReaderFactory,
            ParquetSource,
        },
        source::DataSourceExec,
    },
    error::DataFusionError,
    logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown},
    physical_expr::{PhysicalExpr, expressions::Column},
    physical_plan::{ExecutionPlan, metrics::ExecutionPlanMetricsSet, projection::ProjectionExec},
    scalar::ScalarValue,
};
use futures::{StreamExt, TryStreamExt, stream};
use parquet::{
    arrow::async_reader::AsyncFileReader, bloom_filter::Sbbf, errors::ParquetError,
    file::metadata::ColumnChunkMetaData,
};
use twox_hash::XxHash64;

/// What is read of the end of a file at first: the footer of a day's file fits.
pub(crate) const FOOTER_BYTES: usize = 12 * 1024;
/// Files that are asked at the same time.
const FILES_ASKED_MAX: usize = 32;
/// Columns that are tried until one is of the files: a table has one partition column at most.
const COLUMNS_TRIED_MAX: usize = 2;
/// Values beyond this are looked for in the rows.
const VALUES_MAX: usize = 64;
/// The format's block, of which each value has one.
const BLOCK_BYTES: u64 = 32;
/// Filters of other writers may be laid out in other ways.
const OUR_FILES: &str = "trailhouse ";

/// Values of a column, of which a row must have one.
type Needles = BTreeMap<String, Vec<String>>;

/// A stored table that passes over files without the values that are looked for.
#[derive(Debug)]
pub(crate) struct NeedleTable {
    stored: Arc<dyn TableProvider>,
    columns: &'static [&'static str],
}

impl NeedleTable {
    /// Wraps a table that has Bloom filters of these columns.
    pub(crate) fn over(
        stored: Arc<dyn TableProvider>,
        columns: &'static [&'static str],
    ) -> Arc<dyn TableProvider> {
        Arc::new(Self { stored, columns })
    }
}

#[async_trait]
impl TableProvider for NeedleTable {
    fn schema(&self) -> SchemaRef {
        self.stored.schema()
    }

    fn table_type(&self) -> TableType {
        self.stored.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        self.stored.supports_filters_pushdown(filters)
    }

    fn statistics(&self) -> Option<Statistics> {
        self.stored.statistics()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let plan = self.stored.scan(state, projection, filters, limit).await?;
        let plan = match projection {
            Some(columns) if limit.is_some() && !reads_files(&plan) => {
                self.limited(plan, state, columns, filters, limit).await?
            }
            Some(_) | None => plan,
        };
        with_hits(plan, &needles(filters, self.columns)).await
    }
}

impl NeedleTable {
    /// Plans a limited scan of columns that stand in the log alone so that it reads a column of the
    /// files too. The rows that are made from the log know no limit, and the engine takes it from
    /// above them where they have one partition.
    async fn limited(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        columns: &[usize],
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let others = (0..self.schema().fields().len()).filter(|column| !columns.contains(column));
        for other in others.take(COLUMNS_TRIED_MAX) {
            let more: Vec<usize> = columns.iter().copied().chain([other]).collect();
            let plan = self.stored.scan(state, Some(&more), filters, limit).await?;
            if reads_files(&plan) {
                let schema = plan.schema();
                let kept = schema.fields().iter().take(columns.len()).enumerate();
                let kept = kept.map(|(place, field)| -> (Arc<dyn PhysicalExpr>, String) {
                    (Arc::new(Column::new(field.name(), place)), field.name().clone())
                });
                return Ok(Arc::new(ProjectionExec::try_new(kept, plan)?));
            }
        }
        Ok(plan)
    }
}

fn reads_files(plan: &Arc<dyn ExecutionPlan>) -> bool {
    scan_of(plan).is_some() || plan.children().into_iter().any(reads_files)
}

/// Finds the columns that must have one of a few values.
fn needles(filters: &[Expr], columns: &[&str]) -> Needles {
    let mut needles = Needles::new();
    for filter in filters {
        if let Some((column, values)) = values_of(filter)
            && columns.contains(&column)
            && values.len() <= VALUES_MAX
        {
            needles.insert(column.to_owned(), values);
        }
    }
    needles
}

/// Reads `column = 'value'`, `column IN (...)`, and such joined by OR.
#[expect(clippy::wildcard_enum_match_arm, reason = "all else looks for no value")]
fn values_of(filter: &Expr) -> Option<(&str, Vec<String>)> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (column, value) = match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), value) | (value, Expr::Column(column)) => (column, value),
                _ => return None,
            };
            Some((&column.name, vec![text_of(value)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (column, mut values) = values_of(left)?;
            let (other, others) = values_of(right)?;
            values.extend(others);
            (column == other).then_some((column, values))
        }
        Expr::InList(list) if !list.negated => {
            let Expr::Column(column) = list.expr.as_ref() else { return None };
            Some((&column.name, list.list.iter().map(text_of).collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn text_of(value: &Expr) -> Option<String> {
    let Expr::Literal(value, _) = value else { return None };
    ScalarValue::try_as_str(value)?.map(str::to_owned)
}

/// Takes the files out of a plan that do not have the values, and puts the newest first.
async fn with_hits(
    plan: Arc<dyn ExecutionPlan>,
    needles: &Needles,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let mut scans = Vec::new();
    plan.apply(|node| {
        scans.extend(scan_of(node).cloned());
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    })?;
    let mut kept = Vec::with_capacity(scans.len());
    for scan in scans {
        kept.push(hits(scan, needles).await?);
    }
    let mut kept = kept.into_iter();
    // The same nodes come in the same order.
    let plan = plan.transform_down(|node| match scan_of(&node).and_then(|_| kept.next()) {
        Some(scan) => {
            let node: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(scan);
            Ok(Transformed::yes(node))
        }
        None => Ok(Transformed::no(node)),
    })?;
    Ok(plan.data)
}

fn scan_of(node: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let source = node.downcast_ref::<DataSourceExec>()?;
    source.downcast_to_file_source::<ParquetSource>().map(|(scan, _)| scan)
}

/// Returns the scan with the files only that may have the values, dealt out to its partitions.
async fn hits(scan: FileScanConfig, needles: &Needles) -> Result<FileScanConfig, DataFusionError> {
    let source = scan.file_source().downcast_ref::<ParquetSource>();
    let Some(readers) = source.and_then(ParquetSource::parquet_file_reader_factory) else {
        return Ok(scan);
    };
    let mut files: Vec<_> = scan.file_groups.iter().flat_map(FileGroup::iter).cloned().collect();
    if !needles.is_empty() {
        let asked = stream::iter(files).map(|file| {
            let readers = Arc::clone(readers);
            async move {
                let may_have = may_have(&readers, file.clone(), needles).await?;
                Ok::<_, DataFusionError>(may_have.then_some(file))
            }
        });
        let asked: Vec<_> = asked.buffered(FILES_ASKED_MAX).try_collect().await?;
        files = asked.into_iter().flatten().collect();
    }
    // The folder of a file is its day.
    files.sort_by(|one, other| other.object_meta.location.cmp(&one.object_meta.location));
    let count = scan.file_groups.len().max(1);
    let mut groups = vec![FileGroup::default(); count];
    for (number, file) in files.into_iter().enumerate() {
        if let Some(group) = groups.get_mut(number % count) {
            group.push(file);
        }
    }
    Ok(FileScanConfigBuilder::from(scan).with_file_groups(groups).build())
}

/// Asks one file. What cannot be asked may have everything.
async fn may_have(
    readers: &Arc<dyn ParquetFileReaderFactory>,
    file: PartitionedFile,
    needles: &Needles,
) -> Result<bool, DataFusionError> {
    let metrics = ExecutionPlanMetricsSet::new();
    let mut reader = readers.create_reader(0, file, Some(FOOTER_BYTES), &metrics)?;
    let footer = reader.get_metadata(None).await?;
    if !footer.file_metadata().created_by().is_some_and(|by| by.starts_with(OUR_FILES)) {
        return Ok(true);
    }
    for row_group in footer.row_groups() {
        let mut may_have_all = true;
        for (column, values) in needles {
            let path =
                |chunk: &&ColumnChunkMetaData| chunk.column_path().parts() == [column.as_str()];
            let Some(chunk) = row_group.columns().iter().find(path) else { continue };
            may_have_all &= may_have_one(&mut *reader, chunk, values).await?;
        }
        if may_have_all {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn may_have_one(
    reader: &mut dyn AsyncFileReader,
    chunk: &ColumnChunkMetaData,
    values: &[String],
) -> Result<bool, ParquetError> {
    let Some(blocks) = blocks_of(chunk) else { return Ok(true) };
    for value in values {
        let block = reader.get_bytes(block_of(&blocks, value)).await?;
        // Every value is looked for in the only block there is.
        if Sbbf::new(&block).check(value.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Finds the blocks of a filter, which stand behind a header of less than their size; they are a power
/// of two bytes.
fn blocks_of(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
    let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
    let blocks = 1 << length.checked_ilog2()?;
    let end = start.checked_add(length)?;
    (blocks >= BLOCK_BYTES).then_some(end - blocks..end)
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
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn values_are_found_in_the_ways_they_are_asked_for() {
        let columns = ["a", "b"];
        let found = |filters: &[Expr]| {
            let found = needles(filters, &columns).into_iter();
            found
                .map(|(column, values)| format!("{column}={}", values.join(",")))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&[col("a").eq(lit("x")), lit("y").eq(col("b"))]), ["a=x", "b=y"]);
        assert_eq!(found(&[col("a").in_list(vec![lit("x"), lit("y")], false)]), ["a=x,y"]);
        let or = |other: &str| col("a").eq(lit("x")).or(col(other).eq(lit("y")));
        assert_eq!(found(&[or("a")]), ["a=x,y"]);
        for none in [
            or("b"),
            col("c").eq(lit("x")),
            col("a").not_eq(lit("x")),
            col("a").eq(col("b")),
            col("a").eq(lit(1)),
            col("a").eq(lit(ScalarValue::Utf8(None))),
            col("a").in_list(vec![lit("x")], true),
            col("a").in_list(vec![lit("x"), col("b")], false),
            col("a").in_list((0..100).map(|n| lit(n.to_string())).collect(), false),
        ] {
            assert_eq!(found(std::slice::from_ref(&none)), Vec::<String>::new(), "{none}");
        }
    }

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
