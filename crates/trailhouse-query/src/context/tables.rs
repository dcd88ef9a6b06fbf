//! The tables of a site as the query engine reads them.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, StringViewArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use datafusion::{catalog::TableProvider, error::DataFusionError};
use trailhouse_detect::context::{
    ALL_INDICATORS, ContextError, ContextProblem as Problem, Indicator, Site, TextTable,
};
use trailhouse_model::EventTime;

use super::{INTEL, LOOKUP};
use crate::tables::rows_in_memory;

/// Lookups that have types, by name.
pub(super) type Lookups = BTreeMap<String, Lookup>;

/// A table with types.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub(super) schema: SchemaRef,
    pub(super) batches: Vec<RecordBatch>,
}

impl Lookup {
    pub(super) fn has_rows(&self) -> bool {
        self.batches.iter().any(|batch| batch.num_rows() > 0)
    }
}

type Providers = BTreeMap<(Option<&'static str>, String), Arc<dyn TableProvider>>;

/// Makes all tables of a site.
pub(super) fn providers(site: &Site, lookups: Lookups) -> Result<Providers, Vec<ContextError>> {
    let mut making = Making { providers: Providers::new(), errors: Vec::new() };
    for (name, table) in
        [("accounts", &site.accounts), ("assets", &site.assets), ("honeytokens", &site.honeytokens)]
    {
        making.add(None, name, text_table(table));
    }
    for (name, table) in &site.lookups {
        making.add(Some(LOOKUP), name, text_table(table));
    }
    for (name, table) in lookups {
        making.add(Some(LOOKUP), &name, rows_in_memory(&table.schema, &table.batches));
    }
    let mut all = Vec::with_capacity(site.indicators());
    for (list, intel) in &site.intel {
        let rows: Vec<(&str, &Indicator)> =
            intel.indicators.iter().map(|indicator| (list.as_str(), indicator)).collect();
        if list != ALL_INDICATORS {
            making.add(Some(INTEL), list, indicator_table(&rows));
        }
        all.extend(rows);
    }
    making.add(Some(INTEL), ALL_INDICATORS, indicator_table(&all));
    if making.errors.is_empty() { Ok(making.providers) } else { Err(making.errors) }
}

struct Making {
    providers: Providers,
    errors: Vec<ContextError>,
}

impl Making {
    fn add(
        &mut self,
        schema: Option<&'static str>,
        name: &str,
        made: Result<Arc<dyn TableProvider>, DataFusionError>,
    ) {
        match made {
            Ok(table) => {
                self.providers.insert((schema, name.to_owned()), table);
            }
            Err(error) => {
                let origin = schema.map_or(name.to_owned(), |schema| format!("{schema}.{name}"));
                let problem = Problem::BadFile { message: error.strip_backtrace() };
                self.errors.push(problem.at(&origin, None));
            }
        }
    }
}

fn text_table(table: &TextTable) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let mut fields = Vec::with_capacity(table.columns().len());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(table.columns().len());
    for name in table.columns() {
        fields.push(Field::new(name, DataType::Utf8View, true));
        let values = table.column(name).into_iter().flatten();
        columns.push(Arc::new(StringViewArray::from_iter(values)));
    }
    in_memory(fields, columns)
}

fn indicator_table(rows: &[(&str, &Indicator)]) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let time_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let time = |name: &str| Field::new(name, time_type.clone(), true);
    let fields = vec![
        text("kind"),
        text("value"),
        text("source"),
        text("description"),
        time("valid_from"),
        time("valid_until"),
        text("list"),
    ];
    let columns = vec![
        texts(rows.iter().map(|(_, it)| Some(it.kind.as_str()))),
        texts(rows.iter().map(|(_, it)| Some(it.value.as_str()))),
        texts(rows.iter().map(|(_, it)| it.source.as_deref())),
        texts(rows.iter().map(|(_, it)| it.description.as_deref())),
        times(rows.iter().map(|(_, it)| it.valid_from)),
        times(rows.iter().map(|(_, it)| it.valid_until)),
        texts(rows.iter().map(|(list, _)| Some(*list))),
    ];
    in_memory(fields, columns)
}

fn texts<'t>(values: impl Iterator<Item = Option<&'t str>>) -> ArrayRef {
    Arc::new(StringViewArray::from_iter(values))
}

fn times(values: impl Iterator<Item = Option<EventTime>>) -> ArrayRef {
    let micros = values.map(|time| time.map(EventTime::micros));
    Arc::new(TimestampMicrosecondArray::from_iter(micros).with_timezone("UTC"))
}

fn in_memory(
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let schema = Arc::new(Schema::new(fields));
    if columns.is_empty() {
        return rows_in_memory(&schema, &[]);
    }
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    rows_in_memory(&schema, &[batch])
}
