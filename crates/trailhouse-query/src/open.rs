//! Opens sessions over lakes and over rows in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    catalog::TableProvider,
    datasource::{empty::EmptyTable, provider_as_source},
    error::DataFusionError,
    execution::SessionState,
    logical_expr::{LogicalPlan, LogicalPlanBuilder},
    prelude::SessionContext,
};
use deltalake_core::{DeltaTable, Path, kernel::Add};
use trailhouse_lake::{AddedFile, Lake, TableName};
use trailhouse_model::{EventTime, TableVersion};

use crate::{
    error::{QueryError, Vocabulary, classify},
    judge::{
        Period,
        baseline::Origin,
        period::{EVENT_DATE, since_day, within},
        tables::first_day_before,
    },
    opaque::OpaqueView,
    scope::EventsScope,
    session::{QuerySession, SessionOptions, new_context},
    tables::{Providers, rows_in_memory, some_files, whole_table},
};

pub(crate) const EVENTS: &str = "events";
pub(crate) const EVENTS_BEFORE: &str = "events_before";

/// The tables that a scope cuts.
pub(crate) struct ScopedEvents {
    pub(crate) events: Arc<dyn TableProvider>,
    pub(crate) before: Arc<dyn TableProvider>,
    /// All rows that `events` and `events_before` are cut from, where they are cut by time.
    pub(crate) whole: Option<Arc<dyn TableProvider>>,
    /// The bounds in time.
    pub(crate) period: Option<Period>,
    /// The day of the oldest row of `events`, where it is known.
    pub(crate) oldest_day: Option<i32>,
    /// Where `before` comes from, where summaries of it can be kept.
    pub(crate) origin: Option<Origin>,
    pub(crate) files: Files,
}

impl ScopedEvents {
    fn uncut(events: Arc<dyn TableProvider>, before: Arc<dyn TableProvider>, files: Files) -> Self {
        Self { events, before, whole: None, period: None, oldest_day: None, origin: None, files }
    }
}

/// How many files hold the rows of the tables.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Files {
    pub(crate) events: u64,
    pub(crate) before: u64,
}

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
        let scoped = scoped_events(lake, scope, &state).await?;
        let mut others = Providers::new();
        for table in TableName::ALL {
            if table != TableName::Events {
                let delta = lake.table(table).await?;
                read_as_lake(&context, &delta);
                let provider = whole_table(&delta, Arc::clone(&state)).await.map_err(engine)?;
                others.insert(table.as_str(), provider);
            }
        }
        Self::over(context, scoped, others).await.map_err(engine)
    }

    /// Opens a session that has `events` and `events_before` only, from rows in memory.
    pub async fn over_batches(
        options: &SessionOptions,
        schema: &SchemaRef,
        events: &[RecordBatch],
        history: &[RecordBatch],
    ) -> Result<Self, QueryError> {
        let context = new_context(options).map_err(engine)?;
        let scoped = events_in_memory(schema, events, history)?;
        Self::over(context, scoped, Providers::new()).await.map_err(engine)
    }
}

pub(crate) fn engine(error: DataFusionError) -> QueryError {
    classify(&error, &Vocabulary::default())
}

/// Lets the engine read files through the store of the lake, where it would take one of its own.
fn read_as_lake(context: &SessionContext, delta: &DeltaTable) {
    let log = delta.log_store();
    context.runtime_env().register_object_store(log.root_url(), log.root_object_store(None));
}

fn events_in_memory(
    schema: &SchemaRef,
    events: &[RecordBatch],
    history: &[RecordBatch],
) -> Result<ScopedEvents, QueryError> {
    let events = rows_in_memory(schema, events).map_err(engine)?;
    let before = rows_in_memory(schema, history).map_err(engine)?;
    Ok(ScopedEvents::uncut(events, before, Files::default()))
}

async fn scoped_events(
    lake: &Lake,
    scope: EventsScope,
    state: &Arc<SessionState>,
) -> Result<ScopedEvents, QueryError> {
    match scope {
        EventsScope::Whole => {
            let delta = lake.table(TableName::Events).await?;
            let events = whole_table(&delta, Arc::clone(state)).await.map_err(engine)?;
            let before = nothing_like(&events);
            let files = Files { events: files_of(&delta)?, before: 0 };
            Ok(ScopedEvents::uncut(events, before, files))
        }
        EventsScope::Arrived { after, up_to, lookback } => {
            arrived_events(lake, after, up_to, lookback, state).await
        }
        EventsScope::Period { up_to, from, to, before_from } => {
            let delta = lake.table_at(TableName::Events, up_to).await?;
            let whole = whole_table(&delta, Arc::clone(state)).await.map_err(engine)?;
            let files = files_of(&delta)?;
            let files = Files { events: files, before: files };
            let cut = |name, from, to| OpaqueView::filtered(name, &whole, within(from, to));
            let events = cut(EVENTS, from, to).map_err(engine)?;
            let before = cut(EVENTS_BEFORE, before_from, from).map_err(engine)?;
            Ok(ScopedEvents {
                events: Arc::new(events),
                before: Arc::new(before),
                whole: Some(whole),
                period: Some(Period { from, to, before_from }),
                oldest_day: None,
                origin: None,
                files,
            })
        }
        EventsScope::Batches { schema, events, history } => {
            events_in_memory(&schema, &events, &history)
        }
    }
}

async fn arrived_events(
    lake: &Lake,
    after: Option<TableVersion>,
    up_to: TableVersion,
    lookback: Option<Duration>,
    state: &Arc<SessionState>,
) -> Result<ScopedEvents, QueryError> {
    let delta = lake.table_at(TableName::Events, up_to).await?;
    let Some(version) = after else {
        // All that is there, without asking the log how it came: old entries may be gone.
        let events = whole_table(&delta, Arc::clone(state)).await.map_err(engine)?;
        let before = nothing_like(&events);
        let files = Files { events: files_of(&delta)?, before: 0 };
        return Ok(ScopedEvents::uncut(events, before, files));
    };
    let added = lake.files_added(Some(version), up_to).await?;
    let oldest_day = added.iter().filter_map(|file| day_of(&file.add)).min();
    let new_files = u64::try_from(added.len()).unwrap_or(u64::MAX);
    let events = arrived_rows(lake, &delta, added, state).await?;
    let delta = lake.table_at(TableName::Events, version).await?;
    let mut before = whole_table(&delta, Arc::clone(state)).await.map_err(engine)?;
    let files = Files { events: new_files, before: files_of(&delta)? };
    let (lake, rows) = (lake.clone(), Arc::clone(&before));
    let origin = Some(Origin { lake, version, table_id: table_id(&delta)?, rows });
    if let Some((day, lookback)) = oldest_day.zip(lookback) {
        let first = first_day_before(day, lookback);
        let cut = OpaqueView::filtered(EVENTS_BEFORE, &before, vec![since_day(first)]);
        before = Arc::new(cut.map_err(engine)?);
    }
    Ok(ScopedEvents { oldest_day, origin, ..ScopedEvents::uncut(events, before, files) })
}

fn files_of(delta: &DeltaTable) -> Result<u64, QueryError> {
    let failed = |error| engine(DataFusionError::External(Box::new(error)));
    let files = delta.snapshot().map_err(failed)?.log_data().num_files();
    Ok(u64::try_from(files).unwrap_or(u64::MAX))
}

fn table_id(delta: &DeltaTable) -> Result<String, QueryError> {
    let failed = |error| engine(DataFusionError::External(Box::new(error)));
    Ok(delta.snapshot().map_err(failed)?.metadata().id().to_owned())
}

/// Returns the day whose events are in a file.
fn day_of(file: &Add) -> Option<i32> {
    let day = file.partition_values.get(EVENT_DATE)?.as_deref()?;
    let midnight = EventTime::parse_rfc3339(&format!("{day}T00:00:00Z")).ok()?;
    Some(midnight.days())
}

fn nothing_like(events: &Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
    Arc::new(EmptyTable::new(events.schema()))
}

/// Returns the rows that were added, as of a version.
///
/// Most of their files are still active at that version. A file that was compacted away since is
/// read as of the last version that had it: its rows are now in a file with others.
pub(crate) async fn arrived_rows(
    lake: &Lake,
    delta: &DeltaTable,
    added: Vec<AddedFile>,
    state: &Arc<SessionState>,
) -> Result<Arc<dyn TableProvider>, QueryError> {
    let active = active_files(delta)?;
    let mut present = Vec::new();
    let mut gone: BTreeMap<TableVersion, Vec<Add>> = BTreeMap::new();
    for AddedFile { add, last_in } in added {
        if active.contains(&path_of(&add)) {
            present.push(add);
        } else {
            gone.entry(last_in).or_default().push(add);
        }
    }
    let mut parts = vec![some_files(delta, present, Arc::clone(state)).await.map_err(engine)?];
    for (version, files) in gone {
        let delta = lake.table_at(TableName::Events, version).await?;
        parts.push(some_files(&delta, files, Arc::clone(state)).await.map_err(engine)?);
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
        (Some(plan @ LogicalPlan::Union(_)), _) => Ok(Arc::new(OpaqueView::of(plan))),
        (_, Some(only)) => Ok(only),
        (_, None) => Err(DataFusionError::Internal("a union of nothing".to_owned())),
    }
}
