//! Numbers that the tape cannot hold.
//!
//! Integers beyond 64 bits and floats beyond the range of a double are refused by the parser. In
//! the record that has one they are replaced by a zero, the record is parsed, and the nodes of the
//! zeros are marked as standing for the original text.

use simd_json::{Node, StaticNode};

use crate::value::exact_node;

/// Replaces each number that the tape cannot hold by a zero and spaces. Returns the positions of
/// those numbers among all numbers of the text, with their text; none where there is none.
pub(crate) fn replace_numbers(text: &mut [u8]) -> Vec<(usize, String)> {
    let mut replaced = Vec::new();
    let mut numbers = 0_usize;
    let mut at = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'-' | b'0'..=b'9' => {
                let end = number_end(text, at);
                if let Some(original) = text.get_mut(at..end).and_then(replace_number) {
                    replaced.push((numbers, original));
                }
                numbers = numbers.saturating_add(1);
                at = end;
            }
            _ => at = at.saturating_add(1),
        }
    }
    replaced
}

/// Marks the nodes of replaced numbers. Returns their text in the order of the marks.
pub(crate) fn mark_numbers(tape: &mut [Node<'_>], replaced: Vec<(usize, String)>) -> Vec<String> {
    let mut exact = Vec::with_capacity(replaced.len());
    let mut replaced = replaced.into_iter().peekable();
    let numbers = tape.iter_mut().filter(|node| {
        matches!(node, Node::Static(StaticNode::I64(_) | StaticNode::U64(_) | StaticNode::F64(_)))
    });
    for (position, node) in numbers.enumerate() {
        if let Some((_, text)) = replaced.next_if(|(index, _)| *index == position) {
            *node = exact_node(u32::try_from(exact.len()).unwrap_or(u32::MAX));
            exact.push(text);
        }
    }
    exact
}

/// Returns where the string that starts at `start` ends, behind its quote.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start.saturating_add(1);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at.saturating_add(1),
            b'\\' => at = at.saturating_add(2),
            _ => at = at.saturating_add(1),
        }
    }
    at
}

fn number_end(text: &[u8], start: usize) -> usize {
    let tail = text.get(start..).unwrap_or_default();
    let length = tail
        .iter()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
        .count();
    start.saturating_add(length)
}

/// Replaces the token where it is a number that the tape cannot hold, and returns its text.
fn replace_number(token: &mut [u8]) -> Option<String> {
    let text = std::str::from_utf8(token).ok()?;
    if !is_number(token) || fits_tape(text) {
        return None;
    }
    let original = text.to_owned();
    token.fill(b' ');
    *token.first_mut()? = b'0';
    Some(original)
}

fn fits_tape(text: &str) -> bool {
    if text.contains(['.', 'e', 'E']) {
        text.parse().is_ok_and(f64::is_finite)
    } else {
        text.parse::<u64>().is_ok() || text.parse::<i64>().is_ok()
    }
}

/// Says whether the token follows the grammar of JSON numbers.
fn is_number(token: &[u8]) -> bool {
    let unsigned = token.strip_prefix(b"-").unwrap_or(token);
    let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(position) => {
            let (mantissa, tail) = unsigned.split_at(position);
            (mantissa, tail.get(1..))
        }
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(position) => {
            let (whole, tail) = mantissa.split_at(position);
            (whole, tail.get(1..))
        }
        None => (mantissa, None),
    };
    let no_leading_zero = whole.len() == 1 || whole.first() != Some(&b'0');
    let exponent = exponent
        .map(|digits| digits.strip_prefix(b"+").or(digits.strip_prefix(b"-")).unwrap_or(digits));
    are_digits(whole)
        && no_leading_zero
        && fraction.is_none_or(are_digits)
        && exponent.is_none_or(are_digits)
}

fn are_digits(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, replaced_text: &str, replaced: &[(usize, &str)]) {
        let mut bytes = text.as_bytes().to_vec();
        let found = replace_numbers(&mut bytes);
        let found: Vec<_> = found.iter().map(|(index, text)| (*index, text.as_str())).collect();
        assert_eq!(String::from_utf8(bytes).ok().as_deref(), Some(replaced_text));
        assert_eq!(found, replaced);
    }

    #[test]
    fn only_numbers_beyond_the_tape_are_replaced() {
        check(
            r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":1.5e300}"#,
            r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":1.5e300}"#,
            &[],
        );
        check(
            "[1,18446744073709551616]",
            "[1,0                   ]",
            &[(1, "18446744073709551616")],
        );
        check(
            "[1e400,-9223372036854775809,2]",
            "[0    ,0                   ,2]",
            &[(0, "1e400"), (1, "-9223372036854775809")],
        );
    }

    #[test]
    fn digits_in_strings_and_broken_numbers_stay() {
        check(
            r#"["99999999999999999999\"99999999999999999999"]"#,
            r#"["99999999999999999999\"99999999999999999999"]"#,
            &[],
        );
        check(
            "[099999999999999999999,1e,1.,--1,1e400e]",
            "[099999999999999999999,1e,1.,--1,1e400e]",
            &[],
        );
    }
}
