//! Other values for the CTE `params` of a statement.

use datafusion::sql::{
    parser::Statement,
    sqlparser::{
        ast::{
            Expr, Ident, Query, Select, SelectItem, SetExpr, Statement as SqlStatement,
            UnaryOperator, Value,
        },
        parser::Parser,
        tokenizer::Token,
    },
};

use crate::{
    dialect::LakeDialect,
    error::{QueryError, closest},
};

/// The CTE whose columns are parameters.
const PARAMS: &str = "params";

/// Replaces values of the CTE `params`, each by one SQL literal. The statement is changed where it
/// is parsed already, so a value cannot become anything else than a value.
pub(crate) fn set_params(
    statement: &mut Statement,
    values: &[(String, String)],
) -> Result<(), QueryError> {
    let mut select = params_of(statement);
    for (name, text) in values {
        let value = literal(name, text)?;
        let mut known = Vec::new();
        let mut is_known = false;
        for (alias, expr) in select.iter_mut().flat_map(|select| columns(select)) {
            known.push(alias.value.as_str());
            if is_named(alias, name) {
                expr.clone_from(&value);
                is_known = true;
            }
        }
        if !is_known {
            let suggestion = closest(name, known);
            return Err(QueryError::UnknownParameter { name: name.clone(), suggestion });
        }
    }
    Ok(())
}

fn params_of(statement: &mut Statement) -> Option<&mut Select> {
    let query = query_of(statement)?;
    let tables = &mut query.with.as_mut()?.cte_tables;
    let params = tables.iter_mut().find(|table| is_named(&table.alias.name, PARAMS))?;
    if let SetExpr::Select(select) = params.query.body.as_mut() { Some(select) } else { None }
}

fn query_of(statement: &mut Statement) -> Option<&mut Query> {
    match statement {
        Statement::Statement(statement) => {
            if let SqlStatement::Query(query) = statement.as_mut() {
                Some(query)
            } else {
                None
            }
        }
        Statement::Explain(explain) => query_of(&mut explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => None,
    }
}

/// Returns the columns of the parameters that have a name.
fn columns(select: &mut Select) -> impl Iterator<Item = (&Ident, &mut Expr)> {
    select.projection.iter_mut().filter_map(|item| {
        if let SelectItem::ExprWithAlias { expr, alias } = item {
            Some((&*alias, expr))
        } else {
            None
        }
    })
}

fn is_named(identifier: &Ident, name: &str) -> bool {
    match identifier.quote_style {
        Some(_) => identifier.value == name,
        None => identifier.value.eq_ignore_ascii_case(name),
    }
}

/// Parses a value and makes sure that it is nothing else.
fn literal(name: &str, text: &str) -> Result<Expr, QueryError> {
    let not_a_literal = || QueryError::NotALiteral { name: name.to_owned() };
    let mut parser = Parser::new(&LakeDialect).try_with_sql(text).map_err(|_| not_a_literal())?;
    let expr = parser.parse_expr().map_err(|_| not_a_literal())?;
    let is_whole = parser.peek_token().token == Token::EOF;
    if is_whole && is_literal(&expr) { Ok(expr) } else { Err(not_a_literal()) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is a literal")]
fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => !matches!(value.value, Value::Placeholder(_)),
        Expr::TypedString(_) => true,
        Expr::Interval(interval) => is_literal(&interval.value),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            matches!(expr.as_ref(), Expr::Value(value) if matches!(value.value, Value::Number(..)))
        }
        Expr::Array(array) => array.elem.iter().all(is_literal),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Vocabulary, statement::parse};

    const SQL: &str = "WITH params AS (SELECT 2 AS min_events, 'x' AS word) \
                       SELECT * FROM events CROSS JOIN params";

    fn with(sql: &str, values: &[(&str, &str)]) -> Result<String, QueryError> {
        let mut statement = parse(sql, &Vocabulary::default()).unwrap();
        let values: Vec<(String, String)> =
            values.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        set_params(&mut statement, &values).map(|()| statement.to_string())
    }

    #[test]
    fn values_are_replaced_and_the_rest_stays() {
        let changed = with(SQL, &[("min_events", "-7"), ("word", "'it''s'")]).unwrap();
        assert_eq!(changed, SQL.replace('2', "-7").replace("'x'", "'it''s'"));
        assert_eq!(with(SQL, &[("MIN_EVENTS", "9")]).unwrap(), SQL.replace('2', "9"));
        assert_eq!(with(SQL, &[]).unwrap(), SQL);
        for value in ["NULL", "true", "1.5", "DATE '2026-01-01'", "INTERVAL '1 hour'", "[1, 2]"] {
            let changed = with(SQL, &[("min_events", value)]).unwrap();
            assert_eq!(changed, SQL.replace('2', value));
        }
    }

    #[test]
    fn a_value_is_nothing_but_a_literal() {
        for value in [
            "",
            "1 + 1",
            "now()",
            "event_name",
            "1) AS a, (2",
            "(SELECT 1)",
            "'a",
            "$1",
            "1; SELECT 2",
        ] {
            let refused = with(SQL, &[("min_events", value)]);
            assert!(matches!(refused, Err(QueryError::NotALiteral { .. })), "{value}");
        }
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let Err(QueryError::UnknownParameter { suggestion, .. }) = with(SQL, &[("min_event", "1")])
        else {
            unreachable!("it is unknown")
        };
        assert_eq!(suggestion.as_deref(), Some("min_events"));
        let refused = with("SELECT 2 AS min_events", &[("min_events", "1")]);
        assert!(matches!(refused, Err(QueryError::UnknownParameter { suggestion: None, .. })));
    }
}
