//! The tables whose scans are shared.

use std::{ptr, sync::Arc, time::Duration};

use arrow::datatypes::SchemaRef;
use datafusion::{
    catalog::TableProvider,
    common::tree_node::Transformed,
    datasource::{provider_as_source, source_as_provider},
    error::DataFusionError,
    logical_expr::{LogicalPlan, TableScan, TableSource},
};

use super::{Period, baseline::Origin};
use crate::{
    opaque::OpaqueView,
    open::{EVENTS, EVENTS_BEFORE, ScopedEvents},
};

const SECONDS_PER_DAY: u64 = 86_400;

/// A table whose scans are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Judged {
    /// The rows to judge.
    Events,
    /// What they may be compared with.
    Before,
}

/// One of them: as statements name it, and as the leaf that stands for it in their plans.
pub(crate) struct JudgedTable {
    provider: Arc<dyn TableProvider>,
    pub(crate) view: Arc<OpaqueView>,
    pub(crate) source: Arc<dyn TableSource>,
    /// Files that hold the rows; none where they are in memory.
    pub(crate) files: u64,
}

impl JudgedTable {
    /// Makes it of what statements read and of what leaves read, which may be more.
    pub(crate) fn new(
        name: &str,
        provider: Arc<dyn TableProvider>,
        whole: &Arc<dyn TableProvider>,
        files: u64,
    ) -> Result<Self, DataFusionError> {
        let view = Arc::new(OpaqueView::over(name, whole)?);
        let source = provider_as_source(Arc::clone(&view) as Arc<dyn TableProvider>);
        Ok(Self { provider, view, source, files })
    }
}

/// The tables of a session whose scans are shared.
pub(crate) struct JudgedTables {
    pub(crate) events: JudgedTable,
    pub(crate) before: JudgedTable,
    /// The bounds of the session, where its tables are cut by event time. The views are not cut.
    pub(crate) period: Option<Period>,
    /// The day of the oldest row of `events`, where it is known.
    pub(crate) oldest_day: Option<i32>,
    /// Where `events_before` comes from, where summaries of it can be kept.
    pub(crate) origin: Option<Origin>,
}

impl JudgedTables {
    /// Takes the tables of a scope.
    pub(crate) fn new(scoped: ScopedEvents) -> Result<Self, DataFusionError> {
        let ScopedEvents { events, before, whole, period, oldest_day, origin, files } = scoped;
        let whole_events = whole.as_ref().unwrap_or(&events);
        let whole_before = whole.as_ref().unwrap_or(&before);
        Ok(Self {
            events: JudgedTable::new(EVENTS, Arc::clone(&events), whole_events, files.events)?,
            before: JudgedTable::new(
                EVENTS_BEFORE,
                Arc::clone(&before),
                whole_before,
                files.before,
            )?,
            period,
            oldest_day,
            origin,
        })
    }

    pub(crate) fn get(&self, table: Judged) -> &JudgedTable {
        match table {
            Judged::Events => &self.events,
            Judged::Before => &self.before,
        }
    }

    /// Returns the columns of the judged tables; they all have the same.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.events.view.schema()
    }

    /// Returns the first day that a lookback reaches.
    pub(crate) fn first_day_before(&self, lookback: Duration) -> Option<i32> {
        self.oldest_day.map(|day| first_day_before(day, lookback))
    }

    /// Puts the leaves in the place of the tables, before the plan is optimised.
    pub(crate) fn mark(&self, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
        let marked = plan.transform_up_with_subqueries(|node| {
            let LogicalPlan::TableScan(mut scan) = node else {
                return Ok(Transformed::no(node));
            };
            let Ok(provider) = source_as_provider(&scan.source) else {
                return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
            };
            for table in [&self.events, &self.before] {
                if ptr::addr_eq(Arc::as_ptr(&provider), Arc::as_ptr(&table.provider)) {
                    scan.source = Arc::clone(&table.source);
                    return Ok(Transformed::yes(LogicalPlan::TableScan(scan)));
                }
            }
            Ok(Transformed::no(LogicalPlan::TableScan(scan)))
        })?;
        Ok(marked.data)
    }

    /// Says which leaf a scan is.
    pub(crate) fn judged(&self, scan: &TableScan) -> Option<Judged> {
        let is = |table: &JudgedTable| {
            ptr::addr_eq(Arc::as_ptr(&scan.source), Arc::as_ptr(&table.source))
        };
        if is(&self.events) {
            Some(Judged::Events)
        } else if is(&self.before) {
            Some(Judged::Before)
        } else {
            None
        }
    }
}

/// Returns the first day that a lookback from a day reaches; a part of a day counts as one.
pub(crate) fn first_day_before(day: i32, lookback: Duration) -> i32 {
    let days = i32::try_from(lookback.as_secs().div_ceil(SECONDS_PER_DAY)).unwrap_or(i32::MAX);
    day.saturating_sub(days)
}
