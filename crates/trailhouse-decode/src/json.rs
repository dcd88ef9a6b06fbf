//! JSON text from a value on the tape.
//!
//! The text is equal in value to what came: the order of members, repeated members, strings and
//! integers are kept exactly, floats as the shortest text that reads back as the same number.

use std::fmt::Write;

use crate::value::{Number, Shape, Value};

/// Writes the value as JSON text without white space. Recurses as deep as the value nests, which
/// the parser has bounded.
pub(crate) fn write_value(out: &mut String, value: Value<'_>) {
    match value.shape() {
        Shape::Null => out.push_str("null"),
        Shape::Bool(true) => out.push_str("true"),
        Shape::Bool(false) => out.push_str("false"),
        Shape::Number(number) => write_number(out, &number),
        Shape::String(text) => write_string(out, text),
        Shape::Array(elements) => {
            let mut separator = '[';
            for element in elements {
                out.push(separator);
                write_value(out, element);
                separator = ',';
            }
            out.push_str(if separator == '[' { "[]" } else { "]" });
        }
        Shape::Object(members) => {
            let mut separator = '{';
            for (name, member) in members {
                out.push(separator);
                write_string(out, name);
                out.push(':');
                write_value(out, member);
                separator = ',';
            }
            out.push_str(if separator == '{' { "{}" } else { "}" });
        }
    }
}

/// Writes the number as JSON text.
pub(crate) fn write_number(out: &mut String, number: &Number<'_>) {
    // Writing to a String cannot fail. The debug form of a finite float is its shortest text and
    // valid JSON; the display form would spell out three hundred zeros.
    let _infallible = match number {
        Number::Signed(number) => write!(out, "{number}"),
        Number::Unsigned(number) => write!(out, "{number}"),
        Number::Float(number) => write!(out, "{number:?}"),
        Number::Exact(text) => out.write_str(text),
    };
}

/// Writes the string as JSON text, with its quotes.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(position) = rest.bytes().position(needs_escape) {
        let Some((clean, tail)) = rest.split_at_checked(position) else { break };
        out.push_str(clean);
        let mut characters = tail.chars();
        if let Some(character) = characters.next() {
            write_escape(out, character);
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escape(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        control => {
            let _infallible = write!(out, "\\u{:04x}", u32::from(control));
        }
    }
}
