//! Reads the values of `alerts.toml` that are addresses of some kind.

use std::{net::IpAddr, ops::Range};

use ipnet::IpNet;
use url::Url;

use crate::{
    diagnostic::{DetectionErrorCode as Code, Report},
    section::Section,
};

const URL_HELP: &str = "write https://HOST/PATH";

/// Returns a web address. The value is in no message: it may hold a secret.
pub(super) fn web_address(
    key: &str,
    section: &Section<'_>,
    report: &mut Report<'_>,
) -> Option<Url> {
    let text = section.text(key, report)?;
    let url = parse_url(text.value);
    if url.is_none() {
        section.bad_value(key, format!("`{key}` is not a web address"), URL_HELP, report);
    }
    url
}

/// Reads a web address with a host and without a user's name in it.
fn parse_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_plain = url.username().is_empty() && url.password().is_none();
    (is_web && is_plain).then_some(url)
}

/// Returns networks like `10.0.0.0/8`, or single addresses.
pub(super) fn networks(section: &Section<'_>, report: &mut Report<'_>) -> Vec<IpNet> {
    let parse = |text: &str| {
        let network = text.parse::<IpNet>().ok();
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        network.or_else(address).ok_or("use a network like 10.0.0.0/8 or fd00::/8")
    };
    section.parsed_list("allow_private", report, parse).unwrap_or_default()
}

/// Reads the ARN of a topic.
pub(super) fn topic_arn(text: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_topic = match parts.as_slice() {
        ["arn", partition, "sns", region, account, name] => {
            partition.starts_with("aws")
                && !region.is_empty()
                && is_account(account)
                && !name.is_empty()
        }
        _ => false,
    };
    if is_topic { Ok(text.to_owned()) } else { Err("use arn:aws:sns:REGION:ACCOUNT:TOPIC") }
}

/// Says whether the text is an account id.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reports a value at a place of its own.
pub(super) fn report_value(span: Range<usize>, message: &str, help: &str, report: &mut Report<'_>) {
    report.push(Code::BadValue, span, message.to_owned(), Some(help.to_owned()));
}
