//! What a scan cost.

use std::time::Duration;

use datafusion::{
    datasource::{physical_plan::FileScanConfig, source::DataSourceExec},
    physical_plan::ExecutionPlan,
};

/// What was read for one scan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanCost {
    /// Rows that came out of the scan.
    pub rows: u64,
    /// Bytes read from files.
    pub bytes: u64,
    /// Files that were read, or at least opened.
    pub files: u64,
    /// Files that the predicate ruled out by what the log or the file itself says.
    pub files_pruned: u64,
    /// Time from start to end.
    pub millis: u64,
}

impl ScanCost {
    /// Reads the metrics of a plan that has been run.
    pub(crate) fn of(plan: &dyn ExecutionPlan, elapsed: Duration) -> Self {
        let mut cost = Self { millis: millis(elapsed), ..Self::default() };
        cost.add_plan(plan);
        cost
    }

    /// Reads the same metrics of a plan whose scans are deeper in it.
    pub(crate) fn of_sources(plan: &dyn ExecutionPlan, elapsed: Duration) -> Self {
        let mut cost = Self::of(plan, elapsed);
        cost.rows = rows_of_sources(plan);
        cost
    }

    /// Adds the cost of another scan.
    pub(crate) fn add(&mut self, other: Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.files = self.files.saturating_add(other.files);
        self.files_pruned = self.files_pruned.saturating_add(other.files_pruned);
        self.millis = self.millis.saturating_add(other.millis);
    }

    fn add_plan(&mut self, plan: &dyn ExecutionPlan) {
        for child in plan.children() {
            self.add_plan(child.as_ref());
        }
        let Some(source) = plan.downcast_ref::<DataSourceExec>() else {
            return;
        };
        let Some(files) = source.data_source().downcast_ref::<FileScanConfig>() else {
            return;
        };
        let listed: usize = files.file_groups.iter().map(|group| group.len()).sum();
        self.files = self.files.saturating_add(u64::try_from(listed).unwrap_or(u64::MAX));
        let read = plan.metrics().and_then(|metrics| metrics.sum_by_name("bytes_scanned"));
        let read = read.map_or(0, |bytes| bytes.as_usize());
        self.bytes = self.bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}

fn rows_of_sources(plan: &dyn ExecutionPlan) -> u64 {
    if plan.is::<DataSourceExec>() {
        let rows = plan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or_default();
        return u64::try_from(rows).unwrap_or(u64::MAX);
    }
    plan.children().iter().map(|child| rows_of_sources(child.as_ref())).sum()
}

pub(crate) fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
