//! Runs of rows with equal keys, as states of aggregates.

use std::{fmt, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array, cast::AsArray},
    compute::take,
    datatypes::SchemaRef,
    error::ArrowError,
};
use datafusion::{
    common::tree_node::TreeNodeRecursion,
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{EmitTo, GroupsAccumulator},
    physical_expr::{
        EquivalenceProperties, Partitioning, PhysicalExpr, aggregate::AggregateFunctionExpr,
        expressions::Literal,
    },
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
        aggregates::AggregateExec,
        execution_plan::{Boundedness, EmissionType},
        metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::StreamExt;

use super::runs::run_starts;

/// An aggregate, and the rows that it takes.
type Aggregate = (Arc<AggregateFunctionExpr>, Option<Arc<dyn PhysicalExpr>>);

/// What is aggregated, and by what.
#[derive(Debug)]
struct Work {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    aggregates: Vec<Aggregate>,
    /// The keys, then the states of the aggregates.
    schema: SchemaRef,
}

/// Makes a row of keys and states of each run of rows with equal keys.
#[derive(Debug)]
pub(super) struct NeighboursExec {
    work: Arc<Work>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl NeighboursExec {
    /// Does for runs what the aggregation does for groups, and gives rows like its.
    pub(super) fn new(partial: &AggregateExec) -> Self {
        let keys = partial.group_expr().expr().iter().map(|(key, _)| Arc::clone(key)).collect();
        let filters = partial.filter_expr().iter().cloned();
        let aggregates = partial.aggr_expr().iter().map(Arc::clone).zip(filters).collect();
        let work = Work { keys, aggregates, schema: partial.schema() };
        Self::over(Arc::new(work), Arc::clone(partial.input()))
    }

    fn over(work: Arc<Work>, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&work.schema)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let properties = Arc::new(properties);
        Self { work, input, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for NeighboursExec {
    fn fmt_as(&self, _form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.work.keys.iter().map(ToString::to_string).collect();
        write!(f, "NeighboursExec: by=[{}]", keys.join(", "))
    }
}

impl ExecutionPlan for NeighboursExec {
    fn name(&self) -> &str {
        "NeighboursExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let input = children.pop().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(Self::over(Arc::clone(&self.work), input)))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        let filters = self.work.aggregates.iter().filter_map(|(_, filter)| filter.as_ref());
        for expression in self.work.keys.iter().chain(filters) {
            if visit(expression)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let mut folding = Folding::new(Arc::clone(&self.work))?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let rows = self.input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            let timer = metrics.elapsed_compute().timer();
            let folded = folding.fold(&batch);
            timer.done();
            folded.record_output(&metrics)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// The state of one stream.
struct Folding {
    work: Arc<Work>,
    states: Vec<State>,
}

/// How the state of an aggregate is found.
enum State {
    /// How many rows a run has is the state.
    Rows,
    Accumulated(Box<dyn GroupsAccumulator>),
}

impl Folding {
    fn new(work: Arc<Work>) -> Result<Self, DataFusionError> {
        let states = work.aggregates.iter().map(|(aggregate, filter)| {
            if filter.is_none() && counts_rows(aggregate) {
                return Ok(State::Rows);
            }
            aggregate.create_groups_accumulator().map(State::Accumulated)
        });
        let states = states.collect::<Result<_, DataFusionError>>()?;
        Ok(Self { work, states })
    }

    fn fold(&mut self, batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
        let rows = batch.num_rows();
        let keys = self.work.keys.iter().map(|key| key.evaluate(batch)?.into_array(rows));
        let keys: Vec<ArrayRef> = keys.collect::<Result<_, _>>()?;
        let starts = run_starts(&keys, rows);
        let mut columns = first_of_each(&keys, &starts, rows)?;
        let mut run_of_rows = None;
        for (state, (aggregate, filter)) in self.states.iter_mut().zip(&self.work.aggregates) {
            let accumulator = match state {
                State::Rows => {
                    columns.push(Arc::new(lengths(&starts, rows)?));
                    continue;
                }
                State::Accumulated(accumulator) => accumulator,
            };
            let runs = run_of_rows.get_or_insert_with(|| run_numbers(&starts, rows));
            let values = aggregate.expressions();
            let values = values.iter().map(|value| value.evaluate(batch)?.into_array(rows));
            let values: Vec<ArrayRef> = values.collect::<Result<_, _>>()?;
            let filter = filter.as_ref().map(|filter| mask(filter, batch)).transpose()?;
            accumulator.update_batch(&values, runs, filter.as_ref(), starts.len())?;
            columns.extend(accumulator.state(EmitTo::All)?);
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.work.schema), columns)?)
    }
}

/// Says whether the aggregate counts rows, whatever is in them.
fn counts_rows(aggregate: &AggregateFunctionExpr) -> bool {
    let is_there = |value: &Arc<dyn PhysicalExpr>| {
        value.downcast_ref::<Literal>().is_some_and(|literal| !literal.value().is_null())
    };
    aggregate.fun().name() == "count" && aggregate.expressions().iter().all(is_there)
}

fn mask(
    filter: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
) -> Result<BooleanArray, DataFusionError> {
    let mask = filter.evaluate(batch)?.into_array(batch.num_rows())?;
    let mask = mask.as_boolean_opt().cloned();
    mask.ok_or_else(|| DataFusionError::Internal("a filter is no condition".to_owned()))
}

fn first_of_each(
    keys: &[ArrayRef],
    starts: &[usize],
    rows: usize,
) -> Result<Vec<ArrayRef>, DataFusionError> {
    if starts.len() == rows {
        return Ok(keys.to_vec());
    }
    let numbers = starts.iter().map(|row| u32::try_from(*row));
    let numbers = numbers.collect::<Result<Vec<_>, _>>().map_err(too_many)?;
    let numbers = UInt32Array::from(numbers);
    let first = keys.iter().map(|key| take(key.as_ref(), &numbers, None));
    Ok(first.collect::<Result<_, ArrowError>>()?)
}

/// Returns the number of its run for each row.
fn run_numbers(starts: &[usize], rows: usize) -> Vec<usize> {
    let mut numbers = Vec::with_capacity(rows);
    for (run, end) in ends(starts, rows).enumerate() {
        numbers.resize(end, run);
    }
    numbers
}

fn lengths(starts: &[usize], rows: usize) -> Result<Int64Array, DataFusionError> {
    let lengths =
        starts.iter().zip(ends(starts, rows)).map(|(start, end)| i64::try_from(end - start));
    Ok(Int64Array::from(lengths.collect::<Result<Vec<_>, _>>().map_err(too_many)?))
}

fn ends(starts: &[usize], rows: usize) -> impl Iterator<Item = usize> {
    starts.iter().skip(1).copied().chain((!starts.is_empty()).then_some(rows))
}

fn too_many(error: std::num::TryFromIntError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
