//! A session: tables, functions, limits.

use std::{path::PathBuf, sync::Arc};

use datafusion::{
    catalog::{MemorySchemaProvider, SchemaProvider},
    common::TableReference,
    datasource::ViewTable,
    error::DataFusionError,
    execution::{
        SessionState, SessionStateBuilder,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    prelude::{SessionConfig, SessionContext},
};
use trailhouse_lake::spill_files;

use crate::{
    common_parts::CommonParts,
    context::SiteContext,
    date_trunc::utc_date_trunc,
    empty::EmptyTables,
    error::{QueryError, Vocabulary, classify},
    judge::tables::JudgedTables,
    memory::pool_of,
    needle::{FOOTER_BYTES, NewestRows},
    neighbours::NeighboursFirst,
    open::{EVENTS, EVENTS_BEFORE, ScopedEvents},
    planner::{Planner, on_planning_stack},
    predicates::PredicatesOnce,
    stream::QueryStream,
    tables::Providers,
    unique::{EVENTS_UNIQUE, UniqueEvents},
    views::{EVENT_ID_CONFLICTS, STORED, view_sql},
};

const CATALOG: &str = "trailhouse";
const SCHEMA: &str = "lake";

/// The limits of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOptions {
    /// The most bytes that joins, sorts and groups may hold; beyond it they use temporary files,
    /// and fail where they cannot. Without it there is no limit.
    pub memory_bytes: Option<u64>,
    /// Threads that work on one query; without it, one for each processor.
    pub threads: Option<usize>,
    /// Rows in a batch.
    pub batch_size: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { memory_bytes: None, threads: None, batch_size: 8192 }
    }
}

/// Answers queries over the tables of one lake, as they were when the session was opened.
pub struct QuerySession {
    pub(crate) planner: Arc<Planner>,
    pub(crate) judged: Arc<JudgedTables>,
    pub(crate) baselines: Option<PathBuf>,
}

impl QuerySession {
    /// Runs one statement that only reads. Rows come as they are found.
    pub async fn run(&self, sql: &str) -> Result<QueryStream, QueryError> {
        let planner = Arc::clone(&self.planner);
        let sql = sql.to_owned();
        on_planning_stack(async move { planner.stream(&sql).await }).await
    }

    /// Says how a query would be run, without running it.
    pub async fn explain(&self, sql: &str) -> Result<String, QueryError> {
        let planner = Arc::clone(&self.planner);
        let sql = sql.to_owned();
        on_planning_stack(async move { planner.explain(&sql).await }).await
    }

    /// Checks a statement against the tables without running it.
    pub async fn check(&self, sql: &str) -> Result<(), QueryError> {
        let planner = Arc::clone(&self.planner);
        let sql = sql.to_owned();
        on_planning_stack(async move { planner.plan(&sql).await.map(drop) }).await
    }

    /// Returns the tables with their columns, for completion.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &[String])> {
        let columns = &self.planner.vocabulary.columns;
        columns.iter().map(|(table, columns)| (table.as_str(), columns.as_slice()))
    }

    /// Returns the names of all functions, for completion.
    pub fn functions(&self) -> &[String] {
        &self.planner.vocabulary.functions
    }

    /// Opens a session over the tables that are judged and others, with the views on top of them.
    pub(crate) async fn over(
        context: SessionContext,
        scoped: ScopedEvents,
        others: Providers,
    ) -> Result<Self, DataFusionError> {
        let mut providers = others;
        providers.insert(EVENTS, Arc::clone(&scoped.events));
        providers.insert(EVENTS_BEFORE, Arc::clone(&scoped.before));
        let judged = Arc::new(JudgedTables::new(scoped)?);
        let unique = providers.get(EVENTS).and_then(UniqueEvents::over);
        let has_unique = unique.is_some();
        providers.extend(unique.map(|unique| (EVENTS_UNIQUE, unique)));
        let stored = Arc::new(MemorySchemaProvider::new());
        register_schema(&context, Arc::clone(&stored))?;
        for (table, provider) in &providers {
            stored.register_table((*table).to_owned(), Arc::clone(provider))?;
        }
        for (table, provider) in providers {
            let shown = match view_sql(table, &provider.schema()) {
                Some(sql) => {
                    let plan = context.state().create_logical_plan(&sql).await?;
                    Arc::new(ViewTable::new(plan, Some(sql)))
                }
                None => provider,
            };
            context.register_table(TableReference::bare(table), shown)?;
        }
        if has_unique {
            let sql = EVENT_ID_CONFLICTS;
            let plan = context.state().create_logical_plan(sql).await?;
            let view = Arc::new(ViewTable::new(plan, Some(sql.to_owned())));
            context.register_table(TableReference::bare("event_id_conflicts"), view)?;
        }
        let planner = Self::with_site(context, &SiteContext::none()).await?;
        Ok(Self { planner, judged, baselines: None })
    }

    /// Makes the tables and functions of a site known, in place of those of another site.
    ///
    /// A session has those of a site that says nothing until then, so that every query plans.
    pub async fn with_context(mut self, site: &SiteContext) -> Result<Self, QueryError> {
        let context = self.planner.context.clone();
        let made = Self::with_site(context, site).await;
        self.planner = made.map_err(|error| classify(&error, &Vocabulary::default()))?;
        Ok(self)
    }

    async fn with_site(
        context: SessionContext,
        site: &SiteContext,
    ) -> Result<Arc<Planner>, DataFusionError> {
        let catalog = context
            .catalog(CATALOG)
            .ok_or_else(|| DataFusionError::Internal(format!("no catalog `{CATALOG}`")))?;
        let schema = catalog
            .schema(SCHEMA)
            .ok_or_else(|| DataFusionError::Internal(format!("no schema `{SCHEMA}`")))?;
        site.register(&context, catalog.as_ref(), schema.as_ref())?;
        let mut vocabulary = vocabulary(&context).await?;
        vocabulary.columns.extend(site.columns());
        Ok(Arc::new(Planner { context, vocabulary: Arc::new(vocabulary) }))
    }
}

fn register_schema(
    context: &SessionContext,
    stored: Arc<MemorySchemaProvider>,
) -> Result<(), DataFusionError> {
    let catalog = context
        .catalog(CATALOG)
        .ok_or_else(|| DataFusionError::Internal(format!("no catalog `{CATALOG}`")))?;
    catalog.register_schema(STORED, stored)?;
    Ok(())
}

/// Makes the engine's context: functions, limits and settings, no tables yet.
pub(crate) fn new_context(options: &SessionOptions) -> Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_information_schema(true)
        .with_batch_size(options.batch_size);
    if let Some(threads) = options.threads {
        config = config.with_target_partitions(threads);
    }
    let settings = config.options_mut();
    settings.sql_parser.collect_spans = true;
    settings.execution.time_zone = Some("UTC".to_owned());
    // Rows that a predicate drops are never decoded. Events are wide and queries selective.
    settings.execution.parquet.pushdown_filters = true;
    settings.execution.parquet.reorder_filters = true;
    // Half a megabyte, as it is by default, is more than most files have.
    settings.execution.parquet.metadata_size_hint = usize::try_from(FOOTER_BYTES).ok();
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime(options)?)
        .with_default_features()
        .with_query_planner(Arc::new(CommonParts))
        .with_physical_optimizer_rule(Arc::new(PredicatesOnce))
        .with_physical_optimizer_rule(Arc::new(NeighboursFirst::new()))
        .build();
    let mut context = SessionContext::new_with_state(state);
    datafusion_functions_json::register_all(&mut context)?;
    context.register_udf(utc_date_trunc());
    context.add_optimizer_rule(Arc::new(EmptyTables));
    context.add_optimizer_rule(Arc::new(NewestRows));
    Ok(context)
}

/// Footers that a session keeps, for its next statement: those of a year of days.
const FOOTERS_BYTES_MAX: usize = 128 * 1024 * 1024;

fn runtime(options: &SessionOptions) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    let builder = RuntimeEnvBuilder::new()
        .with_metadata_cache_limit(FOOTERS_BYTES_MAX)
        .with_disk_manager_builder(spill_files());
    let Some(memory_bytes) = options.memory_bytes else {
        return builder.build_arc();
    };
    let bytes = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
    builder.with_memory_pool(pool_of(bytes)).build_arc()
}

pub(crate) async fn vocabulary(context: &SessionContext) -> Result<Vocabulary, DataFusionError> {
    let mut vocabulary = Vocabulary::default();
    let schema = context
        .catalog(CATALOG)
        .and_then(|catalog| catalog.schema(SCHEMA))
        .ok_or_else(|| DataFusionError::Internal(format!("no schema `{SCHEMA}`")))?;
    for table in schema.table_names() {
        if let Some(provider) = schema.table(&table).await? {
            let mut columns = Vec::new();
            for field in provider.schema().fields() {
                push_columns(&mut columns, "", field);
            }
            vocabulary.columns.insert(table, columns);
        }
    }
    vocabulary.functions = function_names(&context.state());
    Ok(vocabulary)
}

fn push_columns(columns: &mut Vec<String>, prefix: &str, field: &arrow::datatypes::Field) {
    let name = format!("{prefix}{}", field.name());
    if let arrow::datatypes::DataType::Struct(fields) = field.data_type() {
        let prefix = format!("{name}.");
        for field in fields {
            push_columns(columns, &prefix, field);
        }
    }
    columns.push(name);
}

fn function_names(state: &SessionState) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    names.extend(state.scalar_functions().keys().cloned());
    names.extend(state.higher_order_functions().keys().cloned());
    names.extend(state.aggregate_functions().keys().cloned());
    names.extend(state.window_functions().keys().cloned());
    names.sort_unstable();
    names.dedup();
    names
}
