//! The conditions of a detection, one by one: what each SELECT over `events` asks of a row.
//!
//! This reads tokens, not grammar. A SELECT is looked at where it is the query itself, a branch of
//! its UNION, or the body of a CTE, and where it reads `events`; those inside of conditions are
//! part of the condition.

use std::collections::BTreeSet;

use crate::sql_tokens::{Token, TokenKind, tokens};

/// One SELECT over `events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsSelect {
    /// The CTE whose body it is; absent for the query itself.
    pub cte: Option<String>,
    /// What a row must meet: the parts of its WHERE that AND joins.
    pub conditions: Vec<Condition>,
    /// What a group must meet, where it groups.
    pub grouping: Option<Grouping>,
    /// How its `events` are called in it.
    pub alias: String,
    /// The CTEs before it, with `WITH`, or nothing.
    prelude: String,
    /// What stands after FROM.
    from: String,
    /// What stands after WHERE; empty without one.
    filter: String,
}

/// The GROUP BY of a SELECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// The parts of its HAVING that AND joins.
    pub conditions: Vec<Condition>,
    /// What stands after GROUP BY.
    keys: String,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its SQL on one line, without comments.
    pub sql: String,
    /// The values it is about: columns, JSON values and, for a group, aggregates.
    pub operands: Vec<String>,
}

/// The largest part of a query that is looked at condition by condition.
const CONDITIONS_MAX: usize = 256;

/// Returns the SELECTs over `events` in the order of the SQL.
pub fn events_selects(sql: &str) -> Vec<EventsSelect> {
    let tokens = tokens(sql);
    let starts = (0..tokens.len()).filter(|index| is_looked_at(&tokens, *index));
    starts.filter_map(|index| read_select(sql, &tokens, index)).collect()
}

impl EventsSelect {
    /// Returns SQL whose one row for the event has the columns `c0`, `c1`, ... for the conditions
    /// and `v0`, `v1`, ... for their values.
    pub fn row_sql(&self, event_id: &str) -> String {
        let columns = columns_sql(&self.conditions);
        let (prelude, from, alias) = (&self.prelude, &self.from, &self.alias);
        let id = quoted(event_id);
        format!("{prelude} SELECT {columns} FROM {from} WHERE {alias}.event_id = {id}")
    }

    /// Returns the SELECT with one of its conditions.
    #[must_use]
    pub fn with_only(&self, condition: &Condition) -> Self {
        Self { conditions: vec![condition.clone()], ..self.clone() }
    }

    /// Returns SQL that counts the rows of the event that meet one condition.
    pub fn count_sql(&self, condition: &Condition, event_id: &str) -> String {
        let (prelude, from, alias) = (&self.prelude, &self.from, &self.alias);
        let (id, condition) = (quoted(event_id), &condition.sql);
        format!(
            "{prelude} SELECT count(*) AS met FROM {from} \
             WHERE {alias}.event_id = {id} AND ({condition})"
        )
    }

    /// Returns SQL whose rows are the groups that hold the event, with columns as in
    /// [`Self::row_sql`] for the conditions of the groups; absent where it does not group.
    pub fn group_sql(&self, event_id: &str) -> Option<String> {
        let grouping = self.grouping.as_ref()?;
        let columns = columns_sql(&grouping.conditions);
        let (prelude, from, alias, keys) = (&self.prelude, &self.from, &self.alias, &grouping.keys);
        let filter =
            if self.filter.is_empty() { String::new() } else { format!(" WHERE {}", self.filter) };
        let id = quoted(event_id);
        Some(format!(
            "{prelude} SELECT {columns} FROM {from}{filter} GROUP BY {keys} \
             HAVING max(CASE WHEN {alias}.event_id = {id} THEN 1 ELSE 0 END) = 1"
        ))
    }

    /// Returns the texts that a column must equal one of, where a condition says so.
    pub fn wanted(&self, column: &str) -> Option<Vec<String>> {
        self.conditions.iter().find_map(|condition| wanted_texts(&condition.sql, column))
    }

    /// Says whether rows come out only where `events` has rows that meet the conditions.
    fn needs_rows(&self, tokens: &[Token<'_>]) -> bool {
        let groups_nothing = self.grouping.is_none() && has_aggregate(tokens);
        let outer = tokens.iter().any(|token| token.is_any(&["left", "right", "full"]));
        !groups_nothing && !outer
    }
}

/// Returns what the events of a detection must have in this column for it to find anything; absent
/// where that cannot be told from its SQL.
pub fn texts_to_fire(sql: &str, column: &str) -> Option<BTreeSet<String>> {
    let all = tokens(sql);
    let selects = events_selects(sql);
    let branches = all.iter().filter(|token| token.depth == 0 && token.is_word("select")).count();
    let own: Vec<_> = selects.iter().filter(|select| select.cte.is_none()).collect();
    if own.len() != branches || !own.iter().all(|select| select.needs_rows(&all)) {
        return None;
    }
    let mut texts = BTreeSet::new();
    for select in own {
        texts.extend(select.wanted(column)?);
    }
    Some(texts)
}

fn has_aggregate(tokens: &[Token<'_>]) -> bool {
    tokens.windows(2).any(|pair| match pair {
        [name, open] => name.is_any(&AGGREGATES) && open.is_sign("("),
        _ => false,
    })
}

const AGGREGATES: [&str; 12] = [
    "count",
    "min",
    "max",
    "sum",
    "avg",
    "array_agg",
    "bool_and",
    "bool_or",
    "median",
    "stddev",
    "any_value",
    "approx_distinct",
];

/// The clauses of a SELECT in their order.
const CLAUSES: [&str; 9] =
    ["from", "where", "group", "having", "window", "qualify", "order", "limit", "offset"];

fn columns_sql(conditions: &[Condition]) -> String {
    let mut columns = Vec::new();
    for (index, condition) in conditions.iter().enumerate() {
        columns.push(format!("({}) AS c{index}", condition.sql));
    }
    let operands = conditions.iter().flat_map(|condition| &condition.operands);
    for (index, operand) in operands.enumerate() {
        columns.push(format!("{operand} AS v{index}"));
    }
    if columns.is_empty() { "1 AS met".to_owned() } else { columns.join(", ") }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Says whether a SELECT stands where it is looked at.
fn is_looked_at(tokens: &[Token<'_>], index: usize) -> bool {
    let Some(token) = tokens.get(index).filter(|token| token.is_word("select")) else {
        return false;
    };
    token.depth == 0 || (token.depth == 1 && cte_of(tokens, index).is_some())
}

/// Returns the index of the name of the CTE in whose body the token stands.
fn cte_of(tokens: &[Token<'_>], index: usize) -> Option<usize> {
    let open = (0..index).rev().find(|it| tokens.get(*it).is_some_and(|it| it.depth == 0))?;
    let before_open = open.checked_sub(1)?;
    let opens = tokens.get(open)?.is_sign("(") && tokens.get(before_open)?.is_word("as");
    let mut name = before_open.checked_sub(1)?;
    if tokens.get(name)?.is_sign(")") {
        name = (0..name).rev().find(|it| tokens.get(*it).is_some_and(|it| it.depth == 0))?;
        name = name.checked_sub(1)?;
    }
    (opens && tokens.get(name)?.name().is_some()).then_some(name)
}

fn read_select(sql: &str, tokens: &[Token<'_>], index: usize) -> Option<EventsSelect> {
    let depth = tokens.get(index)?.depth;
    let body = select_body(tokens.get(index + 1..)?, depth);
    let from = clause(body, "from", depth);
    let alias = alias_of_events(from, depth)?;
    let relations = relations(from, depth);
    let filter = clause(body, "where", depth);
    let group = clause(body, "group", depth);
    let keys = group.get(1..).unwrap_or_default();
    let grouping = (!keys.is_empty()).then(|| Grouping {
        conditions: conditions(clause(body, "having", depth), depth, aggregates),
        keys: on_one_line(keys),
    });
    let columns = |part: &[Token<'_>]| columns(part, &relations);
    let cte = cte_of(tokens, index).filter(|_| depth > 0);
    let name = cte.and_then(|name| tokens.get(name));
    Some(EventsSelect {
        cte: name.and_then(Token::name),
        conditions: conditions(filter, depth, columns),
        grouping,
        alias,
        prelude: prelude(sql, tokens, name),
        from: on_one_line(from),
        filter: on_one_line(filter),
    })
}

/// Returns the SELECT up to the parenthesis or the set operation that ends it.
fn select_body<'t, 's>(rest: &'t [Token<'s>], depth: u32) -> &'t [Token<'s>] {
    let ends = |token: &Token<'_>| {
        token.depth < depth
            || (token.depth == depth && token.is_any(&["union", "intersect", "except"]))
    };
    let end = rest.iter().position(ends).unwrap_or(rest.len());
    rest.get(..end).unwrap_or(rest)
}

/// Returns the tokens of a clause without its first word; empty where it is not there.
fn clause<'t, 's>(body: &'t [Token<'s>], word: &str, depth: u32) -> &'t [Token<'s>] {
    let is_clause = |index: usize| {
        let after_distinct = index.checked_sub(1).and_then(|before| body.get(before));
        !after_distinct.is_some_and(|before| before.is_word("distinct"))
            && body.get(index).is_some_and(|it| it.depth == depth && it.is_any(&CLAUSES))
    };
    let starts = (0..body.len()).filter(|index| is_clause(*index)).collect::<Vec<_>>();
    let Some(at) =
        starts.iter().position(|start| body.get(*start).is_some_and(|it| it.is_word(word)))
    else {
        return &[];
    };
    let (Some(start), end) = (starts.get(at), starts.get(at + 1).copied()) else { return &[] };
    body.get(start + 1..end.unwrap_or(body.len())).unwrap_or_default()
}

/// The names by which the relations of a FROM can be qualified, each with its table.
fn relations(from: &[Token<'_>], depth: u32) -> Vec<(String, String)> {
    const NOT_ALIASES: [&str; 14] = [
        "join", "cross", "inner", "left", "right", "full", "natural", "on", "using", "as", "where",
        "lateral", "semi", "anti",
    ];
    let mut found = Vec::new();
    for (index, token) in from.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| from.get(before));
        let starts = before.is_none_or(|it| it.is_sign(",") || it.is_word("join"));
        let Some(table) = token.name().filter(|_| starts && token.depth == depth) else { continue };
        let after = from.get(index + 1);
        let alias =
            if after.is_some_and(|it| it.is_word("as")) { from.get(index + 2) } else { after };
        let alias = alias.filter(|it| !it.is_any(&NOT_ALIASES)).and_then(Token::name);
        found.push((alias.unwrap_or_else(|| table.clone()), table));
    }
    found
}

fn alias_of_events(from: &[Token<'_>], depth: u32) -> Option<String> {
    let relations = relations(from, depth);
    relations.into_iter().find(|(_, table)| table == "events").map(|(alias, _)| alias)
}

/// Returns the CTEs that a SELECT can see: all of them, or those before the named one.
fn prelude(sql: &str, tokens: &[Token<'_>], cte: Option<&Token<'_>>) -> String {
    if !tokens.first().is_some_and(|first| first.is_word("with")) {
        return String::new();
    }
    let main = tokens.iter().find(|token| token.depth == 0 && token.is_word("select"));
    let Some(end) = cte.or(main).map(|token| token.start) else { return String::new() };
    let before = tokens.iter().filter(|token| token.start < end).copied().collect::<Vec<_>>();
    let before = match before.split_last() {
        Some((last, rest)) if last.is_sign(",") => rest,
        _ => before.as_slice(),
    };
    let names_one = before.iter().any(|token| token.is_sign("("));
    debug_assert!(before.iter().all(|token| token.start < sql.len()), "tokens of another text");
    if names_one { on_one_line(before) } else { String::new() }
}

fn conditions(
    tokens: &[Token<'_>],
    depth: u32,
    operands: impl Fn(&[Token<'_>]) -> Vec<String>,
) -> Vec<Condition> {
    let parts = split_at_and(tokens, depth);
    let read = parts.into_iter().take(CONDITIONS_MAX).filter(|part| !part.is_empty());
    read.map(|part| Condition { sql: on_one_line(part), operands: operands(part) }).collect()
}

/// Splits at each AND that joins conditions: not that of BETWEEN, and none beside an OR.
fn split_at_and<'t, 's>(tokens: &'t [Token<'s>], depth: u32) -> Vec<&'t [Token<'s>]> {
    let (mut parts, mut from, mut betweens, mut cases) = (Vec::new(), 0, 0_u32, 0_u32);
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.depth == depth) {
        if token.is_word("case") {
            cases += 1;
        } else if token.is_word("end") {
            cases = cases.saturating_sub(1);
        } else if cases > 0 {
            continue;
        } else if token.is_word("or") {
            return vec![tokens];
        } else if token.is_word("between") {
            betweens += 1;
        } else if token.is_word("and") && betweens > 0 {
            betweens -= 1;
        } else if token.is_word("and") {
            parts.push(tokens.get(from..index).unwrap_or_default());
            from = index + 1;
        }
    }
    parts.push(tokens.get(from..).unwrap_or_default());
    parts
}

/// Returns the columns of these relations that the tokens name, with the JSON path behind them.
fn columns(tokens: &[Token<'_>], relations: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for index in 0..tokens.len() {
        let mut end = match tokens.get(index..) {
            Some([alias, dot, column, ..])
                if dot.is_sign(".")
                    && column.name().is_some()
                    && relations.iter().any(|(known, _)| alias.name().as_ref() == Some(known)) =>
            {
                index + 3
            }
            Some([column, ..]) if is_event_column(column) && !is_part(tokens, index) => index + 1,
            _ => continue,
        };
        let is_step = |at: usize| {
            tokens.get(at).is_some_and(|it| it.is_sign("->") || it.is_sign("->>"))
                && tokens
                    .get(at + 1)
                    .is_some_and(|it| matches!(it.kind, TokenKind::Text | TokenKind::Number))
        };
        while is_step(end) {
            end += 2;
        }
        push_new(&mut found, on_one_line(tokens.get(index..end).unwrap_or_default()));
    }
    found
}

/// Says whether a word can be a column of `events`: those have names of their own.
fn is_event_column(token: &Token<'_>) -> bool {
    const PREFIXES: [&str; 9] = [
        "event_",
        "user_identity_",
        "source_ip",
        "error_",
        "request_",
        "response_",
        "recipient_",
        "session_",
        "resource",
    ];
    const NAMES: [&str; 9] = [
        "aws_region",
        "user_agent",
        "read_only",
        "management_event",
        "mfa_authenticated",
        "additional_event_data",
        "service_event_details",
        "shared_event_id",
        "vpc_endpoint_id",
    ];
    token.name().is_some_and(|name| {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name.as_str())
    })
}

/// Says whether a name is only a part of one, or that of a function.
fn is_part(tokens: &[Token<'_>], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| tokens.get(before));
    let after = tokens.get(index + 1);
    before.is_some_and(|it| it.is_sign(".") || it.is_word("as"))
        || after.is_some_and(|it| it.is_sign(".") || it.is_sign("("))
}

/// Returns the calls of aggregates in the tokens.
fn aggregates(tokens: &[Token<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for index in 0..tokens.len() {
        let Some([name, open, inside @ ..]) = tokens.get(index..) else { continue };
        if !name.is_any(&AGGREGATES) || !open.is_sign("(") {
            continue;
        }
        let closes = |token: &Token<'_>| token.is_sign(")") && token.depth == open.depth;
        let Some(close) = inside.iter().position(closes) else { continue };
        push_new(
            &mut found,
            on_one_line(tokens.get(index..=index + 2 + close).unwrap_or_default()),
        );
    }
    found
}

fn push_new(found: &mut Vec<String>, text: String) {
    if !found.contains(&text) {
        found.push(text);
    }
}

/// Reads `column = 'a'` and `column IN ('a', 'b')`.
fn wanted_texts(condition: &str, column: &str) -> Option<Vec<String>> {
    let all = tokens(condition);
    let rest = match all.as_slice() {
        [_, dot, rest @ ..] if dot.is_sign(".") => rest,
        rest => rest,
    };
    let (name, rest) = rest.split_first()?;
    if name.name().as_deref() != Some(column) {
        return None;
    }
    match rest {
        [equals, text] if equals.is_sign("=") => Some(vec![text.literal_text()?]),
        [is_in, open, list @ .., close]
            if is_in.is_word("in") && open.is_sign("(") && close.is_sign(")") =>
        {
            let entries = list.iter().filter(|token| !token.is_sign(","));
            entries.map(Token::literal_text).collect()
        }
        _ => None,
    }
}

/// Writes tokens on one line: what stood apart has one space between it, comments are gone.
fn on_one_line(tokens: &[Token<'_>]) -> String {
    let mut line = String::new();
    let mut end = tokens.first().map_or(0, |first| first.start);
    for token in tokens {
        if token.start > end {
            line.push(' ');
        }
        line.push_str(token.text);
        end = token.start + token.text.len();
    }
    line
}
