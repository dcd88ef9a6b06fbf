//! Leaves: what one mention of a judged table asks of its rows.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray},
    datatypes::{DataType, Schema, SchemaRef},
};
use datafusion::{
    arrow::record_batch::RecordBatch,
    common::DFSchema,
    error::DataFusionError,
    execution::SessionState,
    logical_expr::{
        Expr, LogicalPlan, TableScan,
        expr_rewriter::unnormalize_cols,
        utils::{conjunction, split_conjunction},
    },
    physical_plan::PhysicalExpr,
};

use super::{kind::kind_predicate, period::since_day, tables::Judged};

/// A mention of a judged table: which columns of which rows. Equal ones share their rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LeafSpec {
    pub(crate) table: Judged,
    /// Places in the table's schema.
    pub(crate) columns: Vec<usize>,
    /// Predicates that all must hold, over columns without qualifiers.
    pub(crate) filters: Vec<Expr>,
    /// The first day of the rows; nothing where all days count.
    pub(crate) first_day: Option<i32>,
}

impl LeafSpec {
    /// Reads what a scan of a judged table asks for.
    pub(crate) fn of(table: Judged, scan: &TableScan) -> Self {
        let columns = match &scan.projection {
            Some(columns) => columns.clone(),
            None => (0..scan.source.schema().fields().len()).collect(),
        };
        let filters = unnormalize_cols(scan.filters.iter().cloned());
        Self { table, columns, filters, first_day: None }
    }
}

/// A predicate over some columns of a table.
#[derive(Debug, Clone)]
pub(crate) struct Predicate {
    /// Places in the table's schema, in the order in which the predicate reads them.
    pub(crate) columns: Vec<usize>,
    /// As people read it.
    pub(crate) text: String,
    schema: SchemaRef,
    test: Arc<dyn PhysicalExpr>,
}

impl Predicate {
    /// Compiles an expression over the columns of a schema.
    pub(crate) fn compile(
        state: &SessionState,
        schema: &Schema,
        columns: &[usize],
        expr: Expr,
    ) -> Result<Self, DataFusionError> {
        let local = schema.project(columns)?;
        let text = expr.to_string();
        let test = state.create_physical_expr(expr, &DFSchema::try_from(local.clone())?)?;
        Ok(Self { columns: columns.to_vec(), text, schema: Arc::new(local), test })
    }

    /// Tells for each row of these columns whether the predicate is true.
    pub(crate) fn test(&self, columns: Vec<ArrayRef>) -> Result<BooleanArray, DataFusionError> {
        let rows = RecordBatch::try_new(SchemaRef::clone(&self.schema), columns)?;
        let answer = self.test.evaluate(&rows)?.into_array(rows.num_rows())?;
        if *answer.data_type() == DataType::Boolean {
            return Ok(answer.as_boolean().clone());
        }
        // A predicate that is always null is never true.
        if answer.null_count() == answer.len() {
            return Ok(BooleanArray::from(vec![false; answer.len()]));
        }
        Err(DataFusionError::Plan(format!("a predicate of type {}", answer.data_type())))
    }
}

/// A leaf that is ready to judge rows.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) spec: LeafSpec,
    /// What must hold for the kind of a row, so that most rows are never looked at.
    pub(crate) kind: Option<Predicate>,
    /// The same before it was compiled.
    pub(crate) kind_expr: Option<Expr>,
    /// What else must hold.
    pub(crate) rest: Option<Predicate>,
}

impl Leaf {
    /// Compiles the predicates of a leaf. The kinds are places in the schema.
    pub(crate) fn compile(
        state: &SessionState,
        schema: &Schema,
        kinds: &[usize],
        spec: LeafSpec,
    ) -> Result<Self, DataFusionError> {
        let fields = kinds.iter().filter_map(|kind| schema.fields().get(*kind));
        let kind_names: BTreeSet<&str> = fields.map(|field| field.name().as_str()).collect();
        let mut kind = Vec::new();
        let mut rest = Vec::new();
        rest.extend(spec.first_day.map(since_day));
        for filter in spec.filters.iter().flat_map(split_conjunction) {
            let about_kind = kind_predicate(filter, &kind_names);
            if about_kind.as_ref() != Some(filter) {
                rest.push(filter.clone());
            }
            kind.extend(about_kind);
        }
        let kind = conjunction(kind);
        let kind_expr = kind.clone();
        let kind = match kind {
            Some(expr) => Some(Predicate::compile(state, schema, kinds, expr)?),
            None => None,
        };
        let rest = match conjunction(rest) {
            Some(expr) => {
                let columns = columns_of(schema, &expr)?;
                Some(Predicate::compile(state, schema, &columns, expr)?)
            }
            None => None,
        };
        Ok(Self { spec, kind, kind_expr, rest })
    }
}

fn columns_of(schema: &Schema, expr: &Expr) -> Result<Vec<usize>, DataFusionError> {
    let mut columns = BTreeSet::new();
    for column in expr.column_refs() {
        columns.insert(schema.index_of(&column.name)?);
    }
    Ok(columns.into_iter().collect())
}

/// Finds the scans of judged tables in a plan.
pub(crate) fn judged_scans(
    plan: &LogicalPlan,
    judged: impl Fn(&TableScan) -> Option<Judged>,
) -> Result<Vec<LeafSpec>, DataFusionError> {
    use datafusion::common::tree_node::TreeNodeRecursion;
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(table) = judged(scan)
        {
            found.push(LeafSpec::of(table, scan));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}
