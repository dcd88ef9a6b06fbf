//! Summaries of `events_before` that are kept between runs.
//!
//! A detection of what was never seen before compares new rows with weeks of old ones. It asks
//! whether values were there, not how often, so a list of the different values with the time of
//! the first and the last sighting answers as well. The list is kept in a file and brought forward
//! by the rows that were added since.

mod file;
mod find;
mod summary;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    catalog::{MemTable, TableProvider},
    datasource::provider_as_source,
    error::DataFusionError,
    execution::options::ParquetReadOptions,
    logical_expr::{LogicalPlan, LogicalPlanBuilder, TableSource},
    physical_plan::collect,
    prelude::SessionContext,
};
use trailhouse_lake::{Lake, TableName};
use trailhouse_model::{ContentHash, TableVersion};

use self::file::SummaryFile;
pub(crate) use self::find::replace_summarisable;
use super::{ScanCost, period::since_day};
use crate::{
    error::QueryError,
    opaque::OpaqueView,
    open::{arrived_rows, engine},
};

/// Changes with what is in the files, so that older ones are not read.
const FORMAT: &str = "1";

/// What keeping the summaries cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BaselineCost {
    /// Summaries that were up to date.
    pub current: u64,
    /// Summaries that were brought forward by the rows added since.
    pub brought_forward: u64,
    /// Summaries that were made from all rows: new ones, and those whose file was of no use.
    pub rebuilt: u64,
    /// Summaries that could not be made or kept; their detections read the rows themselves.
    pub failed: u64,
    /// What was read of the table.
    pub scan: ScanCost,
}

/// Where `events_before` of a session comes from.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) lake: Lake,
    /// The version whose rows it holds.
    pub(crate) version: TableVersion,
    /// Tells the table from others that lay in the same place.
    pub(crate) table_id: String,
    /// All rows of the version.
    pub(crate) rows: Arc<dyn TableProvider>,
}

/// A part of a plan that a summary can stand for.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) plan: LogicalPlan,
    /// The first day that any question needs.
    pub(crate) first_day: Option<i32>,
}

/// Returns what tells a part of a plan from others.
pub(crate) fn identity(origin: &Origin, part: &LogicalPlan) -> ContentHash {
    let text = format!("{FORMAT}\n{}\n{}", origin.table_id, part.display_indent_schema());
    ContentHash::of(text.as_bytes())
}

/// Returns the part's rows from its summary, where it has one.
pub(crate) fn from_summary(
    part: &LogicalPlan,
    summary: Option<&Arc<OpaqueView>>,
    first_day: Option<i32>,
) -> Result<Option<LogicalPlan>, DataFusionError> {
    let Some(summary) = summary else { return Ok(None) };
    let source = provider_as_source(Arc::clone(summary) as Arc<dyn TableProvider>);
    let scan = LogicalPlanBuilder::scan("baseline", source, None)?.build()?;
    summary::instead_of(part, scan, first_day).map(Some)
}

/// Keeps the summaries of one session.
pub(crate) struct Keeper {
    pub(crate) context: SessionContext,
    pub(crate) origin: Origin,
    pub(crate) folder: PathBuf,
}

impl Keeper {
    /// Brings the summaries of the parts up to the version of the session.
    pub(crate) async fn bring_up(
        &self,
        parts: HashMap<ContentHash, Part>,
    ) -> (HashMap<ContentHash, Arc<OpaqueView>>, BaselineCost) {
        let mut cost = BaselineCost::default();
        let mut summaries = HashMap::new();
        for (hash, part) in parts {
            match self.summary(hash, &part, &mut cost).await {
                Ok(Some(view)) => {
                    summaries.insert(hash, Arc::new(view));
                }
                Ok(None) => {}
                Err(_) => cost.failed = cost.failed.saturating_add(1),
            }
        }
        (summaries, cost)
    }

    async fn summary(
        &self,
        hash: ContentHash,
        part: &Part,
        cost: &mut BaselineCost,
    ) -> Result<Option<OpaqueView>, QueryError> {
        let wanted = SummaryFile { hash, version: self.origin.version, first_day: part.first_day };
        let kept = SummaryFile::newest(&self.folder, hash);
        if kept.as_ref().is_some_and(|kept| kept.version > wanted.version) {
            // A run over older versions must not set back what newer ones use.
            return Ok(None);
        }
        if let Some(kept) = kept.filter(|kept| reaches(kept.first_day, wanted.first_day))
            && let Ok(known) = self.read(&kept.path(&self.folder)).await
        {
            if kept.version == wanted.version {
                cost.current = cost.current.saturating_add(1);
                return Ok(Some(OpaqueView::of(known)));
            }
            if let Ok(added) = self.added_since(kept.version).await {
                let new = self.summarise(part, added, cost).await?;
                let merged = summary::merge(known, new, wanted.first_day).map_err(engine)?;
                let view = self.keep(&wanted, merged).await?;
                cost.brought_forward = cost.brought_forward.saturating_add(1);
                return Ok(Some(view));
            }
        }
        let rows = provider_as_source(Arc::clone(&self.origin.rows));
        let all = self.summarise(part, rows, cost).await?;
        let view = self.keep(&wanted, all).await?;
        cost.rebuilt = cost.rebuilt.saturating_add(1);
        Ok(Some(view))
    }

    async fn read(&self, path: &Path) -> Result<LogicalPlan, DataFusionError> {
        let path = path.to_string_lossy().into_owned();
        let rows = self.context.read_parquet(path, ParquetReadOptions::default()).await?;
        Ok(rows.into_unoptimized_plan())
    }

    async fn added_since(&self, version: TableVersion) -> Result<Arc<dyn TableSource>, QueryError> {
        let Origin { lake, version: up_to, .. } = &self.origin;
        let delta = lake.table_at(TableName::Events, *up_to).await?;
        let added = lake.files_added(Some(version), *up_to).await?;
        let state = Arc::new(self.context.state());
        let rows = arrived_rows(lake, &delta, added, &state).await?;
        Ok(provider_as_source(rows))
    }

    /// Reads rows and returns their summary.
    async fn summarise(
        &self,
        part: &Part,
        rows: Arc<dyn TableSource>,
        cost: &mut BaselineCost,
    ) -> Result<LogicalPlan, QueryError> {
        let started = Instant::now();
        let filters: Vec<_> = part.first_day.map(since_day).into_iter().collect();
        let rows = Arc::new(OpaqueView::of(
            LogicalPlanBuilder::scan(super::super::open::EVENTS_BEFORE, rows, None)
                .and_then(LogicalPlanBuilder::build)
                .map_err(engine)?,
        ));
        let rows = provider_as_source(rows as Arc<dyn TableProvider>);
        let plan = summary::summarise(&part.plan, &rows, &filters).map_err(engine)?;
        let (schema, batches) = self
            .run(&plan, |plan| {
                cost.scan.add(ScanCost::of_sources(plan, started.elapsed()));
            })
            .await
            .map_err(engine)?;
        let table = MemTable::try_new(schema, vec![batches]).map_err(engine)?;
        LogicalPlanBuilder::scan("new", provider_as_source(Arc::new(table)), None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(engine)
    }

    /// Writes a summary and returns what was written.
    async fn keep(
        &self,
        file: &SummaryFile,
        summary: LogicalPlan,
    ) -> Result<OpaqueView, QueryError> {
        let (schema, batches) = self.run(&summary, |_| {}).await.map_err(engine)?;
        let (file, folder) = (file.clone(), self.folder.clone());
        let path = file.path(&folder);
        let writing = tokio::task::spawn_blocking(move || file.write(&folder, &schema, &batches));
        let failed = |message: String| QueryError::Table { message };
        writing
            .await
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(error.to_string()))?;
        Ok(OpaqueView::of(self.read(&path).await.map_err(engine)?))
    }

    async fn run(
        &self,
        plan: &LogicalPlan,
        mut done: impl FnMut(&dyn datafusion::physical_plan::ExecutionPlan),
    ) -> Result<(SchemaRef, Vec<RecordBatch>), DataFusionError> {
        let plan = self.context.state().create_physical_plan(plan).await?;
        let batches = collect(Arc::clone(&plan), self.context.task_ctx()).await?;
        done(plan.as_ref());
        Ok((plan.schema(), batches))
    }
}

/// Says whether what begins on one day has all that begins on another.
fn reaches(kept: Option<i32>, wanted: Option<i32>) -> bool {
    match (kept, wanted) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(kept), Some(wanted)) => kept <= wanted,
    }
}
