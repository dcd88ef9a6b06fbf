//! Rows that are kept until all who want them have read them.

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    common::runtime::JoinSet,
    error::DataFusionError,
    execution::{
        SendableRecordBatchStream, TaskContext,
        memory_pool::{MemoryConsumer, MemoryReservation},
        spill_file::SpillFile,
    },
    physical_plan::{
        ExecutionPlan, SpillManager, execute_stream_partitioned,
        metrics::{ExecutionPlanMetricsSet, SpillMetrics},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{StreamExt, TryStreamExt, stream};

/// The rows of one partition: the first in memory, what does not fit in a temporary file.
struct Partition {
    batches: Vec<RecordBatch>,
    rest: Option<Arc<dyn SpillFile>>,
    _memory: MemoryReservation,
}

/// All rows of a plan.
pub(super) struct Kept {
    partitions: Vec<Partition>,
    files: SpillManager,
}

impl Kept {
    /// Runs a plan to its end.
    pub(super) async fn of(
        plan: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<Self, DataFusionError> {
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        let files = SpillManager::new(context.runtime_env(), metrics, plan.schema())
            .with_compression_type(context.session_config().spill_compression());
        let mut tasks = JoinSet::new();
        let streams = execute_stream_partitioned(plan, Arc::clone(&context))?;
        for (place, rows) in streams.into_iter().enumerate() {
            let (files, context) = (files.clone(), Arc::clone(&context));
            tasks.spawn(async move { (place, keep(rows, files, context).await) });
        }
        let mut partitions = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (place, partition) =
                done.map_err(|error| DataFusionError::External(Box::new(error)))?;
            partitions.push((place, partition?));
        }
        partitions.sort_unstable_by_key(|(place, _)| *place);
        let partitions = partitions.into_iter().map(|(_, partition)| partition).collect();
        Ok(Self { partitions, files })
    }

    /// Reads the rows of one partition.
    pub(super) fn read(
        &self,
        partition: usize,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let schema = SchemaRef::clone(self.files.schema());
        let Some(kept) = self.partitions.get(partition) else {
            let message = format!("a part of a plan has no partition {partition}");
            return Err(DataFusionError::Internal(message));
        };
        let first = stream::iter(kept.batches.clone().into_iter().map(Ok));
        let rest = match &kept.rest {
            Some(file) => self.files.read_spill_as_stream(Arc::clone(file), None)?,
            None => {
                Box::pin(RecordBatchStreamAdapter::new(SchemaRef::clone(&schema), stream::empty()))
            }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, first.chain(rest))))
    }
}

async fn keep(
    mut rows: SendableRecordBatchStream,
    files: SpillManager,
    context: Arc<TaskContext>,
) -> Result<Partition, DataFusionError> {
    let memory = MemoryConsumer::new("a part that is read more than once")
        .with_can_spill(true)
        .register(context.memory_pool());
    let (mut batches, mut file) = (Vec::new(), None);
    while let Some(batch) = rows.try_next().await? {
        if file.is_none() && memory.try_grow(batch.get_array_memory_size()).is_ok() {
            batches.push(batch);
            continue;
        }
        let file = match &mut file {
            Some(file) => file,
            None => {
                file.insert(files.create_in_progress_file("a part that is read more than once")?)
            }
        };
        file.append_batch(&batch)?;
    }
    let rest = match file {
        Some(mut file) => file.finish()?,
        None => None,
    };
    Ok(Partition { batches, rest, _memory: memory })
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};
    use datafusion::{
        datasource::memory::MemorySourceConfig,
        execution::{memory_pool::GreedyMemoryPool, runtime_env::RuntimeEnvBuilder},
    };

    use super::*;

    fn batch(first: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + 100));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    #[tokio::test]
    async fn what_does_not_fit_in_memory_is_read_from_files_in_its_order() {
        let partitions = [vec![batch(0), batch(100), batch(200), batch(300)], Vec::new()];
        let plan = MemorySourceConfig::try_new_exec(&partitions, batch(0).schema(), None).unwrap();
        for (bytes, in_memory) in [(0, 0), (2_000, 2), (1_000_000, 4)] {
            let runtime = RuntimeEnvBuilder::new()
                .with_memory_pool(Arc::new(GreedyMemoryPool::new(bytes)))
                .build_arc()
                .unwrap();
            let context = Arc::new(TaskContext::default().with_runtime(runtime));
            let kept =
                Kept::of(Arc::clone(&plan) as Arc<dyn ExecutionPlan>, context).await.unwrap();
            assert_eq!(kept.partitions[0].batches.len(), in_memory);
            assert_eq!(kept.partitions[0].rest.is_some(), in_memory < 4);
            for _reader in 0..2 {
                let rows: Vec<RecordBatch> = kept.read(0).unwrap().try_collect().await.unwrap();
                assert_eq!(rows, partitions[0]);
                let rows: Vec<RecordBatch> = kept.read(1).unwrap().try_collect().await.unwrap();
                assert_eq!(rows, partitions[1]);
            }
            assert!(kept.read(2).is_err());
        }
    }
}
