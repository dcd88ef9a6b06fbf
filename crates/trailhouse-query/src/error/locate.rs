//! Finds the place of a name that the engine names without saying where it stands.

use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::{Position, QueryError, Span};
use crate::dialect::LakeDialect;

impl QueryError {
    /// Adds the place of the unknown name where it is missing: the first word that is that name.
    pub(crate) fn located(mut self, sql: &str) -> Self {
        match &mut self {
            Self::UnknownColumn { name, at, .. }
            | Self::UnknownTable { name, at, .. }
            | Self::UnknownFunction { name, at, .. } => {
                *at = at.or_else(|| find(sql, name));
            }
            Self::Parse { .. }
            | Self::Plan { .. }
            | Self::Refused { .. }
            | Self::Limit { .. }
            | Self::TimedOut { .. }
            | Self::TooManyRows { .. }
            | Self::UnknownParameter { .. }
            | Self::NotALiteral { .. }
            | Self::Execution { .. }
            | Self::Lake(_)
            | Self::Table { .. }
            | Self::Bug { .. } => {}
        }
        self
    }
}

fn find(sql: &str, name: &str) -> Option<Span> {
    let last = name.rsplit('.').next()?;
    let tokens = Tokenizer::new(&LakeDialect, sql).tokenize_with_location().ok()?;
    let is_name =
        |token: &Token| matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case(last));
    let found = tokens.iter().find(|token| is_name(&token.token))?;
    let position = |line, column| Position { line, column };
    Some(Span {
        start: position(found.span.start.line, found.span.start.column),
        end: position(found.span.end.line, found.span.end.column),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_text_or_a_comment_is_not_the_place() {
        let span = find("SELECT 'anr', -- anr\n user_identity.anr FROM events", "anr").unwrap();
        assert_eq!(span.start, Position { line: 2, column: 16 });
        assert_eq!(span.end, Position { line: 2, column: 19 });
        assert_eq!(find("SELECT 1", "anr"), None);
        assert_eq!(find("SELECT '", "anr"), None);
    }
}
