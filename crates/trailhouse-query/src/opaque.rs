//! A view that stays one leaf of every plan.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Column, tree_node::TreeNode},
    datasource::{TableType, provider_as_source},
    error::DataFusionError,
    logical_expr::{
        Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, utils::conjunction,
    },
    physical_plan::ExecutionPlan,
};

/// A plan as a table. The optimiser does not look into it, so a statement that reads it has one
/// leaf for each mention, which holds the columns and all predicates that concern it alone.
#[derive(Debug)]
pub(crate) struct OpaqueView {
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl OpaqueView {
    /// Makes a view of a plan.
    pub(crate) fn of(plan: LogicalPlan) -> Self {
        let schema = Arc::new(plan.schema().as_arrow().clone());
        Self { plan, schema }
    }

    /// Makes a view of all of a table.
    pub(crate) fn over(
        name: &str,
        table: &Arc<dyn TableProvider>,
    ) -> Result<Self, DataFusionError> {
        Self::filtered(name, table, Vec::new())
    }

    /// Makes a view of the rows of a table that match all of the predicates.
    pub(crate) fn filtered(
        name: &str,
        table: &Arc<dyn TableProvider>,
        filters: Vec<Expr>,
    ) -> Result<Self, DataFusionError> {
        let source = provider_as_source(Arc::clone(table));
        let mut plan = LogicalPlanBuilder::scan(name, source, None)?;
        if let Some(filter) = conjunction(filters) {
            plan = plan.filter(filter)?;
        }
        Ok(Self::of(plan.build()?))
    }

    /// Returns the plan that reads some columns of the rows that match all of the predicates.
    pub(crate) fn select(
        &self,
        columns: &[usize],
        filters: &[Expr],
    ) -> Result<LogicalPlan, DataFusionError> {
        let mut plan = LogicalPlanBuilder::from(self.plan.clone());
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            plan = plan.filter(filter)?;
        }
        let fields = self.schema.fields();
        let columns = columns.iter().filter_map(|index| fields.get(*index));
        // Names are taken as they stand: some have capitals in other lakes.
        plan.project(columns.map(|field| Expr::Column(Column::from_name(field.name()))))?.build()
    }
}

#[async_trait]
impl TableProvider for OpaqueView {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// What concerns one row alone is applied below; what asks other tables or differs from call
    /// to call stays where it stands.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(exact_where(filters, is_about_one_row))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let plan = match projection {
            Some(columns) => self.select(columns, filters)?,
            None => {
                let columns: Vec<usize> = (0..self.schema.fields().len()).collect();
                self.select(&columns, filters)?
            }
        };
        state.create_physical_plan(&plan).await
    }
}

/// Says of each filter that it is applied in full, or not at all.
pub(crate) fn exact_where(
    filters: &[&Expr],
    is_applied: impl Fn(&Expr) -> bool,
) -> Vec<TableProviderFilterPushDown> {
    let support = filters.iter().map(|filter| {
        if is_applied(filter) {
            TableProviderFilterPushDown::Exact
        } else {
            TableProviderFilterPushDown::Unsupported
        }
    });
    support.collect()
}

fn is_about_one_row(filter: &Expr) -> bool {
    !filter.is_volatile() && matches!(asks_others(filter), Ok(false))
}

/// Says whether an expression reads other plans.
pub(crate) fn asks_others(expr: &Expr) -> Result<bool, DataFusionError> {
    expr.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ))
    })
}
