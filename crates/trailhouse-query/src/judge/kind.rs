//! Kinds of rows: what few values of few columns tell about most predicates.

use std::collections::BTreeSet;

use arrow::datatypes::Schema;
use datafusion::{
    common::tree_node::TreeNode,
    logical_expr::{BinaryExpr, Expr, Operator},
};

/// Columns with few different values, of which nearly every detection names one.
pub(crate) const KIND_COLUMNS: [&str; 4] =
    ["event_source", "event_name", "error_code", "user_identity_type"];

/// Operators that have an answer for all values.
const SAFE_OPERATORS: [Operator; 10] = [
    Operator::And,
    Operator::Or,
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::IsDistinctFrom,
    Operator::IsNotDistinctFrom,
];

/// Returns the places of the kind columns that a table has.
pub(crate) fn kind_columns(schema: &Schema) -> Vec<usize> {
    KIND_COLUMNS.iter().filter_map(|name| schema.index_of(name).ok()).collect()
}

/// Returns what a predicate demands of a row's kind: where the predicate is true, so is this.
/// Nothing where it demands nothing; the predicate itself where it is about nothing else.
pub(crate) fn kind_predicate(predicate: &Expr, kinds: &BTreeSet<&str>) -> Option<Expr> {
    let columns = predicate.column_refs();
    if !columns.is_empty() && columns.iter().all(|column| kinds.contains(column.name.as_str())) {
        return Some(predicate.clone());
    }
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = predicate else {
        return None;
    };
    let left = kind_predicate(left, kinds);
    let right = kind_predicate(right, kinds);
    if *op == Operator::And {
        return match (left, right) {
            (Some(left), Some(right)) => Some(left.and(right)),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        };
    }
    if *op == Operator::Or { Some(left?.or(right?)) } else { None }
}

/// Says whether evaluating a predicate can meet no value that it has no answer for. A cast or a
/// function can.
pub(crate) fn cannot_fail(predicate: &Expr) -> bool {
    let can_fail = predicate.exists(|expr| {
        if let Expr::BinaryExpr(BinaryExpr { op, .. }) = expr {
            return Ok(!SAFE_OPERATORS.contains(op));
        }
        Ok(!matches!(
            expr,
            Expr::Column(_)
                | Expr::Literal(..)
                | Expr::Like(_)
                | Expr::InList(_)
                | Expr::Between(_)
                | Expr::Not(_)
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsTrue(_)
                | Expr::IsNotTrue(_)
                | Expr::Case(_)
        ))
    });
    matches!(can_fail, Ok(false))
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn check(predicate: &Expr, expected: Option<Expr>) {
        let kinds = BTreeSet::from(KIND_COLUMNS);
        assert_eq!(kind_predicate(predicate, &kinds), expected, "{predicate}");
    }

    #[test]
    fn what_is_about_kinds_alone_is_kept_whole() {
        let named = col("event_name").eq(lit("A")).or(col("event_source").like(lit("s%")));
        check(&named, Some(named.clone()));
        check(&named.clone().not_null(), None);
        let negated = !col("error_code").is_null();
        check(&negated, Some(negated.clone()));
    }

    #[test]
    fn what_is_about_other_columns_is_weakened_and_never_narrowed() {
        let (name, other) = (col("event_name").eq(lit("A")), col("user_agent").eq(lit("x")));
        check(&name.clone().and(other.clone()), Some(name.clone()));
        check(&name.clone().or(other.clone()), None);
        let deep = name.clone().and(other.clone()).or(col("event_name").eq(lit("B")));
        check(&deep, Some(name.clone().or(col("event_name").eq(lit("B")))));
        // The opposite of something weaker would be stronger.
        check(&!(name.and(other)), None);
        check(&lit(true), None);
    }

    #[test]
    fn casts_and_sums_can_fail() {
        let name = || col("event_name");
        let safe = name().eq(lit("A")).or(name().like(lit("B%")).and(name().is_not_null()));
        assert!(cannot_fail(&(!safe)));
        assert!(cannot_fail(&name().in_list(vec![lit("A")], true)));
        let number = datafusion::logical_expr::cast(name(), arrow::datatypes::DataType::Int32);
        assert!(!cannot_fail(&number.eq(lit(1)).or(name().is_null())));
        assert!(!cannot_fail(&(name() + lit(1)).gt(lit(1))));
    }

    trait NotNull {
        fn not_null(self) -> Expr;
    }

    impl NotNull for Expr {
        /// A comparison with another column, so that it is about more than kinds.
        fn not_null(self) -> Expr {
            self.eq(col("assumed_root"))
        }
    }
}
