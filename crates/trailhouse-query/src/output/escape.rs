//! Makes text harmless: for a terminal, for JSON, for a spreadsheet.
//!
//! CloudTrail content is chosen by attackers. A user agent can hold an escape sequence that
//! rewrites the screen, an override that turns text around, or a formula.

use std::{borrow::Cow, fmt::Write};

/// Says whether a character controls the display instead of showing something: C0, DEL, C1,
/// directional overrides and isolates, zero-width and format characters, and tags.
pub fn is_control(ch: char) -> bool {
    ch.is_control()
        || matches!(
            ch,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns the text with every control character written out: `\n`, `\r`, `\t` or `\u{1b}`.
pub fn escape_terminal(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// Returns the text with every control character written out, except line feed and tab.
pub(crate) fn visible_multiline(text: &str) -> Cow<'_, str> {
    escape(text, |ch| matches!(ch, '\n' | '\t'))
}

fn escape(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let must_go = |ch| is_control(ch) && !is_kept(ch);
    if !text.contains(must_go) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for ch in text.chars() {
        if must_go(ch) {
            push_escaped(&mut safe, ch);
        } else {
            safe.push(ch);
        }
    }
    Cow::Owned(safe)
}

fn push_escaped(safe: &mut String, ch: char) {
    match ch {
        '\n' => safe.push_str("\\n"),
        '\r' => safe.push_str("\\r"),
        '\t' => safe.push_str("\\t"),
        other => safe.extend(other.escape_unicode()),
    }
}

/// Returns JSON text of the same value in which no control character stands as itself.
///
/// Encoders escape C0 only. Every other control character can only stand inside a string, where
/// an escape means the same. Line feeds and tabs between values stay.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let must_go = |ch| is_control(ch) && !matches!(ch, '\n' | '\t');
    if !json.contains(must_go) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    let mut units = [0_u16; 2];
    for ch in json.chars() {
        if !must_go(ch) {
            safe.push(ch);
            continue;
        }
        for unit in ch.encode_utf16(&mut units) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    Cow::Owned(safe)
}

/// Returns the text so that no spreadsheet takes it for a formula: one that starts like a formula
/// gets a leading apostrophe, unless it is a plain number.
pub(crate) fn not_a_formula(text: &str) -> Cow<'_, str> {
    let starts_like_a_formula = text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    if starts_like_a_formula && !is_plain_number(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Digits with at most one sign, one point and one exponent.
fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let has_exponent_digits = exponent.is_none_or(|part| {
        let digits = part.strip_prefix(['+', '-']).unwrap_or(part);
        !digits.is_empty() && is_digits(digits)
    });
    !(whole.is_empty() && fraction.is_empty())
        && is_digits(whole)
        && is_digits(fraction)
        && has_exponent_digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(escape_terminal("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(escape_terminal("a\nb\tc\rd"), "a\\nb\\tc\\rd");
        assert_eq!(
            escape_terminal("\u{9b}31m \u{202e}abc\u{2066} \u{200b}"),
            "\\u{9b}31m \\u{202e}abc\\u{2066} \\u{200b}"
        );
        assert_eq!(escape_terminal("plain, and größer 日本"), "plain, and größer 日本");
    }

    #[test]
    fn formulas_become_text_and_numbers_stay() {
        for formula in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "-", "+.", "-1e"] {
            assert_eq!(not_a_formula(formula), format!("'{formula}"));
        }
        for number in ["-5", "+3.25", "-1e10", "+1.5E-3", "12", "", "-.5"] {
            assert_eq!(not_a_formula(number), number);
        }
    }

    proptest! {
        #[test]
        fn visible_text_has_no_control_character(text in any::<String>()) {
            prop_assert!(!escape_terminal(&text).contains(is_control));
        }

        #[test]
        fn escaped_json_keeps_its_value(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let safe = escape_json(&json);
            prop_assert!(!safe.contains(is_control));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }
    }
}
