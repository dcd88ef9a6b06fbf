//! Predicates that files are read with, each once.

use std::sync::Arc;

use datafusion::{
    common::{
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    datasource::{
        physical_plan::{FileScanConfigBuilder, ParquetSource},
        source::DataSourceExec,
    },
    error::DataFusionError,
    physical_expr::{PhysicalExpr, conjunction, split_conjunction},
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::ExecutionPlan,
};

/// Takes predicates out of a scan that stand in it twice: the table is asked with them when it is
/// planned, and gets them again from the filter above it. Each is evaluated for every row.
#[derive(Debug)]
pub(crate) struct PredicatesOnce;

impl PhysicalOptimizerRule for PredicatesOnce {
    fn name(&self) -> &str {
        "predicates_once"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let plan = plan.transform_up(|node| match with_each_once(&node) {
            Some(scan) => Ok(Transformed::yes(scan)),
            None => Ok(Transformed::no(node)),
        })?;
        Ok(plan.data)
    }
}

/// Returns the scan with fewer predicates, where it has one twice.
fn with_each_once(node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let exec = node.downcast_ref::<DataSourceExec>()?;
    let (scan, source) = exec.downcast_to_file_source::<ParquetSource>()?;
    let predicate = scan.file_source().filter()?;
    let all = split_conjunction(&predicate);
    let mut once: Vec<Arc<dyn PhysicalExpr>> = Vec::with_capacity(all.len());
    for predicate in &all {
        if !once.contains(predicate) {
            once.push(Arc::clone(predicate));
        }
    }
    if once.len() == all.len() {
        return None;
    }
    let source = Arc::new(source.clone().with_predicate(conjunction(once)));
    let scan = FileScanConfigBuilder::from(scan.clone()).with_source(source).build();
    Some(DataSourceExec::from_data_source(scan))
}
