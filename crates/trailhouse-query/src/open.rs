//! Opens sessions over lakes and over rows in memory.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    catalog::TableProvider,
    datasource::{ViewTable, empty::EmptyTable, provider_as_source},
    error::DataFusionError,
    execution::SessionState,
    logical_expr::{LogicalPlan, LogicalPlanBuilder},
};
use deltalake_core::{DeltaTable, Path, kernel::Add};
use trailhouse_lake::{Lake, TableName};
use trailhouse_model::TableVersion;

use crate::{
    error::{QueryError, Vocabulary, classify},
    scope::EventsScope,
    session::{QuerySession, SessionOptions, new_context},
    tables::{Providers, rows_in_memory, some_files, whole_table},
};

const EVENTS: &str = "events";
const EVENTS_BEFORE: &str = "events_before";

impl QuerySession {
    /// Opens a session over all of a lake, as it is now.
    pub async fn open(lake: &Lake, options: &SessionOptions) -> Result<Self, QueryError> {
        Self::open_scoped(lake, options, EventsScope::Whole).await
    }

    /// Opens a session in which `events` and `events_before` hold what the scope says. The other
    /// tables are as they are now.
    pub async fn open_scoped(
        lake: &Lake,
        options: &SessionOptions,
        scope: EventsScope,
    ) -> Result<Self, QueryError> {
        let context = new_context(options).map_err(engine)?;
        let state = Arc::new(context.state());
        let mut providers = scoped_events(lake, scope, &state).await?;
        for table in TableName::ALL {
            if table != TableName::Events {
                let delta = lake.table(table).await?;
                let provider = whole_table(&delta, Arc::clone(&state)).await.map_err(engine)?;
                providers.insert(table.as_str(), provider);
            }
        }
        Self::over(context, providers).await.map_err(engine)
    }

    /// Opens a session that has `events` and `events_before` only, from rows in memory.
    pub async fn over_batches(
        options: &SessionOptions,
        schema: &SchemaRef,
        events: &[RecordBatch],
        history: &[RecordBatch],
    ) -> Result<Self, QueryError> {
        let context = new_context(options).map_err(engine)?;
        let providers = events_in_memory(schema, events, history)?;
        Self::over(context, providers).await.map_err(engine)
    }
}

fn engine(error: DataFusionError) -> QueryError {
    classify(&error, &Vocabulary::default())
}

fn events_in_memory(
    schema: &SchemaRef,
    events: &[RecordBatch],
    history: &[RecordBatch],
) -> Result<Providers, QueryError> {
    let mut providers = Providers::new();
    providers.insert(EVENTS, rows_in_memory(schema, events).map_err(engine)?);
    providers.insert(EVENTS_BEFORE, rows_in_memory(schema, history).map_err(engine)?);
    Ok(providers)
}

async fn scoped_events(
    lake: &Lake,
    scope: EventsScope,
    state: &Arc<SessionState>,
) -> Result<Providers, QueryError> {
    let (events, before) = match scope {
        EventsScope::Whole => {
            let delta = lake.table(TableName::Events).await?;
            let events = whole_table(&delta, Arc::clone(state)).await.map_err(engine)?;
            let before = nothing_like(&events);
            (events, before)
        }
        EventsScope::Arrived { after, up_to } => {
            let delta = lake.table_at(TableName::Events, up_to).await?;
            let events = arrived(lake, &delta, after, up_to, state).await?;
            let before = match after {
                Some(after) => {
                    let delta = lake.table_at(TableName::Events, after).await?;
                    whole_table(&delta, Arc::clone(state)).await.map_err(engine)?
                }
                None => nothing_like(&events),
            };
            (events, before)
        }
        EventsScope::Batches { schema, events, history } => {
            return events_in_memory(&schema, &events, &history);
        }
    };
    Ok(Providers::from([(EVENTS, events), (EVENTS_BEFORE, before)]))
}

fn nothing_like(events: &Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
    Arc::new(EmptyTable::new(events.schema()))
}

/// Returns the rows that were added after one version, up to another.
///
/// Most of their files are still active at the later version. A file that was compacted away since
/// is read as of the version that added it: its rows are now in a file with others.
async fn arrived(
    lake: &Lake,
    delta: &DeltaTable,
    after: Option<TableVersion>,
    up_to: TableVersion,
    state: &Arc<SessionState>,
) -> Result<Arc<dyn TableProvider>, QueryError> {
    let active = active_files(delta)?;
    let added = lake.files_added(after, up_to).await?;
    let (present, gone): (Vec<Add>, Vec<Add>) =
        added.into_iter().partition(|file| active.contains(&path_of(file)));
    let mut parts = vec![some_files(delta, present, Arc::clone(state)).await.map_err(engine)?];
    let mut gone_left = gone.len();
    let mut version = after.unwrap_or(TableVersion(0));
    while gone_left > 0 && version < up_to {
        let next = version.next();
        let mut added = lake.files_added(Some(version), next).await?;
        added.retain(|file| !active.contains(&path_of(file)));
        if !added.is_empty() {
            gone_left = gone_left.saturating_sub(added.len());
            let delta = lake.table_at(TableName::Events, next).await?;
            parts.push(some_files(&delta, added, Arc::clone(state)).await.map_err(engine)?);
        }
        version = next;
    }
    union(parts).map_err(engine)
}

fn active_files(delta: &DeltaTable) -> Result<BTreeSet<String>, QueryError> {
    let failed = |error| engine(DataFusionError::External(Box::new(error)));
    let snapshot = delta.snapshot().map_err(failed)?;
    Ok(snapshot.log_data().into_iter().map(|file| file.object_store_path().to_string()).collect())
}

/// The log has paths encoded as in a URL.
fn path_of(file: &Add) -> String {
    Path::from_url_path(&file.path).map_or_else(|_| file.path.clone(), |path| path.to_string())
}

fn union(parts: Vec<Arc<dyn TableProvider>>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let mut whole: Option<LogicalPlan> = None;
    for part in &parts {
        let scan = LogicalPlanBuilder::scan(EVENTS, provider_as_source(Arc::clone(part)), None)?;
        whole = Some(match whole {
            Some(plan) => LogicalPlanBuilder::from(plan).union(scan.build()?)?.build()?,
            None => scan.build()?,
        });
    }
    match (whole, parts.into_iter().next()) {
        (Some(plan @ LogicalPlan::Union(_)), _) => Ok(Arc::new(ViewTable::new(plan, None))),
        (_, Some(only)) => Ok(only),
        (_, None) => Err(DataFusionError::Internal("a union of nothing".to_owned())),
    }
}
