//! Makes texts of unknown origin fit for people to read: what cannot be seen is written out, and
//! what is too long is cut.

/// What stands at the end of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// Says whether a character is unseen or changes how others are shown: controls, bidirectional
/// marks, joiners and spaces of no width, line separators, tags.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Returns the text on one line, with what cannot be seen written out, as in `\n` or `\u{202e}`.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_unseen(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Returns the text with at most so many characters; what was cut ends with an ellipsis.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let kept = text.chars().take(chars_max.saturating_sub(1));
    kept.chain((chars_max > 0).then_some(ELLIPSIS)).collect()
}

/// Makes a text visible and cuts it.
pub(crate) fn shown(text: &str, chars_max: usize) -> String {
    // What is cut anyway is not looked at: a text may be megabytes long.
    let looked_at: String = text.chars().take(chars_max.saturating_add(1)).collect();
    cut(&visible(&looked_at), chars_max)
}

/// Escapes each character by `escape` and stops before the result passes the limit, so that no
/// escape sequence is cut in two.
pub(crate) fn escaped(
    text: &str,
    chars_max: usize,
    escape: impl Fn(char) -> Option<&'static str>,
) -> String {
    let mut out = String::new();
    let mut length = 0_usize;
    for c in text.chars() {
        let sequence = escape(c);
        let added = sequence.map_or(1, |sequence| sequence.chars().count());
        if length + added > chars_max {
            while length >= chars_max && length > 0 {
                length = without_last(&mut out);
            }
            out.push(ELLIPSIS);
            return out;
        }
        length += added;
        match sequence {
            Some(sequence) => out.push_str(sequence),
            None => out.push(c),
        }
    }
    out
}

/// Takes the last character, or the escape sequence that ends there, away; returns the length.
fn without_last(out: &mut String) -> usize {
    let start = match out.ends_with(';') {
        true => out.rfind('&'),
        false => None,
    };
    match start {
        Some(start) => out.truncate(start),
        None => drop(out.pop()),
    }
    out.chars().count()
}

/// Returns the value as one line of JSON in which everything unseen is escaped. Reading it gives
/// the very same value.
pub(crate) fn json_line(value: &serde_json::Value) -> String {
    let plain = value.to_string();
    if !plain.chars().any(is_unseen) {
        return plain;
    }
    // Outside of strings serde_json writes ASCII only, so each such character stands in a string.
    let mut line = String::with_capacity(plain.len());
    let mut units = [0; 2];
    for c in plain.chars() {
        if is_unseen(c) {
            for unit in c.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for (text, expected) in [
            ("plain \u{e9}\u{4e2d}", "plain \u{e9}\u{4e2d}"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            ("a\u{200b}b\u{e0041}", "a\\u{200b}b\\u{e0041}"),
        ] {
            assert_eq!(visible(text), expected);
        }
    }

    #[test]
    fn a_text_is_cut_by_characters() {
        for (text, max, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab\u{2026}"),
            ("\u{e9}\u{e9}", 1, "\u{2026}"),
            ("a", 0, ""),
        ] {
            assert_eq!(cut(text, max), expected);
        }
    }

    fn html(c: char) -> Option<&'static str> {
        (c == '<').then_some("&lt;")
    }

    proptest! {
        #[test]
        fn escapes_are_never_cut_in_two(text in "[<;&a]{0,12}", max in 1_usize..12) {
            let out = escaped(&text, max, html);
            prop_assert!(out.chars().count() <= max, "{out}");
            prop_assert!(!out.contains('<'));
            let rest = out.replace("&lt;", "");
            prop_assert!(!rest.contains("&l"), "{out}");
        }

        #[test]
        fn json_says_the_same_and_shows_everything(text in any::<String>()) {
            let value = json!({ "text": text, "bidi": "\u{202e}", "tag": "\u{e0041}" });
            let line = json_line(&value);
            prop_assert!(!line.chars().any(is_unseen), "{line}");
            prop_assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        }
    }
}
