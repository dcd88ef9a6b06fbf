//! `events_unique`: of rows that are the same event, one.
//!
//! Rows are the same event where recipient account, event id and all content are equal. Rows
//! without an event id, or with an empty one, are never the same. A repeat is found in three steps, each over what the one
//! before left: ids that stand more than once (two narrow columns), the content of their rows, and
//! of equal rows all but the first by source object and row. These few are then left out of an
//! ordinary scan, so that a query pays for content only where ids repeat.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Column, NullEquality},
    datasource::{TableType, provider_as_source},
    error::DataFusionError,
    functions_aggregate::expr_fn::count,
    functions_window::expr_fn::row_number,
    logical_expr::{
        Expr, ExprFunctionExt, JoinType, LogicalPlan, LogicalPlanBuilder,
        TableProviderFilterPushDown, col, lit,
    },
    physical_plan::ExecutionPlan,
};
use trailhouse_lake::{EVENT_IDENTITY, EVENT_PROVENANCE};

use crate::{content_hash::content_hash, opaque::exact_where};

/// The table's name.
pub(crate) const EVENTS_UNIQUE: &str = "events_unique";

const EVENTS: &str = "events";

/// The stored events without their repeats.
#[derive(Debug)]
pub(crate) struct UniqueEvents {
    events: Arc<dyn TableProvider>,
    schema: SchemaRef,
}

impl UniqueEvents {
    /// Returns the table over events; nothing where they lack a column by which repeats are told.
    pub(crate) fn over(events: &Arc<dyn TableProvider>) -> Option<Arc<dyn TableProvider>> {
        let schema = events.schema();
        let has = |name: &&str| schema.column_with_name(name).is_some();
        let has_all = EVENT_IDENTITY.iter().chain(&EVENT_PROVENANCE).all(has);
        has_all.then(|| -> Arc<dyn TableProvider> {
            Arc::new(Self { events: Arc::clone(events), schema: SchemaRef::clone(&schema) })
        })
    }

    fn events(&self, filters: &[Expr]) -> Result<LogicalPlanBuilder, DataFusionError> {
        let source = provider_as_source(Arc::clone(&self.events));
        let scan = LogicalPlanBuilder::scan(EVENTS, source, None)?;
        match filters.iter().cloned().reduce(Expr::and) {
            Some(filter) => scan.filter(filter),
            None => Ok(scan),
        }
    }

    /// Returns the identities that stand more than once.
    fn repeated(&self, filters: &[Expr]) -> Result<LogicalPlanBuilder, DataFusionError> {
        self.events(filters)?
            .filter(col("event_id").not_eq(lit("")))?
            .aggregate(EVENT_IDENTITY.map(col), [count(lit(1)).alias("copies")])?
            .filter(col("copies").gt(lit(1)))?
            .project(EVENT_IDENTITY.map(col))?
            .alias("repeated")
    }

    /// Returns the places of the rows that repeat another.
    fn repeats(&self, filters: &[Expr]) -> Result<LogicalPlanBuilder, DataFusionError> {
        let content: Vec<Expr> =
            self.schema.fields().iter().filter(|field| is_content(field)).map(column).collect();
        let suspects = self.repeated(filters)?.join_detailed(
            self.events(filters)?.build()?,
            JoinType::RightSemi,
            keys("repeated", &EVENT_IDENTITY),
            None,
            NullEquality::NullEqualsNull,
        )?;
        let places = EVENT_IDENTITY.into_iter().chain(EVENT_PROVENANCE).map(col);
        let copy = row_number()
            .partition_by(vec![col(EVENT_IDENTITY[0]), col(EVENT_IDENTITY[1]), col("content")])
            .order_by(EVENT_PROVENANCE.map(|name| col(name).sort(true, false)).to_vec())
            .build()?
            .alias("copy");
        suspects
            .project(places.chain([content_hash(content).alias("content")]))?
            .window([copy])?
            .filter(col("copy").gt(lit(1)))?
            .project(EVENT_PROVENANCE.map(col))?
            .alias("repeats")
    }

    fn plan(
        &self,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<LogicalPlan, DataFusionError> {
        let fields = self.schema.fields();
        let columns: Vec<Expr> = match projection {
            Some(indices) => {
                indices.iter().filter_map(|index| fields.get(*index)).map(column).collect()
            }
            None => fields.iter().map(column).collect(),
        };
        // The repeats are few, so they are what is held in memory.
        self.repeats(filters)?
            .join_detailed(
                self.events(filters)?.build()?,
                JoinType::RightAnti,
                keys("repeats", &EVENT_PROVENANCE),
                None,
                NullEquality::NullEqualsNothing,
            )?
            .project(columns)?
            .build()
    }
}

#[async_trait]
impl TableProvider for UniqueEvents {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// A predicate on content holds for all rows that are the same event or for none of them, so it
    /// may be applied before repeats are looked for.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(exact_where(filters, |filter| {
            let columns = filter.column_refs();
            !filter.is_volatile()
                && !columns.iter().any(|column| EVENT_PROVENANCE.contains(&column.name.as_str()))
        }))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        state.create_physical_plan(&self.plan(projection, filters)?).await
    }
}

fn is_content(field: &Field) -> bool {
    !EVENT_PROVENANCE.contains(&field.name().as_str())
        && !matches!(field.data_type(), DataType::Null)
}

/// Names are taken as they stand: some have capitals in other lakes.
fn column(field: &FieldRef) -> Expr {
    Expr::Column(Column::from_name(field.name()))
}

fn keys(left: &str, names: &[&str]) -> (Vec<Column>, Vec<Column>) {
    let of = |table: &str| names.iter().map(|name| Column::new(Some(table), *name)).collect();
    (of(left), of(EVENTS))
}
