//! One thing to look for.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use trailhouse_model::EventTime;

/// What an indicator's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndicatorKind {
    /// An address, in its canonical form.
    Ip,
    /// A network, without bits beyond its prefix.
    Cidr,
    /// A domain, in lower case.
    Domain,
    /// A URL, as it stands.
    Url,
    /// The ARN of an identity or of anything else.
    Arn,
    /// The id of an access key.
    AccessKey,
    /// A user by name.
    User,
    /// An account by its twelve digits.
    Account,
    /// A part of a user agent.
    UserAgent,
}

impl IndicatorKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Ip,
        Self::Cidr,
        Self::Domain,
        Self::Url,
        Self::Arn,
        Self::AccessKey,
        Self::User,
        Self::Account,
        Self::UserAgent,
    ];

    /// Returns the word of the column `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Arn => "arn",
            Self::AccessKey => "access_key",
            Self::User => "user",
            Self::Account => "account",
            Self::UserAgent => "user_agent",
        }
    }

    /// Reads the word of the column `kind`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for IndicatorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that should not turn up in the events, and where that is known from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Indicator {
    /// What the value is.
    pub kind: IndicatorKind,
    /// The value in the form that its kind has.
    pub value: String,
    /// Who says so.
    pub source: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// The first moment at which it means anything; always where it is absent.
    pub valid_from: Option<EventTime>,
    /// The first moment at which it means nothing any more.
    pub valid_until: Option<EventTime>,
}

impl Indicator {
    /// Makes an indicator of a value in the form of its kind; nothing where it has another form.
    pub fn new(kind: IndicatorKind, value: &str) -> Option<Self> {
        let value = normal_form(kind, value.trim())?;
        Some(Self {
            kind,
            value,
            source: None,
            description: None,
            valid_from: None,
            valid_until: None,
        })
    }

    /// Makes an indicator of a value that tells its kind by its form.
    pub fn infer(value: &str) -> Option<Self> {
        use IndicatorKind::{AccessKey, Account, Arn, Cidr, Domain, Ip, Url};
        [Ip, Cidr, Arn, AccessKey, Account, Url, Domain]
            .into_iter()
            .find_map(|kind| Self::new(kind, value))
    }

    /// Says whether it means anything at a moment.
    pub fn is_valid_at(&self, moment: EventTime) -> bool {
        self.valid_from.is_none_or(|from| from <= moment)
            && self.valid_until.is_none_or(|until| moment < until)
    }
}

/// Reads an address as events have it. One of IPv4 in the form of IPv6 is one of IPv4.
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Reads a network. Bits beyond the prefix are dropped; an address alone is no network.
pub fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().ok().map(|network: IpNet| network.trunc())
}

fn normal_form(kind: IndicatorKind, value: &str) -> Option<String> {
    const TEXT_BYTES_MAX: usize = 2048;
    let is_text =
        !value.is_empty() && value.len() <= TEXT_BYTES_MAX && !value.chars().any(char::is_control);
    let as_is = |fits: bool| (is_text && fits).then(|| value.to_owned());
    match kind {
        IndicatorKind::Ip => parse_ip(value).map(|address| address.to_string()),
        IndicatorKind::Cidr => parse_network(value).map(|network| network.to_string()),
        IndicatorKind::Domain => domain(value),
        IndicatorKind::Url => as_is(is_url(value)),
        IndicatorKind::Arn => as_is(value.starts_with("arn:") && value.split(':').count() >= 6),
        IndicatorKind::AccessKey => as_is(is_access_key(value)),
        IndicatorKind::Account => {
            as_is(value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit()))
        }
        IndicatorKind::User | IndicatorKind::UserAgent => as_is(true),
    }
}

fn domain(value: &str) -> Option<String> {
    let value = value.strip_suffix('.').unwrap_or(value).to_ascii_lowercase();
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    let (_, last) = value.rsplit_once('.')?;
    let is_domain = value.len() <= 253
        && value.split('.').all(is_label)
        && last.starts_with(|ch: char| ch.is_ascii_alphabetic());
    is_domain.then_some(value)
}

fn is_url(value: &str) -> bool {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty()) && !value.contains(char::is_whitespace)
}

/// Ids of long-lived keys begin with AKIA, those of sessions with ASIA.
fn is_access_key(value: &str) -> bool {
    let is_key = value.starts_with("AKIA") || value.starts_with("ASIA");
    is_key && (16..=128).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(IndicatorKind, &str)>) {
        let found = Indicator::infer(text);
        let found = found.as_ref().map(|it| (it.kind, it.value.as_str()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_value_tells_its_kind() {
        check("198.51.100.7", Some((IndicatorKind::Ip, "198.51.100.7")));
        check("::ffff:198.51.100.7", Some((IndicatorKind::Ip, "198.51.100.7")));
        check("2001:DB8:0::1", Some((IndicatorKind::Ip, "2001:db8::1")));
        check("198.51.100.7/24", Some((IndicatorKind::Cidr, "198.51.100.0/24")));
        check("2001:db8::/32", Some((IndicatorKind::Cidr, "2001:db8::/32")));
        check("Evil.Example.", Some((IndicatorKind::Domain, "evil.example")));
        check("https://evil.example/x", Some((IndicatorKind::Url, "https://evil.example/x")));
        let arn = "arn:aws:iam::111122223333:user/mallory";
        check(arn, Some((IndicatorKind::Arn, arn)));
        check("AKIAIOSFODNN7EXAMPLE", Some((IndicatorKind::AccessKey, "AKIAIOSFODNN7EXAMPLE")));
        check("111122223333", Some((IndicatorKind::Account, "111122223333")));
    }

    #[test]
    fn what_has_no_known_form_is_nothing() {
        for text in
            ["", "198.51.100", "198.51.100.7/33", "1[.]2[.]3[.]4", "localhost", "a b.example"]
        {
            check(text, None);
        }
    }
}
