//! A table whose files are asked for a value before they are read, and read from the newest on.
//!
//! A value that is looked for by itself (an event id, an access key, an address) stands in few files.
//! Each file has a Bloom filter of such a column, of which one block of 32 bytes says whether the value
//! may be there: that block is read of all files side by side, and the rest of the file only where the
//! answer is yes. Where the filters stand, the log says of our own files. The engine reads whole
//! filters, file after file.
//!
//! Whoever wants the newest events, or just some, has them from the first files: the engine passes
//! over those that can have none newer.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

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
        physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource},
        source::DataSourceExec,
    },
    error::DataFusionError,
    logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown},
    physical_expr::{PhysicalExpr, expressions::Column},
    physical_plan::{ExecutionPlan, projection::ProjectionExec},
    scalar::ScalarValue,
};
use deltalake_core::DeltaTable;

pub(crate) use self::newest::NewestRows;
use self::{
    filters::{FileHits, FilterFiles},
    newest::FileTimes,
    readers::{Indexed, keep_indexes, without_filters},
};

mod filters;
mod newest;
mod readers;

/// What is read of the end of a file at first: the footer of a day's file fits.
pub(crate) const FOOTER_BYTES: u32 = 12 * 1024;
/// Columns that are tried until one is of the files: a table has one partition column at most.
const COLUMNS_TRIED_MAX: usize = 2;
/// Values beyond this are looked for in the rows.
const VALUES_MAX: usize = 64;

/// Values of a column, of which a row must have one.
type Needles = BTreeMap<String, Vec<String>>;

/// A stored table that passes over files without the values that are looked for.
#[derive(Debug)]
pub(crate) struct NeedleTable {
    stored: Arc<dyn TableProvider>,
    columns: &'static [&'static str],
    filters: OnceLock<Arc<FilterFiles>>,
    /// What the provider reads all of.
    whole: Option<DeltaTable>,
    times: OnceLock<Option<FileTimes>>,
    indexed: Arc<Indexed>,
}

impl NeedleTable {
    /// Wraps a table that has Bloom filters of these columns. `whole` is the table where the provider
    /// reads all of its files.
    pub(crate) fn over(
        stored: Arc<dyn TableProvider>,
        columns: &'static [&'static str],
        whole: Option<DeltaTable>,
    ) -> Arc<dyn TableProvider> {
        let (filters, times, indexed) = (OnceLock::new(), OnceLock::new(), Arc::default());
        Arc::new(Self { stored, columns, filters, whole, times, indexed })
    }

    fn filters(&self) -> &Arc<FilterFiles> {
        let filters = || Arc::new(FilterFiles::new(self.columns, self.whole.as_ref()));
        self.filters.get_or_init(filters)
    }

    /// Returns the times of all files that are read, where they are known.
    fn file_times(&self) -> Option<&FileTimes> {
        let times = || self.whole.as_ref().and_then(FileTimes::of);
        self.times.get_or_init(times).as_ref()
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
        self.with_hits(plan, state, needles(filters, self.columns)).await
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

    /// Takes the files out of a plan that do not have the values, and puts the newest first.
    async fn with_hits(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        needles: Needles,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let needles = Arc::new(needles);
        let mut scans = Vec::new();
        plan.apply(|node| {
            scans.extend(scan_of(node).cloned());
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })?;
        let mut kept = Vec::with_capacity(scans.len());
        for scan in scans {
            kept.push(self.hits(scan, state, &needles).await?);
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

    /// Returns the scan with the files only that may have the values, dealt out to its partitions.
    async fn hits(
        &self,
        scan: FileScanConfig,
        state: &dyn Session,
        needles: &Arc<Needles>,
    ) -> Result<FileScanConfig, DataFusionError> {
        let files = scan.file_groups.iter().flat_map(FileGroup::iter);
        let mut files: Vec<PartitionedFile> = files.cloned().collect();
        let mut scan = keep_indexes(scan, &self.indexed);
        if !needles.is_empty() {
            let store = state.runtime_env().object_store(&scan.object_store_url)?;
            let hits = FilterFiles::that_may_have(self.filters(), &store, files, needles).await?;
            // Of the other columns, the pages of the rows that have the value are all that is read.
            hits.iter().for_each(|hit| self.indexed.insert(&hit.file.object_meta.location));
            if reads_all_rows(&scan) {
                files = hits.into_iter().map(|hit| hit.file).collect();
            } else {
                if hits.iter().all(FileHits::is_asked) {
                    scan = without_filters(scan);
                }
                files = hits.into_iter().map(FileHits::only_hits).collect();
            }
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
}

fn reads_files(plan: &Arc<dyn ExecutionPlan>) -> bool {
    scan_of(plan).is_some() || plan.children().into_iter().any(reads_files)
}

/// Says whether a scan reads each file from its first row to its last: where some of its rows are
/// deleted, they are told by their numbers.
fn reads_all_rows(scan: &FileScanConfig) -> bool {
    !scan.file_source.table_schema().virtual_columns().is_empty()
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

fn scan_of(node: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let source = node.downcast_ref::<DataSourceExec>()?;
    source.downcast_to_file_source::<ParquetSource>().map(|(scan, _)| scan)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::{
        datasource::{object_store::ObjectStoreUrl, table_schema::TableSchema},
        prelude::{col, lit},
    };
    use parquet::arrow::RowNumber;

    use super::*;

    #[test]
    fn where_rows_are_told_by_their_numbers_all_rows_are_read() {
        let columns = TableSchema::builder(Arc::new(Schema::empty()));
        let number = Field::new("number", DataType::Int64, true).with_extension_type(RowNumber);
        let numbered = columns.clone().with_virtual_columns(vec![Arc::new(number)]);
        for (columns, all_rows) in [(columns, false), (numbered, true)] {
            let source = Arc::new(ParquetSource::new(columns.build()));
            let url = ObjectStoreUrl::local_filesystem();
            let scan = FileScanConfigBuilder::new(url, source).build();
            assert_eq!(reads_all_rows(&scan), all_rows);
        }
    }

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
}
