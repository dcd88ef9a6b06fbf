//! What other SQL engines would not read, or would read differently.
//!
//! A detection may use everything that the engine here has. One that keeps to what this module
//! allows also runs in DuckDB over the same columns.

use crate::{
    definition::Detection,
    diagnostic::{column_at, line_at},
    lint::{LintFinding, LintRule},
    sql_tokens::{Token, TokenKind, tokens},
};

/// Functions that engines agree on, as far as detections use them.
const FUNCTIONS: [&str; 52] = [
    "abs",
    "any_value",
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "cast",
    "ceil",
    "coalesce",
    "concat",
    "count",
    "date_part",
    "date_trunc",
    "dense_rank",
    "exists",
    "extract",
    "first_value",
    "floor",
    "greatest",
    "lag",
    "last_value",
    "lead",
    "least",
    "left",
    "length",
    "lower",
    "ltrim",
    "max",
    "median",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "position",
    "rank",
    "regexp_replace",
    "replace",
    "reverse",
    "right",
    "round",
    "row_number",
    "rtrim",
    "split_part",
    "starts_with",
    "stddev",
    "strpos",
    "substr",
    "substring",
    "sum",
    "trim",
    "try_cast",
    "upper",
];

/// Words that may stand before a parenthesis without calling anything.
const KEYWORDS: [&str; 34] = [
    "all",
    "and",
    "any",
    "as",
    "between",
    "by",
    "case",
    "distinct",
    "else",
    "except",
    "filter",
    "from",
    "having",
    "ilike",
    "in",
    "intersect",
    "is",
    "join",
    "lateral",
    "like",
    "not",
    "on",
    "or",
    "over",
    "partition",
    "select",
    "then",
    "union",
    "using",
    "values",
    "when",
    "where",
    "with",
    "within",
];

/// Returns what is not portable, in the order of the SQL.
pub fn lint_portable(origin: &str, detection: &Detection) -> Vec<LintFinding> {
    let sql = detection.sql.as_str();
    let tokens = tokens(sql);
    let mut findings = Vec::new();
    for index in 0..tokens.len() {
        let Some((token, message)) = complaint(&tokens, index) else { continue };
        let line = detection.body_line.saturating_add(line_at(sql, token.start)).saturating_sub(1);
        let columns = u32::try_from(token.text.chars().count()).unwrap_or(u32::MAX);
        let finding = LintRule::Portable.finding(origin, line, message);
        findings.push(finding.at(column_at(sql, token.start), columns));
    }
    findings
}

fn complaint<'t, 's>(tokens: &'t [Token<'s>], index: usize) -> Option<(&'t Token<'s>, String)> {
    let token = tokens.get(index)?;
    let next = tokens.get(index + 1);
    let message = match token.kind {
        TokenKind::Sign => complaint_about_sign(token)?.to_owned(),
        TokenKind::Word => {
            let is_call = next.is_some_and(|next| next.is_sign("("));
            let is_field = next.is_some_and(|next| next.is_sign("."));
            let is_name = index
                .checked_sub(1)
                .and_then(|before| tokens.get(before))
                .is_some_and(|it| it.is_any(&["as", "with"]));
            if is_call && !is_name && !token.is_any(&FUNCTIONS) && !token.is_any(&KEYWORDS) {
                format!("`{}` is no function that every engine has", token.text)
            } else if is_field && token.is_word("user_identity") {
                "`user_identity` is made by the view; the flat columns are in the files".to_owned()
            } else {
                complaint_about_word(token)?.to_owned()
            }
        }
        TokenKind::QuotedName | TokenKind::Text | TokenKind::Number => return None,
    };
    Some((token, message))
}

fn complaint_about_sign(token: &Token<'_>) -> Option<&'static str> {
    match token.text {
        "~" | "~*" | "!~" | "!~*" => {
            Some("engines disagree on whether this matches a part or the whole; use regexp_replace")
        }
        "/" => Some("engines disagree on the division of whole numbers"),
        _ => None,
    }
}

fn complaint_about_word(token: &Token<'_>) -> Option<&'static str> {
    if token.is_word("escape") {
        return Some("engines disagree on ESCAPE; `_` stands for any character");
    }
    if token.is_word("similar") {
        return Some("engines disagree on SIMILAR TO; use LIKE or regexp_replace");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::read_detection;

    fn check(sql: &str, expected: &[(u32, u32)]) {
        let front = "-- +++\n-- schema=1\n-- id='a'\n-- title='a'\n-- description='a'\n\
                     -- severity='low'\n-- +++\n";
        let detection = read_detection("a.sql", &format!("{front}{sql}")).unwrap();
        let findings = lint_portable("a.sql", &detection);
        let places: Vec<_> = findings.iter().map(|it| (it.line - 7, it.column)).collect();
        assert_eq!(places, expected, "{sql}: {findings:?}");
    }

    #[test]
    fn what_only_works_here_is_shown_and_the_rest_is_not() {
        check("SELECT count(DISTINCT a) FILTER (WHERE b IN (1)) FROM events", &[]);
        check("WITH q AS (SELECT 1 AS x) SELECT CAST(x AS TEXT) FROM q", &[]);
        check("SELECT rank() OVER (PARTITION BY a) FROM (VALUES (1)) AS v (a)", &[]);
        check("SELECT geo_country(a)\n  , user_identity.arn FROM e", &[(1, 8), (2, 5)]);
        check(
            "SELECT a ~ 'x', b / 2 FROM e WHERE c LIKE '!_' ESCAPE '!'",
            &[(1, 10), (1, 19), (1, 48)],
        );
    }
}
