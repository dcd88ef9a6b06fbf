//! Splits SQL into tokens, so that the lint looks neither into texts nor into comments. It knows
//! no grammar: whether the SQL is valid is for the engine to say.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or a name.
    Word,
    /// A name in double quotes.
    QuotedName,
    /// A text in single quotes.
    Text,
    /// A number.
    Number,
    /// An operator or a mark.
    Sign,
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'s> {
    pub(crate) kind: TokenKind,
    /// As it stands in the SQL, quotes included.
    pub(crate) text: &'s str,
    /// Where it begins, in bytes.
    pub(crate) start: usize,
    /// How many parentheses are open around it; a parenthesis lies outside itself.
    pub(crate) depth: u32,
}

impl Token<'_> {
    /// Says whether the token is this keyword, in any case of letters.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Says whether the token is one of these keywords.
    pub(crate) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    /// Says whether the token is this operator or mark.
    pub(crate) fn is_sign(&self, sign: &str) -> bool {
        self.kind == TokenKind::Sign && self.text == sign
    }

    /// Returns the name that the token stands for: lower case unless quoted.
    pub(crate) fn name(&self) -> Option<String> {
        match self.kind {
            TokenKind::Word => Some(self.text.to_ascii_lowercase()),
            TokenKind::QuotedName => Some(unquote(self.text, '"')),
            TokenKind::Text | TokenKind::Number | TokenKind::Sign => None,
        }
    }

    /// Returns the content of a text.
    pub(crate) fn literal_text(&self) -> Option<String> {
        (self.kind == TokenKind::Text).then(|| unquote(self.text, '\''))
    }
}

/// Operators of more than one character, longest first.
const LONG_SIGNS: [&str; 15] =
    ["->>", "!~*", "->", "::", "<=", ">=", "<>", "!=", "||", "==", "@>", "<@", "~*", "!~", "&&"];

/// Splits the SQL. Every byte that is not white space or comment belongs to one token.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut depth = 0_u32;
    let mut offset = 0;
    while let Some(rest) = sql.get(offset..).filter(|rest| !rest.is_empty()) {
        let skipped = blank_bytes(rest);
        if skipped > 0 {
            offset += skipped;
            continue;
        }
        let (kind, length) = next_token(rest);
        let text = rest.get(..length).unwrap_or(rest);
        if text == ")" {
            depth = depth.saturating_sub(1);
        }
        found.push(Token { kind, text, start: offset, depth });
        if text == "(" {
            depth = depth.saturating_add(1);
        }
        offset += text.len();
    }
    found
}

/// Counts the bytes of white space or of one comment at the start.
fn blank_bytes(rest: &str) -> usize {
    if rest.starts_with("--") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_bytes(rest);
    }
    rest.len() - rest.trim_start().len()
}

/// Counts the bytes of a block comment; they nest, and one that is left open ends with the SQL.
fn block_comment_bytes(rest: &str) -> usize {
    let mut open = 0_u32;
    let bytes = rest.as_bytes();
    let mut offset = 0;
    while let Some(pair) = bytes.get(offset..offset + 2) {
        match pair {
            b"/*" => open += 1,
            b"*/" => open = open.saturating_sub(1),
            _ => {
                offset += 1;
                continue;
            }
        }
        offset += 2;
        if open == 0 {
            return offset;
        }
    }
    rest.len()
}

fn next_token(rest: &str) -> (TokenKind, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    if first == '\'' || first == '"' {
        let kind = if first == '"' { TokenKind::QuotedName } else { TokenKind::Text };
        return (kind, quoted_bytes(rest, first));
    }
    if first.is_ascii_digit() {
        return (TokenKind::Number, number_bytes(rest));
    }
    if first.is_alphabetic() || first == '_' {
        let is_inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        return (TokenKind::Word, rest.find(|c| !is_inside(c)).unwrap_or(rest.len()));
    }
    let long = LONG_SIGNS.iter().find(|sign| rest.starts_with(**sign));
    (TokenKind::Sign, long.map_or_else(|| first.len_utf8(), |sign| sign.len()))
}

/// Counts the bytes up to and with the closing quote; a doubled quote is content.
fn quoted_bytes(rest: &str, quote: char) -> usize {
    let mut offset = 1;
    while let Some(at) = rest.get(offset..).and_then(|inside| inside.find(quote)) {
        let after = offset + at + 1;
        if !rest.get(after..).is_some_and(|next| next.starts_with(quote)) {
            return after;
        }
        offset = after + 1;
    }
    rest.len()
}

/// Counts the bytes of a number like `12`, `1.5` or `1e-3`.
fn number_bytes(rest: &str) -> usize {
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        let is_exponent_sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || is_exponent_sign) {
            return at;
        }
        before = c;
    }
    rest.len()
}

fn unquote(text: &str, quote: char) -> String {
    let inside = text.strip_prefix(quote).unwrap_or(text);
    let inside = inside.strip_suffix(quote).unwrap_or(inside);
    inside.replace(&format!("{quote}{quote}"), &quote.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(sql: &str, expected: &[&str]) {
        let texts: Vec<&str> = tokens(sql).iter().map(|token| token.text).collect();
        assert_eq!(texts, expected, "{sql}");
    }

    #[test]
    fn texts_and_comments_are_not_looked_into() {
        check("SELECT 'it''s now()' -- now()\n FROM x", &["SELECT", "'it''s now()'", "FROM", "x"]);
        check("a /* b /* c */ d */ e", &["a", "e"]);
        check("a -- end", &["a"]);
        check("\"a \"\"b\" 'open", &["\"a \"\"b\"", "'open"]);
        check("a->>'b'::int>=1.5e-3", &["a", "->>", "'b'", "::", "int", ">=", "1.5e-3"]);
        check("'\u{e9}'||caf\u{e9} \u{20ac}", &["'\u{e9}'", "||", "caf\u{e9}", "\u{20ac}"]);
    }

    #[test]
    fn depth_counts_the_parentheses_around_a_token() {
        let depths: Vec<u32> = tokens("a (b (c)) ) d").iter().map(|token| token.depth).collect();
        assert_eq!(depths, [0, 0, 1, 1, 2, 1, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn tokens_lie_in_order_and_never_overlap(sql in "[ a-c0-9'\"\\-/*().>|:\n\u{e9}]{0,60}") {
            let mut end = 0;
            for token in tokens(&sql) {
                prop_assert!(token.start >= end && !token.text.is_empty());
                end = token.start + token.text.len();
                prop_assert_eq!(sql.get(token.start..end), Some(token.text));
            }
            prop_assert!(end <= sql.len());
        }
    }
}
