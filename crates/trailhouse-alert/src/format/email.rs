//! An alert as the parts of an e-mail.

use super::plain;
use crate::{
    Alert,
    text::{escaped, shown},
};

const SUBJECT_CHARS_MAX: usize = 150;
const CELL_CHARS_MAX: usize = 2_000;
const FIELDS_MAX: usize = 60;

/// What an e-mail says. The subject is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmailParts {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Returns the parts of the e-mail.
pub(crate) fn parts(alert: &Alert) -> EmailParts {
    EmailParts {
        subject: plain::headline(alert, SUBJECT_CHARS_MAX),
        text: plain::text(alert),
        html: html(alert),
    }
}

fn html(alert: &Alert) -> String {
    let mut page = String::from("<!DOCTYPE html>\n<html><body style=\"font-family:sans-serif\">\n");
    page.push_str(&format!("<h2>{}</h2>\n", escape(&plain::headline(alert, SUBJECT_CHARS_MAX))));
    if let Some(reason) = plain::reason(alert) {
        page.push_str(&format!("<p><b>{}</b></p>\n", escape(&reason)));
    }
    page.push_str(&format!("<p>{}</p>\n<table>\n", escape(&alert.detection.description)));
    let columns = alert.shown();
    for (name, value) in columns.into_iter().take(FIELDS_MAX).chain(plain::facts(alert)) {
        let (name, value) = (escape(name), escape(&value));
        page.push_str(&format!("<tr><th align=\"left\">{name}</th><td>{value}</td></tr>\n"));
    }
    page.push_str("</table>\n<ul>\n");
    for link in plain::links(alert) {
        page.push_str(&format!("<li>{}</li>\n", link_item(link)));
    }
    page.push_str("</ul>\n</body></html>\n");
    page
}

/// Only web addresses become links, as the URL parser writes them.
fn link_item(link: &str) -> String {
    let shown_link = escape(link);
    let url = url::Url::parse(link).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match url {
        Some(url) if url.as_str().len() <= CELL_CHARS_MAX => {
            format!("<a href=\"{}\">{shown_link}</a>", escape(url.as_str()))
        }
        Some(_) | None => shown_link,
    }
}

fn escape(text: &str) -> String {
    escaped(&shown(text, CELL_CHARS_MAX), 6 * CELL_CHARS_MAX, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        samples::{HOSTILE, alert, hostile},
        text::is_unseen,
    };

    /// Takes our own tags away; nothing that starts one may be left.
    fn check(text: &str) -> Result<(), TestCaseError> {
        let parts = parts(&hostile(text));
        prop_assert!(!parts.subject.chars().any(is_unseen), "{}", parts.subject);
        prop_assert!(parts.subject.chars().count() <= SUBJECT_CHARS_MAX);
        let mut rest = parts.html.clone();
        while let Some((before, link)) = rest.split_once("<a href=\"http") {
            let (target, after) = link.split_once("\">").unwrap();
            prop_assert!(!target.contains(['"', '<', '>', '\'', ' ']), "{target}");
            rest = format!("{before}{after}");
        }
        let ours = [
            "<!DOCTYPE html>",
            "<html><body style=\"font-family:sans-serif\">",
            "</body></html>",
            "<h2>",
            "</h2>",
            "<p>",
            "</p>",
            "<b>",
            "</b>",
            "<table>",
            "</table>",
            "<tr>",
            "</tr>",
            "<th align=\"left\">",
            "</th>",
            "<td>",
            "</td>",
            "<ul>",
            "</ul>",
            "<li>",
            "</li>",
            "</a>",
        ];
        for tag in ours {
            rest = rest.replace(tag, "");
        }
        prop_assert!(!rest.contains(['<', '>', '"', '\'']), "{rest}");
        prop_assert!(!rest.chars().any(|c| c != '\n' && is_unseen(c)), "{rest}");
        Ok(())
    }

    #[test]
    fn hostile_texts_make_no_markup_and_no_header() {
        for text in HOSTILE {
            check(text).unwrap();
            check(&text.repeat(1_000)).unwrap();
        }
    }

    #[test]
    fn runbook_and_values_are_there() {
        let html = parts(&alert()).html;
        assert!(html.contains("<td>203.0.113.7</td>"), "{html}");
        assert!(html.contains("<a href=\"https://runbooks.example.com/trail-stopped\">"), "{html}");
    }

    proptest! {
        #[test]
        fn no_text_breaks_out(text in "[<>&\"'/a-z:=\r\n\u{202e} ]{0,200}") {
            check(&text)?;
        }
    }
}
