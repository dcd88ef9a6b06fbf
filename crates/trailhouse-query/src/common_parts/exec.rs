//! A part as a table that others read.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Statistics, tree_node::TreeNodeRecursion},
    datasource::TableType,
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::Expr,
    physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr},
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
        execution_plan::{Boundedness, EmissionType, reset_plan_states},
        statistics::{ChildStats, StatisticsArgs},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{
    FutureExt, TryStreamExt,
    future::{BoxFuture, Shared},
    stream,
};

use super::kept::Kept;

/// All rows of a part, when they are there.
type Run = Shared<BoxFuture<'static, Result<Arc<Kept>, Arc<DataFusionError>>>>;

/// A part that is planned.
#[derive(Debug)]
pub(super) struct CommonPart {
    exec: Arc<CommonPartExec>,
}

impl CommonPart {
    pub(super) fn new(plan: Arc<dyn ExecutionPlan>) -> Self {
        Self { exec: Arc::new(CommonPartExec::new(plan)) }
    }
}

#[async_trait]
impl TableProvider for CommonPart {
    fn schema(&self) -> SchemaRef {
        self.exec.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Ok(Arc::clone(&self.exec) as Arc<dyn ExecutionPlan>)
    }
}

/// Runs a plan once for all who read it: the same node stands in all their places.
struct CommonPartExec {
    plan: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    /// The last run, and the query that it belongs to: a plan may be run again.
    run: Mutex<Option<(Weak<TaskContext>, Run)>>,
}

impl CommonPartExec {
    fn new(plan: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(plan.schema()),
            Partitioning::UnknownPartitioning(plan.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { plan, properties: Arc::new(properties), run: Mutex::new(None) }
    }

    fn run(&self, context: &Arc<TaskContext>) -> Result<Run, DataFusionError> {
        let mut last = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let of = Arc::downgrade(context);
        let plan = match &*last {
            Some((known, run)) if known.ptr_eq(&of) => return Ok(run.clone()),
            Some(_) => reset_plan_states(Arc::clone(&self.plan))?,
            None => Arc::clone(&self.plan),
        };
        let run = Kept::of(plan, Arc::clone(context))
            .map(|kept| kept.map(Arc::new).map_err(Arc::new))
            .boxed()
            .shared();
        *last = Some((of, run.clone()));
        Ok(run)
    }
}

impl fmt::Debug for CommonPartExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommonPartExec").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl DisplayAs for CommonPartExec {
    fn fmt_as(&self, _form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommonPartExec: runs once")
    }
}

impl ExecutionPlan for CommonPartExec {
    fn name(&self) -> &str {
        "CommonPartExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.plan]
    }

    /// The plan is optimised already, and stays the one that all readers share.
    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(
            &Arc<dyn PhysicalExpr>,
        ) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let run = self.run(&context)?;
        let rows = async move {
            let kept = run.await.map_err(DataFusionError::Shared)?;
            kept.read(partition)
        };
        let rows = stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>, DataFusionError> {
        let unknown = || Arc::new(Statistics::new_unknown(&self.schema()));
        Ok(inputs.first().map_or_else(unknown, Arc::clone))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }
}
