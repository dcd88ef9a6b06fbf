//! Runs plans within the limits of one question.

use std::{sync::Arc, time::Duration};

use arrow::array::RecordBatch;
use datafusion::{
    common::runtime::SpawnedTask,
    execution::{SessionState, TaskContext, runtime_env::RuntimeEnv},
    logical_expr::LogicalPlan,
    physical_plan::{ExecutionPlan, execute_stream, execution_plan::reset_plan_states},
};
use tokio::time::timeout;

use super::{JudgeLimits, bind::is_empty, slots::Slots};
use crate::{
    error::{QueryError, classify},
    memory::pool_of,
    planner::{Planner, on_planning_stack},
    stream::QueryStream,
};

/// Does some work within a time. Work that is not done then is stopped; a panic in it is an error.
pub(crate) async fn within<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = Result<T, QueryError>> + Send + 'static,
) -> Result<T, QueryError> {
    let task = SpawnedTask::spawn(work);
    match timeout(limit, task.join()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Err(QueryError::Bug { message: error.to_string() }),
        Err(_) => Err(QueryError::TimedOut { limit }),
    }
}

/// A plan that can be run, once or for each of many periods.
pub(crate) struct Runnable {
    planner: Arc<Planner>,
    state: Arc<SessionState>,
    plan: Arc<dyn ExecutionPlan>,
    limits: JudgeLimits,
}

impl Runnable {
    /// Plans how an optimised plan is run; nothing where it has no rows whatever it is given.
    pub(crate) async fn of(
        planner: Arc<Planner>,
        state: Arc<SessionState>,
        plan: LogicalPlan,
        limits: JudgeLimits,
    ) -> Result<Option<Self>, QueryError> {
        if is_empty(&plan) {
            return Ok(None);
        }
        let planning = on_planning_stack(async move {
            let planning = state.query_planner().create_physical_plan(&plan, state.as_ref());
            let plan = planning.await;
            let plan = plan.map_err(|error| classify(&error, &planner.vocabulary))?;
            Ok(Self { planner, state, plan, limits })
        });
        within(limits.timeout_per_question, planning).await.map(Some)
    }

    /// Runs it to its end over some rows.
    pub(crate) async fn rows(&self, slots: Slots) -> Result<Vec<RecordBatch>, QueryError> {
        let limits = self.limits;
        let stream = self.start(slots);
        within(limits.timeout_per_question, async move {
            let mut stream = stream.await?;
            let (mut batches, mut rows) = (Vec::new(), 0_u64);
            while let Some(batch) = stream.next_batch().await? {
                rows = rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
                if rows > limits.rows_max {
                    return Err(QueryError::TooManyRows { rows_max: limits.rows_max });
                }
                batches.push(batch);
            }
            Ok(batches)
        })
        .await
    }

    fn start(
        &self,
        slots: Slots,
    ) -> impl Future<Output = Result<QueryStream, QueryError>> + Send + 'static {
        let (planner, plan) = (Arc::clone(&self.planner), Arc::clone(&self.plan));
        let mut context = slots.into_context(TaskContext::from(self.state.as_ref()));
        if let Some(bytes) = self.limits.memory_bytes_per_question {
            context = context.with_runtime(limited(self.state.runtime_env(), bytes));
        }
        on_planning_stack(async move {
            // Joins and sorts keep what they were given; each run begins with them fresh.
            let batches = reset_plan_states(plan)
                .and_then(|plan| execute_stream(plan, Arc::new(context)))
                .map_err(|error| classify(&error, &planner.vocabulary))?;
            Ok(QueryStream::new(batches, Arc::clone(&planner.vocabulary)))
        })
    }
}

/// Returns the same runtime with memory of its own, so that one cannot starve another.
fn limited(runtime: &Arc<RuntimeEnv>, bytes: u64) -> Arc<RuntimeEnv> {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    Arc::new(RuntimeEnv { memory_pool: pool_of(bytes), ..RuntimeEnv::clone(runtime) })
}
