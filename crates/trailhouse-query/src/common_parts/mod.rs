//! Parts of a statement that are computed once, however often it names them.

mod exec;
mod find;
mod kept;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    catalog::Session,
    datasource::provider_as_source,
    error::DataFusionError,
    execution::context::QueryPlanner,
    logical_expr::{LogicalPlan, TableScan},
    physical_plan::ExecutionPlan,
    physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner},
};

use self::{
    exec::CommonPart,
    find::{Part, find, replace},
};

/// Plans groupings that stand in a statement more than once, as a CTE does that is named twice, so
/// that they run once. What they found is kept in memory, and beyond its limit in temporary files.
#[derive(Debug)]
pub(crate) struct CommonParts;

#[async_trait]
impl QueryPlanner for CommonParts {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let planner = DefaultPhysicalPlanner::default();
        let parts = find(plan)?;
        if parts.is_empty() {
            return planner.create_physical_plan(plan, session).await;
        }
        let mut planned = Vec::with_capacity(parts.len());
        for part in parts {
            // It may have some of those before it in it.
            let inner = replace(part.plan.clone(), &planned)?;
            let exec = planner.create_physical_plan(&inner, session).await?;
            let leaf = as_leaf(&part, exec);
            planned.push((part, leaf));
        }
        let plan = replace(plan.clone(), &planned)?;
        planner.create_physical_plan(&plan, session).await
    }
}

/// Returns a scan of the rows of a part.
fn as_leaf(part: &Part, exec: Arc<dyn ExecutionPlan>) -> LogicalPlan {
    LogicalPlan::TableScan(TableScan {
        table_name: "common_part".into(),
        source: provider_as_source(Arc::new(CommonPart::new(exec))),
        projection: None,
        projected_schema: Arc::clone(part.plan.schema()),
        filters: Vec::new(),
        fetch: None,
        statistics_requests: BTreeSet::new(),
    })
}
