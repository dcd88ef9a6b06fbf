//! Reads from the tokens of a detection what it outputs and which parameters it holds.

use crate::{
    sql_tokens::{Token, TokenKind},
    tables::ParamValue,
};

/// The columns of a SELECT list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// The name of each column; absent for an expression without an alias.
    pub(crate) columns: Vec<Option<String>>,
    /// Where the SELECT stands, in bytes.
    pub(crate) start: usize,
}

impl Output {
    /// Says whether a column of that name is there.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.iter().flatten().any(|name| name == column)
    }
}

/// One column of the `params` CTE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ParamColumn {
    pub(crate) name: String,
    pub(crate) value: ParamValue,
    pub(crate) start: usize,
}

/// The `params` CTE of a detection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ParamsCte {
    /// There is none.
    Absent,
    /// Each column is a literal with a name.
    Literals(Vec<ParamColumn>),
    /// Something else stands there, at this byte.
    Unreadable(usize),
}

/// Returns the output of the SELECT that no parentheses surround, so not of a CTE.
pub(crate) fn output(tokens: &[Token<'_>]) -> Option<Output> {
    let select = tokens.iter().position(|token| token.depth == 0 && token.is_word("select"))?;
    let start = tokens.get(select)?.start;
    let items = select_items(tokens.get(select + 1..)?, 0);
    let columns = items.iter().map(|item| item.last().and_then(Token::name)).collect();
    Some(Output { columns, start })
}

/// Returns the `params` CTE.
pub(crate) fn params_cte(tokens: &[Token<'_>]) -> ParamsCte {
    let starts = tokens.windows(2).position(|pair| match pair {
        [before, name] => {
            let opens = before.is_any(&["with", "recursive"]) || before.is_sign(",");
            opens && name.depth == 0 && name.name().as_deref() == Some("params")
        }
        _ => false,
    });
    let Some(rest) = starts.and_then(|index| tokens.get(index + 1..)) else {
        return ParamsCte::Absent;
    };
    let at = rest.first().map_or(0, |name| name.start);
    match rest {
        [_, as_word, open, select, inside @ ..]
            if as_word.is_word("as") && open.is_sign("(") && select.is_word("select") =>
        {
            let end = inside.iter().position(|token| token.depth == 0).unwrap_or(inside.len());
            let items = select_items(inside.get(..end).unwrap_or(inside), 1);
            let columns: Option<Vec<ParamColumn>> =
                items.iter().map(|item| param_column(item)).collect();
            columns.map_or(ParamsCte::Unreadable(at), ParamsCte::Literals)
        }
        _ => ParamsCte::Unreadable(at),
    }
}

/// Returns the token at which several rows are weighed together: HAVING, a function over a window
/// of rows, or a count in an inner SELECT, whose result the outer one can compare. An inner SELECT
/// that reads only what came before is left out: how that arrived does not matter any more.
pub(crate) fn counting(tokens: &[Token<'_>]) -> Option<usize> {
    let opens_after = |index: usize| tokens.get(index + 1).is_some_and(|next| next.is_sign("("));
    let groups_inside = tokens.windows(2).any(|pair| match pair {
        [group, by] => group.depth > 0 && group.is_word("group") && by.is_word("by"),
        _ => false,
    });
    tokens.iter().enumerate().position(|(index, token)| {
        let weighs = token.is_word("having") || (token.is_word("over") && opens_after(index));
        let counts = token.depth > 0 && token.is_word("count") && opens_after(index);
        (weighs || (counts && groups_inside)) && !reads_history_only(tokens, index)
    })
}

/// Says whether the parentheses around a token hold a SELECT from `events_before` and from nothing
/// else.
fn reads_history_only(tokens: &[Token<'_>], index: usize) -> bool {
    let depth = tokens.get(index).map_or(0, |token| token.depth);
    let is_outside = |token: &Token<'_>| token.depth < depth;
    let before = tokens.get(..index).unwrap_or_default();
    let start = before.iter().rposition(is_outside).map_or(0, |outside| outside + 1);
    let inside = tokens.get(start..).unwrap_or_default();
    let end = inside.iter().position(is_outside).unwrap_or(inside.len());
    let mut sources = inside.get(..end).unwrap_or_default().windows(2).filter_map(|pair| {
        let [word, name] = pair else { return None };
        word.is_any(&["from", "join"]).then(|| name.is_word("events_before"))
    });
    depth > 0 && sources.next() == Some(true) && sources.all(|is_history| is_history)
}

/// Splits a SELECT list at its commas, up to the clause that ends it.
fn select_items<'t, 's>(tokens: &'t [Token<'s>], depth: u32) -> Vec<&'t [Token<'s>]> {
    let skipped = tokens.first().is_some_and(|token| token.is_any(&["distinct", "all"]));
    let list = tokens.get(usize::from(skipped)..).unwrap_or_default();
    let mut items = Vec::new();
    let mut from = 0;
    let mut end = list.len();
    for (index, token) in list.iter().enumerate() {
        if token.depth != depth {
            continue;
        }
        if token.is_sign(",") {
            items.push(list.get(from..index).unwrap_or_default());
            from = index + 1;
        } else if ends_list(list, index) {
            end = index;
            break;
        }
    }
    items.push(list.get(from..end).unwrap_or_default());
    items
}

fn ends_list(list: &[Token<'_>], index: usize) -> bool {
    const ENDS: [&str; 7] = ["from", "where", "union", "intersect", "except", "order", "limit"];
    let after_distinct = index
        .checked_sub(1)
        .and_then(|before| list.get(before))
        .is_some_and(|before| before.is_word("distinct"));
    // `a IS DISTINCT FROM b` goes on.
    !after_distinct
        && list.get(index).is_some_and(|token| token.is_any(&ENDS) || token.is_sign(";"))
}

fn param_column(item: &[Token<'_>]) -> Option<ParamColumn> {
    let (negative, item) = match item {
        [sign, rest @ ..] if sign.is_sign("-") => (true, rest),
        _ => (false, item),
    };
    let [literal, as_word, name] = item else {
        return None;
    };
    if !as_word.is_word("as") {
        return None;
    }
    Some(ParamColumn {
        name: name.name()?,
        value: literal_value(literal, negative)?,
        start: literal.start,
    })
}

fn literal_value(literal: &Token<'_>, negative: bool) -> Option<ParamValue> {
    match literal.kind {
        TokenKind::Number => {
            let text = format!("{}{}", if negative { "-" } else { "" }, literal.text);
            let integer = text.parse().ok().map(ParamValue::Integer);
            integer.or_else(|| text.parse().ok().map(ParamValue::Float))
        }
        TokenKind::Text if !negative => literal.literal_text().map(ParamValue::Text),
        TokenKind::Word if !negative && literal.is_word("true") => Some(ParamValue::Boolean(true)),
        TokenKind::Word if !negative && literal.is_word("false") => {
            Some(ParamValue::Boolean(false))
        }
        TokenKind::Text | TokenKind::Word | TokenKind::QuotedName | TokenKind::Sign => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql_tokens::tokens;

    fn check_output(sql: &str, expected: &[&str]) {
        let columns = output(&tokens(sql)).map(|output| output.columns).unwrap_or_default();
        let names: Vec<&str> = columns.iter().map(|name| name.as_deref().unwrap_or("?")).collect();
        assert_eq!(names, expected, "{sql}");
    }

    #[test]
    fn output_columns_are_named_by_alias_or_last_name() {
        check_output("SELECT a, e.b, c AS d, f g FROM x", &["a", "b", "d", "g"]);
        check_output("WITH q AS (SELECT z FROM y) SELECT DISTINCT A, \"B\" FROM q", &["a", "B"]);
        check_output(
            "SELECT count(*) AS events, min(a, b) AS m, 'x' FROM t",
            &["events", "m", "?"],
        );
        check_output(
            "SELECT a IS DISTINCT FROM b AS c, extract(year FROM d) AS y FROM t",
            &["c", "y"],
        );
        check_output("SELECT a UNION ALL SELECT b", &["a"]);
        check_output("TABLE x", &[]);
    }

    fn check_params(sql: &str, expected: Option<&[(&str, ParamValue)]>) {
        let found = match params_cte(&tokens(sql)) {
            ParamsCte::Absent => Some(Vec::new()),
            ParamsCte::Literals(columns) => {
                Some(columns.into_iter().map(|column| (column.name, column.value)).collect())
            }
            ParamsCte::Unreadable(_) => None,
        };
        let expected = expected.map(|list| {
            list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn parameters_are_literals_with_names() {
        check_params(
            "WITH params AS (SELECT 2 AS n, -1.5 AS f, 'it''s' AS t, TRUE AS b) SELECT 1",
            Some(&[
                ("n", ParamValue::Integer(2)),
                ("f", ParamValue::Float(-1.5)),
                ("t", ParamValue::Text("it's".to_owned())),
                ("b", ParamValue::Boolean(true)),
            ]),
        );
        check_params(
            "WITH a AS (SELECT 1 AS x), params AS (SELECT 3 AS n) SELECT 1",
            Some(&[("n", ParamValue::Integer(3))]),
        );
        check_params("SELECT params FROM events", Some(&[]));
        check_params("WITH params AS (SELECT 1 + 1 AS n) SELECT 1", None);
        check_params("WITH params AS (VALUES (1)) SELECT 1", None);
    }
}
