//! The condition of an exception: SQL over the output columns of a rule. The engine evaluates it;
//! here it is looked at for what can be seen in the text.

use crate::sql_tokens::{Token, TokenKind, tokens};

/// Refuses a condition that holds for every row, or that is more than one condition.
///
/// A condition in which OR joins something that always holds is refused too. What only the data
/// can tell, like `events >= 0`, passes.
pub(crate) fn check_condition(text: &str) -> Result<String, &'static str> {
    let tokens = tokens(text);
    if has_comment(text, &tokens) {
        return Err("write no comment into it; say why in `reason`");
    }
    if !is_one_expression(&tokens) {
        return Err("write one condition, with its parentheses in pairs and its quotes closed");
    }
    if tokens.iter().any(|token| token.is_any(&["select", "with"])) {
        return Err("compare output columns with values; there is no SELECT here");
    }
    if always_holds(&tokens) {
        return Err("name the columns and values that make a finding harmless: this holds always");
    }
    Ok(text.to_owned())
}

/// Says whether anything but white space lies between tokens: a comment would hide what the engine
/// writes behind the condition.
fn has_comment(text: &str, tokens: &[Token<'_>]) -> bool {
    let is_blank = |from: usize, to: usize| {
        text.get(from..to).is_some_and(|gap| gap.chars().all(char::is_whitespace))
    };
    let mut end = 0;
    for token in tokens {
        if !is_blank(end, token.start) {
            return true;
        }
        end = token.start + token.text.len();
    }
    !is_blank(end, text.len())
}

fn is_one_expression(tokens: &[Token<'_>]) -> bool {
    let mut open = 0_u32;
    for token in tokens {
        let is_closed = match token.kind {
            TokenKind::Text => is_closed(token.text, '\''),
            TokenKind::QuotedName => is_closed(token.text, '"'),
            TokenKind::Word | TokenKind::Number | TokenKind::Sign => true,
        };
        if token.is_sign(";") || !is_closed {
            return false;
        }
        if token.is_sign("(") {
            open += 1;
        } else if token.is_sign(")") {
            let Some(left) = open.checked_sub(1) else {
                return false;
            };
            open = left;
        }
    }
    open == 0 && !tokens.is_empty()
}

/// A quote inside is doubled, so a text that is closed has an even number of them.
fn is_closed(text: &str, quote: char) -> bool {
    text.matches(quote).count().is_multiple_of(2)
}

fn always_holds(tokens: &[Token<'_>]) -> bool {
    let tokens = without_parentheses(tokens);
    let depth = tokens.iter().map(|token| token.depth).min().unwrap_or_default();
    let mut any = tokens.split(|token| token.depth == depth && token.is_word("or"));
    let mut alternatives = any.clone();
    if alternatives.nth(1).is_some() {
        return any.any(always_holds);
    }
    let mut all = tokens.split(|token| token.depth == depth && token.is_word("and"));
    let mut parts = all.clone();
    if parts.nth(1).is_some() {
        return all.all(always_holds);
    }
    is_constant(tokens) || compares_with_itself(tokens)
}

fn without_parentheses<'t, 's>(mut tokens: &'t [Token<'s>]) -> &'t [Token<'s>] {
    while let [open, inside @ .., close] = tokens
        && open.is_sign("(")
        && close.is_sign(")")
        && inside.iter().all(|token| token.depth > open.depth)
    {
        tokens = inside;
    }
    tokens
}

/// Says whether no column is named. Whether a constant is true is not asked: a condition that
/// never holds is as much a mistake.
fn is_constant(tokens: &[Token<'_>]) -> bool {
    const CONSTANTS: [&str; 5] = ["true", "false", "null", "not", "is"];
    !tokens.iter().any(|token| match token.kind {
        TokenKind::QuotedName => true,
        TokenKind::Word => !token.is_any(&CONSTANTS),
        TokenKind::Text | TokenKind::Number | TokenKind::Sign => false,
    })
}

fn compares_with_itself(tokens: &[Token<'_>]) -> bool {
    let sides = |relation: usize, length: usize| {
        let (left, right) = (tokens.get(..relation), tokens.get(relation + length..));
        let texts = |side: &[Token<'_>]| {
            let side = without_parentheses(side);
            side.iter().map(|token| token.name().unwrap_or(token.text.to_owned())).collect()
        };
        let (left, right): (Option<Vec<String>>, Option<Vec<String>>) =
            (left.map(texts), right.map(texts));
        left.is_some() && left == right
    };
    tokens.iter().enumerate().any(|(index, token)| {
        let is_equality = ["=", "==", "<=", ">="].iter().any(|sign| token.is_sign(sign));
        (is_equality || token.is_any(&["like", "ilike"])) && sides(index, 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, accepted: bool) {
        assert_eq!(check_condition(text).is_ok(), accepted, "{text}");
    }

    #[test]
    fn a_condition_says_something_about_columns() {
        check("user_name = 'alice'", true);
        check("user_name = 'alice' AND source_asn = 64500", true);
        check("user_name IN ('a', 'b') OR events <= 3", true);
        check("events BETWEEN 1 AND 3", true);
        check("true_name = other_name", true);
        check("\"true\" = 'x'", true);
        check("(a = 'x' OR b = 'y') AND 1 = 1", true);
        check("user_name = '' OR user_name = 'it''s'", true);
        check("lower(user_name) = 'alice -- not a comment'", true);
    }

    #[test]
    fn what_always_holds_is_refused() {
        for text in [
            "true",
            "TRUE",
            "(true)",
            "1",
            "1=1",
            "1 = 1",
            "'a' = 'a'",
            "1 < 2",
            "NOT false",
            "x = x",
            "X = x",
            "(x) = x",
            "e.x = e.x",
            "x <= x",
            "x LIKE x",
            "user_name = 'alice' OR 1 = 1",
            "user_name = 'alice' OR (true)",
            "(user_name = 'alice' OR x = x)",
            "1 = 1 AND x = x",
            "a = 1 AND b = 2 OR true",
            "-- only a comment",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn a_condition_is_one_expression() {
        for text in [
            "a = 1; DROP TABLE x",
            "a = 1) OR (b = 2",
            "(a = 1",
            "a = 'open",
            "a = 1 -- because",
            "a /* and b */ = 1",
            "a = '",
            "a = 'open''",
            "a IN (SELECT b FROM c)",
            "",
        ] {
            check(text, false);
        }
    }
}
