//! The SQL dialect: the generic one, with JSON operators that bind tightly.

use std::any::TypeId;

use datafusion::sql::sqlparser::{
    dialect::{Dialect, GenericDialect},
    parser::{Parser, ParserError},
    tokenizer::Token,
};

/// The generic dialect, except that `a ->> 'x' = 'y'` means `(a ->> 'x') = 'y'`.
///
/// In the generic dialect the comparison binds tighter, so that everyone who writes the operators
/// as PostgreSQL and SQLite read them gets a type error. With the parentheses, which portable SQL
/// needs, both readings agree.
#[derive(Debug)]
pub(crate) struct LakeDialect;

/// Above comparisons, arithmetic and `||`, below `::`, as SQLite has it.
const JSON_OPERATOR_PRECEDENCE: u8 = 45;

macro_rules! as_in_the_generic_dialect {
    ($($method:ident),* $(,)?) => {
        $(fn $method(&self) -> bool {
            GenericDialect.$method()
        })*
    };
}

impl Dialect for LakeDialect {
    /// The parser asks for the type in a few places; there this is the generic dialect too.
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        GenericDialect.is_identifier_part(ch)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        let is_json_operator = matches!(
            parser.peek_token_ref().token,
            Token::Arrow | Token::LongArrow | Token::HashArrow | Token::HashLongArrow
        );
        is_json_operator.then_some(Ok(JSON_OPERATOR_PRECEDENCE))
    }

    as_in_the_generic_dialect!(
        supports_unicode_string_literal,
        supports_partition_by_after_order_by,
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_left_associative_joins_without_parens,
        supports_window_function_null_treatment_arg,
        supports_dictionary_syntax,
        supports_window_clause_named_window_reference,
        supports_select_wildcard_except,
        supports_select_wildcard_exclude,
        supports_select_wildcard_replace,
        supports_select_wildcard_ilike,
        supports_select_wildcard_rename,
        support_map_literal_syntax,
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_extract_comma_syntax,
        supports_parens_around_table_factor,
        supports_values_as_table_factor,
        supports_explain_with_utility_options,
        supports_limit_comma,
        supports_from_first_select,
        supports_projection_trailing_commas,
        supports_try_convert,
        supports_bitwise_shift_operators,
        supports_named_fn_args_with_assignment_operator,
        supports_struct_literal,
        supports_nested_comments,
        supports_string_escape_constant,
        supports_array_typedef_with_brackets,
        supports_filter_during_aggregation,
        supports_interval_options,
        supports_comma_separated_trim,
    );
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::Expr;

    use super::*;

    fn check(expression: &str, expected: &str) {
        let parse = |text| Parser::new(&LakeDialect).try_with_sql(text).unwrap().parse_expr();
        assert_eq!(shape(&parse(expression).unwrap()), shape(&parse(expected).unwrap()));
    }

    /// Writes every binary operation in parentheses, whether the text had them or not.
    fn shape(expression: &Expr) -> String {
        if let Expr::Nested(inner) = expression {
            return shape(inner);
        }
        if let Expr::BinaryOp { left, op, right } = expression {
            return format!("({} {op} {})", shape(left), shape(right));
        }
        expression.to_string()
    }

    #[test]
    fn json_operators_bind_tighter_than_comparisons() {
        check("a ->> 'x' = 'y'", "(a ->> 'x') = 'y'");
        check("'y' = a ->> 'x'", "'y' = (a ->> 'x')");
        check("a ->> 'k' = b ->> 'k'", "(a ->> 'k') = (b ->> 'k')");
        check("a -> 'x' ->> 'y' <> 'z'", "((a -> 'x') ->> 'y') <> 'z'");
        check("a ->> 'x' = 'y' AND b = 1", "((a ->> 'x') = 'y') AND (b = 1)");
        check("a ->> 'x' || 'y'", "(a ->> 'x') || 'y'");
        check("a ->> 'x'::text", "a ->> ('x'::text)");
    }
}
