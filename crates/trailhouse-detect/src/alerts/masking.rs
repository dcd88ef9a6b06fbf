//! Error messages show lines of the file. What may be a secret is not shown.

use std::ops::Range;

use toml::de::DeTable;

/// Keys whose values are no secrets. The values of all others, unknown ones too, are masked.
const HARMLESS: &[&str] = &[
    "schema",
    "sink",
    "name",
    "type",
    "format",
    "min_severity",
    "rules",
    "timeout",
    "allow_private",
    "path",
    "template",
    "topic_arn",
    "host",
    "port",
    "tls",
    "username",
    "from",
    "to",
    "asff",
    "account",
    "region",
    "partition",
    "env",
    "file",
];

/// Returns the text with each byte that may belong to a secret replaced by a star, so that places
/// stay where they are.
pub(super) fn masked(text: &str) -> String {
    let mut secrets = Vec::new();
    match DeTable::parse(text) {
        Ok(table) => collect(table.get_ref(), &mut secrets),
        // Which values are harmless is not known where the document cannot be read.
        Err(_) => secrets.extend(values_of_lines(text)),
    }
    let mut bytes = text.as_bytes().to_vec();
    for span in secrets {
        let inside = bytes.get_mut(span).into_iter().flatten();
        inside.filter(|byte| !matches!(**byte, b'\n' | b'\r')).for_each(|byte| *byte = b'*');
    }
    // Values begin and end at whole characters, so what is left is UTF-8.
    String::from_utf8(bytes).unwrap_or_default()
}

fn collect(table: &DeTable<'_>, secrets: &mut Vec<Range<usize>>) {
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        let is_reference = name.ends_with("_env") || name.ends_with("_file");
        if let Some(table) = value.get_ref().as_table() {
            collect(table, secrets);
        } else if let Some(list) = value.get_ref().as_array()
            && name == "sink"
        {
            let sinks = list.iter().filter_map(|entry| entry.get_ref().as_table());
            sinks.for_each(|table| collect(table, secrets));
        } else if !is_reference && !HARMLESS.contains(&name) {
            secrets.push(value.span());
        }
    }
}

/// From the first quote of a line, or the first equals sign, to its end.
fn values_of_lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        let line_start = start;
        start += line.len();
        let hidden = line.find(['"', '\'', '=']).map_or(line.len(), |at| at + 1);
        line_start + hidden..line_start + line.len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_a_secret_is_hidden() {
        let text = "[[sink]]\nname = \"a\"\nurl = \"https://h/s3cret\"\nurl_env = \"URL\"\n\
            headers = { authorization = \"s3cret\", x = { env = \"X\" } }\npasswort = '''s3cret'''\n\
            port = 25\n";
        let shown = masked(text);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(shown.len(), text.len());
        for kept in ["name = \"a\"", "url_env = \"URL\"", "{ env = \"X\" }", "port = 25"] {
            assert!(shown.contains(kept), "{shown}");
        }
    }

    #[test]
    fn of_what_cannot_be_read_only_the_keys_are_shown() {
        let text = "[[sink]]\nurl = \"https://h/s3cret\nkey = s3cret \u{e9}\n";
        let shown = masked(text);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.starts_with("[[sink]]\nurl =***"), "{shown}");
        assert_eq!(shown.len(), text.len());
    }
}
