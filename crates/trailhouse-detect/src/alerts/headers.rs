//! Reads the headers of a webhook.

use std::ops::Range;

use toml::de::DeTable;

use super::{Setting, addresses::report_value, targets::secret};
use crate::{
    diagnostic::Report,
    section::{Keys, Section},
};

const HEADERS_MAX: usize = 32;
/// Headers that are ours to set.
const OUR_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "idempotency-key",
    "trailhouse-signature",
];

/// Returns names in lower case, with what each header holds.
pub(super) fn headers(section: &Section<'_>, report: &mut Report<'_>) -> Vec<(String, Setting)> {
    if section.value("headers").is_none() {
        return Vec::new();
    }
    let Some((table, span)) = section.table("headers", report) else {
        return Vec::new();
    };
    if table.len() > HEADERS_MAX {
        report_value(span, "there are too many headers", "drop some", report);
        return Vec::new();
    }
    let mut headers = Vec::with_capacity(table.len());
    for (key, value) in table.iter() {
        let name = key.get_ref().to_ascii_lowercase();
        if !is_header_name(&name) || OUR_HEADERS.contains(&name.as_str()) {
            let help = "choose another name";
            report_value(key.span(), "this header cannot be set", help, report);
        }
        let setting = match (value.get_ref().as_str(), value.get_ref().as_table()) {
            (Some(text), _) if !text.chars().any(char::is_control) => {
                Some(Setting::Literal(text.to_owned()))
            }
            (None, Some(table)) => header_secret(table, value.span(), report),
            (Some(_), _) | (None, None) => {
                let help = "write a text, { env = \"NAME\" } or { file = \"PATH\" }";
                report_value(value.span(), "this is no value of a header", help, report);
                None
            }
        };
        headers.extend(setting.map(|setting| (name, setting)));
    }
    headers
}

fn header_secret(
    table: &DeTable<'_>,
    span: Range<usize>,
    report: &mut Report<'_>,
) -> Option<Setting> {
    const PLACE: Keys = Keys { known: &["env", "file"], required: &[] };
    let section = Section::open("headers".to_owned(), table, span.clone(), &PLACE, report);
    let place = secret(&section, "env", "file", report);
    if place.is_none() && table.is_empty() {
        report_value(span, "the secret has no place", "write { env = \"NAME\" }", report);
    }
    place.map(Setting::Secret)
}

fn is_header_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.len() <= 128 && text.bytes().all(fits)
}
