//! From SQL text to rows.

use std::{sync::Arc, thread};

use datafusion::{
    common::Column,
    error::DataFusionError,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder},
    physical_plan::displayable,
    prelude::SessionContext,
};
use datafusion_functions_json::{JSON_UNION_DATA_TYPE, udfs::json_union_to_text_udf};
use futures::channel::oneshot;
use tokio::runtime::Handle;

use crate::{
    error::{QueryError, Vocabulary, classify},
    params::set_params,
    statement,
    stream::QueryStream,
};

/// Planning recurses once or more for each link of a chain of operators; this is enough for the
/// longest that a statement may have.
const PLANNING_STACK_BYTES: usize = 32 * 1024 * 1024;

/// Plans statements over the tables of one session.
pub(crate) struct Planner {
    pub(crate) context: SessionContext,
    pub(crate) vocabulary: Arc<Vocabulary>,
}

impl Planner {
    /// Starts a statement.
    pub(crate) async fn stream(&self, sql: &str) -> Result<QueryStream, QueryError> {
        let failed = |error| self.failed(&error, sql);
        let plan = self.plan(sql).await?;
        let frame = self.context.execute_logical_plan(plan).await.map_err(failed)?;
        let batches = frame.execute_stream().await.map_err(failed)?;
        Ok(QueryStream::new(batches, Arc::clone(&self.vocabulary)))
    }

    /// Shows the physical plan of a statement.
    pub(crate) async fn explain(&self, sql: &str) -> Result<String, QueryError> {
        let plan = self.plan(sql).await?;
        let state = self.context.state();
        let plan = state.create_physical_plan(&plan).await;
        let plan = plan.map_err(|error| self.failed(&error, sql))?;
        Ok(displayable(plan.as_ref()).indent(false).to_string())
    }

    /// Checks a statement and resolves its names.
    pub(crate) async fn plan(&self, sql: &str) -> Result<LogicalPlan, QueryError> {
        self.plan_with(sql, &[]).await
    }

    /// Does the same with other values of the statement's parameters.
    pub(crate) async fn plan_with(
        &self,
        sql: &str,
        params: &[(String, String)],
    ) -> Result<LogicalPlan, QueryError> {
        let mut statement = statement::parse(sql, &self.vocabulary)?;
        set_params(&mut statement, params)?;
        let failed = |error| self.failed(&error, sql);
        let state = self.context.state();
        let plan = state.statement_to_plan(statement).await.map_err(failed)?;
        statement::read_only().verify_plan(&plan).map_err(failed)?;
        json_as_text(plan).map_err(failed)
    }

    pub(crate) fn failed(&self, error: &DataFusionError, sql: &str) -> QueryError {
        classify(error, &self.vocabulary).located(sql)
    }
}

/// Plans on a thread of its own, whose stack is large enough. Dropping the future leaves the
/// thread to end by itself.
pub(crate) async fn on_planning_stack<T: Send + 'static>(
    planning: impl Future<Output = Result<T, QueryError>> + Send + 'static,
) -> Result<T, QueryError> {
    let failed = |message: String| QueryError::Bug { message };
    let runtime = Handle::try_current().map_err(|error| failed(error.to_string()))?;
    let (done, planned) = oneshot::channel();
    thread::Builder::new()
        .name("query-planner".to_owned())
        .stack_size(PLANNING_STACK_BYTES)
        .spawn(move || drop(done.send(runtime.block_on(planning))))
        .map_err(|error| failed(format!("no thread to plan on: {error}")))?;
    planned.await.map_err(|_| failed("the planner stopped".to_owned()))?
}

/// The result of `->` is a union of JSON types, which few formats can hold. Where it is a column
/// of the answer it becomes JSON text.
fn json_as_text(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let is_json = |data_type| data_type == &*JSON_UNION_DATA_TYPE;
    let schema = Arc::clone(plan.schema());
    if !schema.fields().iter().any(|field| is_json(field.data_type())) {
        return Ok(plan);
    }
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (qualifier, field) in schema.iter() {
        let column = Expr::Column(Column::from((qualifier, field)));
        if is_json(field.data_type()) {
            let text = json_union_to_text_udf().call(vec![column]);
            columns.push(text.alias_qualified(qualifier.cloned(), field.name()));
        } else {
            columns.push(column);
        }
    }
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
