//! The rules on the SQL of one detection, by its tokens.

use crate::{
    definition::Detection,
    diagnostic::{column_at, line_at},
    lint::{LintFinding, LintRule},
    sql_shape::{Output, ParamsCte, counting, output, params_cte},
    sql_tokens::{Token, TokenKind, tokens},
    words::WindowOn,
};

/// What the rules look at and where they write.
struct Lint<'l> {
    origin: &'l str,
    detection: &'l Detection,
    tokens: &'l [Token<'l>],
    findings: Vec<LintFinding>,
}

/// Judges the SQL of a detection. `origin` only names the file in messages.
pub(crate) fn lint_sql(origin: &str, detection: &Detection) -> Vec<LintFinding> {
    let tokens = tokens(&detection.sql);
    let mut lint = Lint { origin, detection, tokens: &tokens, findings: Vec::new() };
    lint.check_statement();
    for index in 0..tokens.len() {
        lint.check_clock(index);
        lint.check_time_bound(index);
        lint.check_json_operator(index);
    }
    let stars: Vec<usize> = (0..tokens.len()).filter(|index| lint.is_select_star(*index)).collect();
    for index in &stars {
        lint.report_at(
            *index,
            LintRule::SelectStar,
            "SELECT * hides what a finding shows; name the columns",
        );
    }
    if stars.is_empty() {
        lint.check_output();
    }
    lint.check_params();
    lint.check_counting();
    lint.findings
}

/// Words that stand for the present, with or without parentheses.
const CLOCK_WORDS: [&str; 7] = [
    "current_date",
    "current_timestamp",
    "current_time",
    "current_localtime",
    "current_localtimestamp",
    "localtime",
    "localtimestamp",
];

/// Functions whose result differs from run to run.
const UNSTEADY_FUNCTIONS: [&str; 20] = [
    "now",
    "today",
    "getdate",
    "sysdate",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "get_current_time",
    "get_current_timestamp",
    "unix_timestamp",
    "random",
    "rand",
    "setseed",
    "nextval",
    "uuid",
    "uuidv4",
    "uuidv7",
    "newid",
    "gen_random_uuid",
    "generate_uuid",
];

/// Columns that the engine bounds.
const TIME_COLUMNS: [&str; 2] = ["event_time", "event_date"];

const COMPARISONS: [&str; 8] = ["=", "==", "<>", "!=", "<", ">", "<=", ">="];

/// Signs that bind to an operand beside `->>` in one engine or another.
const BINDING_SIGNS: [&str; 18] = [
    "=", "==", "<>", "!=", "<", ">", "<=", ">=", "||", "+", "-", "*", "/", "%", "~", "~*", "!~",
    "::",
];

/// Words that bind to an operand on their left.
const BINDING_WORDS: [&str; 8] =
    ["like", "ilike", "in", "is", "not", "between", "similar", "regexp"];

impl Lint<'_> {
    fn token(&self, index: usize) -> Option<&Token<'_>> {
        self.tokens.get(index)
    }

    fn before(&self, index: usize) -> Option<&Token<'_>> {
        index.checked_sub(1).and_then(|before| self.tokens.get(before))
    }

    fn report(&mut self, start: usize, rule: LintRule, message: impl Into<String>) {
        let sql = &self.detection.sql;
        let line = self.detection.body_line.saturating_add(line_at(sql, start)).saturating_sub(1);
        let token = self.tokens.iter().find(|token| token.start == start);
        let shown = token.and_then(|token| token.text.lines().next()).unwrap_or_default();
        let columns = u32::try_from(shown.chars().count()).unwrap_or(u32::MAX);
        let finding = rule.finding(self.origin, line, message);
        self.findings.push(finding.at(column_at(sql, start), columns));
    }

    fn report_at(&mut self, index: usize, rule: LintRule, message: impl Into<String>) {
        let start = self.token(index).map_or(0, |token| token.start);
        self.report(start, rule, message);
    }

    fn check_statement(&mut self) {
        let starts_well =
            self.tokens.first().is_some_and(|token| token.is_any(&["select", "with"]));
        if !starts_well {
            self.report(0, LintRule::Statement, "a detection is one SELECT, with or without WITH");
        }
        let semicolon = self.tokens.iter().position(|token| token.is_sign(";"));
        if let Some(index) = semicolon {
            self.report_at(index, LintRule::Statement, "a detection is one statement");
        }
    }

    fn check_clock(&mut self, index: usize) {
        let Some(token) = self.token(index) else { return };
        let is_call = self.token(index + 1).is_some_and(|next| next.is_sign("("));
        let is_column = self.before(index).is_some_and(|before| before.is_sign("."));
        let reads_clock = token.is_any(&CLOCK_WORDS) && !is_column;
        let name = token.name().unwrap_or_default();
        let calls_unsteady = is_call
            && UNSTEADY_FUNCTIONS.iter().any(|function| name.eq_ignore_ascii_case(function));
        let samples = token.is_word("tablesample");
        if reads_clock || calls_unsteady || samples {
            let message = format!(
                "`{}` makes a run impossible to repeat; the engine scopes `events` by itself",
                token.text
            );
            self.report_at(index, LintRule::Clock, message);
        }
    }

    fn check_time_bound(&mut self, index: usize) {
        let Some(token) = self.token(index) else { return };
        if !token.is_any(&TIME_COLUMNS) {
            return;
        }
        let bounded = self.literal_follows(index + 1) || self.literal_precedes(index);
        if bounded {
            let message = format!(
                "`{}` is compared with a fixed time; the engine scopes `events` by itself",
                token.text
            );
            self.report_at(index, LintRule::TimeBound, message);
        }
    }

    /// Says whether a comparison with a text, however it is cast, stands from this token on. Behind
    /// the end of a call around the column only a text that begins like a date counts: the call
    /// may have made anything of the time.
    fn literal_follows(&self, index: usize) -> bool {
        let around = self.tokens.get(index..).unwrap_or_default();
        let closed = around.iter().take_while(|token| token.is_sign(")")).count();
        let index = index + closed;
        let compares = |token: &Token<'_>| {
            is_any_sign(token, &COMPARISONS) || token.is_any(&["between", "in", "not"])
        };
        if !self.token(index).is_some_and(compares) {
            return false;
        }
        let operand = self.tokens.get(index + 1..).unwrap_or_default();
        match fixed_text(operand) {
            Some(text) => closed == 0 || begins_like_a_date(text.text),
            None => false,
        }
    }

    /// Says whether a text, however it is cast, and a comparison stand before the column.
    fn literal_precedes(&self, index: usize) -> bool {
        let is_qualified = self.before(index).is_some_and(|before| before.is_sign("."));
        let column_start = if is_qualified { index.saturating_sub(2) } else { index };
        if !self.before(column_start).is_some_and(|before| is_any_sign(before, &COMPARISONS)) {
            return false;
        }
        let comparison = column_start.saturating_sub(1);
        let operand_start = self.operand_start(comparison);
        let operand = self.tokens.get(operand_start..comparison).unwrap_or_default();
        let is_interval = self.before(operand_start).is_some_and(|it| it.is_word("interval"));
        fixed_text(operand).is_some() && !is_interval
    }

    /// `a ->> 'b' = 'c'` is `(a ->> 'b') = 'c'` here and `a ->> ('b' = 'c')` in DuckDB.
    fn check_json_operator(&mut self, index: usize) {
        let is_json = |token: &Token<'_>| token.is_sign("->>") || token.is_sign("->");
        if !self.token(index).is_some_and(is_json) {
            return;
        }
        let after = self.token(index + 2);
        let binds_right = after.is_some_and(|token| {
            is_any_sign(token, &BINDING_SIGNS) || token.is_any(&BINDING_WORDS)
        });
        let operand_start = self.operand_start(index);
        let binds_left = self.before(operand_start).is_some_and(|token| {
            is_any_sign(token, &BINDING_SIGNS) || token.is_any(&["like", "ilike", "not"])
        });
        if binds_right || binds_left {
            let message = "put parentheses around the JSON operator and its operands: \
                           engines disagree on what it binds to";
            self.report_at(index, LintRule::JsonPrecedence, message);
        }
    }

    /// Walks left from an operator over its operand: a dotted name, a call or a parenthesis.
    fn operand_start(&self, operator: usize) -> usize {
        let mut start = operator.saturating_sub(1);
        if let Some(close) = self.token(start).filter(|token| token.is_sign(")")) {
            let depth = close.depth;
            let opens = |index: &usize| {
                self.token(*index).is_some_and(|token| token.is_sign("(") && token.depth == depth)
            };
            start = (0..start).rev().find(opens).unwrap_or(0);
            let is_call = self.before(start).is_some_and(is_function_name);
            start = start.saturating_sub(usize::from(is_call));
        }
        while self.before(start).is_some_and(|before| before.is_sign(".")) {
            start = start.saturating_sub(2);
        }
        start
    }

    fn is_select_star(&self, index: usize) -> bool {
        let is_star = self.token(index).is_some_and(|token| token.is_sign("*"));
        let starts_item = self.before(index).is_none_or(|before| {
            before.is_any(&["select", "distinct", "all"])
                || before.is_sign(",")
                || before.is_sign(".")
        });
        is_star && starts_item
    }

    fn check_output(&mut self) {
        let Some(output) = output(self.tokens) else { return };
        if let Some(message) = missing_evidence(&output) {
            self.report(output.start, LintRule::OutputColumns, message);
        }
        if let Some(index) = output.columns.iter().position(Option::is_none) {
            let message = format!("output column {} has no name; give it one with AS", index + 1);
            self.report(output.start, LintRule::OutputColumns, message);
        }
        self.check_alert(&output);
    }

    fn check_alert(&mut self, output: &Output) {
        let alert = &self.detection.alert;
        match &alert.key {
            Some(key) if key.is_empty() => {
                self.report(
                    0,
                    LintRule::AlertKey,
                    "`alert.key` is empty: all rows become one finding",
                );
            }
            None if !crate::finding_set::DEFAULT_KEY.iter().any(|column| output.has(column)) => {
                let message = "no `alert.key`, and no column of the default key is in the output";
                self.report(0, LintRule::AlertKey, message);
            }
            Some(_) | None => {}
        }
        let key = alert.key.iter().flatten().map(|column| ("alert.key", column.as_str()));
        let entity = alert.entity.iter().map(|column| ("alert.entity", column.as_str()));
        let title = alert.title.iter().flat_map(|title| title.columns());
        let title = title.map(|column| ("alert.title", column));
        let columns = alert.columns.iter().map(|column| ("alert.columns", column.as_str()));
        let missing: Vec<String> = key
            .chain(entity)
            .chain(title)
            .chain(columns)
            .filter(|(_, column)| !output.has(column))
            .map(|(place, column)| {
                format!("`{place}` names `{column}`, which is not in the output")
            })
            .collect();
        for message in missing {
            self.report(output.start, LintRule::AlertColumns, message);
        }
    }

    /// A threshold over the rows of one arrival is passed or missed by how the rows were delivered.
    fn check_counting(&mut self) {
        match self.detection.window.on {
            WindowOn::Event => return,
            WindowOn::Arrival => {}
        }
        if let Some(index) = counting(self.tokens) {
            let message = "the detection counts over what one run judges, so how rows arrive \
                           decides; use `on = \"event\"` with `every` and `span` in [window]";
            self.report_at(index, LintRule::CountsByArrival, message);
        }
    }

    fn check_params(&mut self) {
        let columns = match params_cte(self.tokens) {
            ParamsCte::Absent => Vec::new(),
            ParamsCte::Literals(columns) => columns,
            ParamsCte::Unreadable(start) => {
                let message = "write the CTE `params` as SELECT <literal> AS <name>, ...";
                self.report(start, LintRule::Params, message);
                return;
            }
        };
        for (name, param) in &self.detection.params {
            if !columns.iter().any(|column| column.name == *name) {
                let message = format!("write `{} AS {name}` in the CTE `params`", param.default);
                self.report(0, LintRule::Params, message);
            }
        }
        for column in &columns {
            let message = match self.detection.params.get(&column.name) {
                Some(param) if param.default == column.value => continue,
                Some(param) => format!(
                    "`{}` is {} here and {} in [params]",
                    column.name, column.value, param.default
                ),
                None => format!("`{}` is not in [params]", column.name),
            };
            self.report(column.start, LintRule::Params, message);
        }
    }
}

fn missing_evidence(output: &Output) -> Option<String> {
    const SINGLE: [&str; 2] = ["event_id", "event_time"];
    const AGGREGATED: [&str; 4] = ["event_ids", "first_event_time", "last_event_time", "events"];
    let missing = |columns: &[&'static str]| -> Vec<&'static str> {
        columns.iter().copied().filter(|column| !output.has(column)).collect()
    };
    let (single, aggregated) = (missing(&SINGLE), missing(&AGGREGATED));
    if single.is_empty() || aggregated.is_empty() {
        return None;
    }
    let message = if aggregated.len() < AGGREGATED.len() {
        format!("the output lacks {}", aggregated.join(", "))
    } else if single.len() < SINGLE.len() {
        format!("the output lacks {}", single.join(", "))
    } else {
        format!("the output lacks {}, or {}", single.join(", "), aggregated.join(", "))
    };
    Some(message)
}

/// Returns the text that the tokens begin with, as it stands or cast to a time.
fn fixed_text<'t, 's>(operand: &'t [Token<'s>]) -> Option<&'t Token<'s>> {
    const CASTS: [&str; 7] =
        ["timestamp", "date", "cast", "to_timestamp", "to_date", "between", "in"];
    let is_wrapping = |token: &&Token<'_>| token.is_any(&CASTS) || token.is_sign("(");
    operand.iter().find(|token| !is_wrapping(token)).filter(|token| token.kind == TokenKind::Text)
}

fn begins_like_a_date(quoted: &str) -> bool {
    let text = quoted.trim_start_matches('\'').as_bytes();
    let year = text.get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit));
    year && text.get(4) == Some(&b'-')
}

/// Says whether the word before a parenthesis can be the name of a function.
fn is_function_name(token: &Token<'_>) -> bool {
    const NOT_FUNCTIONS: [&str; 14] = [
        "and", "or", "not", "in", "where", "on", "when", "then", "else", "select", "by", "having",
        "like", "as",
    ];
    token.kind == TokenKind::Word && !token.is_any(&NOT_FUNCTIONS)
}

fn is_any_sign(token: &Token<'_>, signs: &[&str]) -> bool {
    signs.iter().any(|sign| token.is_sign(sign))
}
