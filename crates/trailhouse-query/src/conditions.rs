//! Conditions on the rows that a detection put out.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use datafusion::{catalog::MemTable, common::TableReference, error::DataFusionError};

use crate::{
    error::{QueryError, Vocabulary, classify},
    planner::{Planner, on_planning_stack},
    session::{SessionOptions, new_context, vocabulary},
};

/// The name under which the rows stand.
const FOUND: &str = "found";

/// Says of each row whether the SQL condition over its columns holds; where it is null it does not.
/// The batches are those of one answer, so that all have the same columns.
pub async fn rows_matching(
    batches: &[RecordBatch],
    condition: &str,
) -> Result<Vec<bool>, QueryError> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let failed = |error: DataFusionError| classify(&error, &Vocabulary::default());
    // One thread keeps the rows in their order.
    let options = SessionOptions { threads: Some(1), ..SessionOptions::default() };
    let context = new_context(&options).map_err(failed)?;
    let rows = MemTable::try_new(first.schema(), vec![batches.to_vec()]).map_err(failed)?;
    context.register_table(TableReference::bare(FOUND), Arc::new(rows)).map_err(failed)?;
    let vocabulary = Arc::new(vocabulary(&context).await.map_err(failed)?);
    let planner = Planner { context, vocabulary };
    let sql = format!("SELECT CAST(({condition}) AS BOOLEAN) AS holds FROM {FOUND}");
    let mut stream = on_planning_stack(async move { planner.stream(&sql).await }).await?;
    let mut holds = Vec::new();
    while let Some(batch) = stream.next_batch().await? {
        let column = batch.column(0).as_boolean();
        holds.extend(column.iter().map(|value| value.unwrap_or(false)));
    }
    Ok(holds)
}
