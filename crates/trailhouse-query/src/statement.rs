//! Which statements a session takes.

use datafusion::{
    execution::context::SQLOptions,
    sql::{
        parser::{DFParserBuilder, Statement},
        sqlparser::{
            ast::Statement as SqlStatement,
            keywords::Keyword,
            tokenizer::{Token, Tokenizer},
        },
    },
};

use crate::{
    dialect::LakeDialect,
    error::{QueryError, Vocabulary, classify},
};

/// The deepest nesting of a query. Without a limit, parentheses overflow the stack.
const NESTING_MAX: usize = 50;
/// The most operators: a chain of them nests without any parentheses, and so does what evaluates
/// it. Lists of values do not count.
const OPERATORS_MAX: usize = 250;
/// The time to plan grows with the square of set operations and joins.
const OPERATORS_PER_RELATION: usize = 10;
/// The most steps of one JSON path: the time to plan a chain of arrows doubles with each.
const JSON_STEPS_MAX: usize = 12;
/// The longest query.
const SQL_BYTES_MAX: usize = 256 * 1024;

/// Parses one statement that only reads.
pub(crate) fn parse(sql: &str, vocabulary: &Vocabulary) -> Result<Statement, QueryError> {
    if sql.len() > SQL_BYTES_MAX {
        return Err(mistake(&format!("the query is longer than {SQL_BYTES_MAX} bytes")));
    }
    let tokens = Tokenizer::new(&LakeDialect, sql).tokenize().unwrap_or_default();
    if longest_json_path(&tokens) > JSON_STEPS_MAX {
        let message = format!(
            "a JSON path has more than {JSON_STEPS_MAX} steps; use json_get(column, 'a', 'b', ...)"
        );
        return Err(mistake(&message));
    }
    if tokens.iter().map(operators_in).sum::<usize>() > OPERATORS_MAX {
        let message = format!("the query has more than {OPERATORS_MAX} operators; use IN (...)");
        return Err(mistake(&message));
    }
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&LakeDialect)
        .with_recursion_limit(NESTING_MAX)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| classify(&error, vocabulary))?;
    match (statements.pop_front(), statements.front()) {
        (None, _) => Err(mistake("there is no statement")),
        (Some(_), Some(_)) => Err(mistake("one statement at a time")),
        (Some(statement), None) if only_reads(&statement) => Ok(statement),
        (Some(statement), None) => Err(refused(&statement)),
    }
}

/// Returns what the planner must still refuse: a query can hide a change in a part of it.
pub(crate) fn read_only() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}

/// Counts the arrows of the longest chain. A name or another operator begins a new one;
/// parentheses and the steps themselves do not.
fn longest_json_path(tokens: &[Token]) -> usize {
    let (mut longest, mut steps) = (0_usize, 0_usize);
    for token in tokens {
        if matches!(token, Token::Arrow | Token::LongArrow) {
            steps += 1;
        } else if matches!(token, Token::Word(_) | Token::Comma | Token::Eq | Token::Neq) {
            steps = 0;
        }
        longest = longest.max(steps);
    }
    longest
}

fn operators_in(token: &Token) -> usize {
    if let Token::Word(word) = token {
        return match word.keyword {
            keyword if RELATIONS.contains(&keyword) => OPERATORS_PER_RELATION,
            keyword => usize::from(OPERATORS.contains(&keyword)),
        };
    }
    let stands_alone = matches!(
        token,
        Token::Whitespace(_)
            | Token::Comma
            | Token::Period
            | Token::LParen
            | Token::RParen
            | Token::RBracket
            | Token::SemiColon
            | Token::EOF
            | Token::Number(..)
            | Token::Char(_)
    );
    // What is left is a text in quotes or an operator.
    usize::from(!stands_alone && !token.to_string().ends_with('\''))
}

const OPERATORS: &[Keyword] = &[
    Keyword::AND,
    Keyword::OR,
    Keyword::XOR,
    Keyword::IS,
    Keyword::LIKE,
    Keyword::ILIKE,
    Keyword::SIMILAR,
    Keyword::COLLATE,
    Keyword::DIV,
];

const RELATIONS: &[Keyword] = &[Keyword::JOIN, Keyword::UNION, Keyword::EXCEPT, Keyword::INTERSECT];

fn only_reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => is_reading_sql(statement),
        Statement::Explain(explain) => only_reads(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

fn is_reading_sql(statement: &SqlStatement) -> bool {
    matches!(
        statement,
        SqlStatement::Query(_)
            | SqlStatement::ExplainTable { .. }
            | SqlStatement::ShowTables { .. }
            | SqlStatement::ShowColumns { .. }
            | SqlStatement::ShowFunctions { .. }
            | SqlStatement::ShowVariable { .. }
            | SqlStatement::ShowVariables { .. }
            | SqlStatement::ShowCreate { .. }
    )
}

fn refused(statement: &Statement) -> QueryError {
    let text = statement.to_string();
    let words: Vec<&str> = text
        .split_whitespace()
        .take_while(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()))
        .take(3)
        .collect();
    QueryError::Refused { statement: words.join(" ") }
}

fn mistake(message: &str) -> QueryError {
    QueryError::Parse { message: message.to_owned(), at: None }
}
