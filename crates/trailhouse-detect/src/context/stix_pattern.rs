//! STIX patterns, as far as they say that one of several values is seen.
//!
//! `[ipv4-addr:value = 'x' OR domain-name:value IN ('y', 'z')] OR [url:value = 'u']` is a choice of
//! single values. Everything else (AND, NOT, FOLLOWEDBY, LIKE, qualifiers) says more, and is not
//! taken apart: a part of it would match what the whole does not.

use super::{
    error::excerpt,
    indicator::{Indicator, IndicatorKind},
    intel_list::SkipReason,
};

/// The longest pattern.
const PATTERN_BYTES_MAX: usize = 64 * 1024;
/// The most values of one pattern.
const VALUES_MAX: usize = 1_000;

/// Returns the indicators that a pattern is a choice of.
pub(crate) fn parse_pattern(pattern: &str) -> Result<Vec<Indicator>, SkipReason> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return unsupported("it is too long");
    }
    let mut parser = Parser { rest: pattern, indicators: Vec::new(), values: 0, unseen: None };
    loop {
        parser.observation()?;
        if parser.rest.trim_start().is_empty() {
            break;
        }
        match parser.word() {
            "OR" => {}
            other => return unsupported(other),
        }
    }
    match parser.unseen {
        Some(path) if parser.indicators.is_empty() => Err(SkipReason::NotInEvents { path }),
        Some(_) | None => Ok(parser.indicators),
    }
}

fn unsupported<T>(construct: &str) -> Result<T, SkipReason> {
    let construct = match construct {
        "" => "it is not complete".to_owned(),
        construct => excerpt(construct),
    };
    Err(SkipReason::Unsupported { construct })
}

struct Parser<'p> {
    rest: &'p str,
    indicators: Vec<Indicator>,
    values: usize,
    /// A path that events have nothing for.
    unseen: Option<String>,
}

impl<'p> Parser<'p> {
    fn observation(&mut self) -> Result<(), SkipReason> {
        self.sign('[')?;
        loop {
            self.comparison()?;
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(']') {
                self.rest = rest;
                return Ok(());
            }
            match self.word() {
                "OR" => {}
                other => return unsupported(other),
            }
        }
    }

    fn comparison(&mut self) -> Result<(), SkipReason> {
        let path = self.path()?;
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix('=') {
            self.rest = rest.strip_prefix('=').unwrap_or(rest);
            let value = self.text()?;
            return self.add(path, &value);
        }
        match self.word() {
            "IN" => self.values_in_parentheses(path),
            "ISSUBSET" if matches!(path, "ipv4-addr:value" | "ipv6-addr:value") => {
                let value = self.text()?;
                self.add(path, &value)
            }
            other => unsupported(other),
        }
    }

    fn values_in_parentheses(&mut self, path: &str) -> Result<(), SkipReason> {
        self.sign('(')?;
        loop {
            let value = self.text()?;
            self.add(path, &value)?;
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => return self.sign(')'),
            }
        }
    }

    /// Returns the path of an object: what stands before the operator.
    fn path(&mut self) -> Result<&'p str, SkipReason> {
        self.rest = self.rest.trim_start();
        let mut is_quoted = false;
        let ends = |ch: char| {
            is_quoted ^= ch == '\'';
            !is_quoted && (ch.is_whitespace() || "=!<>()[]\"".contains(ch))
        };
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (path, rest) = self.rest.split_at(end);
        if !path.contains(':') {
            return unsupported(if path.is_empty() { rest } else { path });
        }
        self.rest = rest;
        Ok(path)
    }

    /// Returns a text in quotes. A backslash takes away the meaning of what follows it.
    fn text(&mut self) -> Result<String, SkipReason> {
        self.sign('\'')?;
        let mut value = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next() {
                Some('\'') => {
                    self.rest = chars.as_str();
                    return Ok(value);
                }
                Some('\\') => value.extend(chars.next()),
                Some(ch) => value.push(ch),
                None => return unsupported("a text is not closed"),
            }
        }
    }

    fn sign(&mut self, sign: char) -> Result<(), SkipReason> {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => {
                let found = self.word();
                unsupported(found)
            }
        }
    }

    /// Returns the next word or sign; nothing at the end.
    fn word(&mut self) -> &'p str {
        let trimmed = self.rest.trim_start();
        let is_word = |ch: char| ch.is_ascii_alphanumeric() || ch == '_' || ch == '-';
        let length = trimmed.find(|ch| !is_word(ch)).unwrap_or(trimmed.len());
        let first = trimmed.chars().next().map_or(0, char::len_utf8);
        let (word, rest) = trimmed.split_at(length.max(first));
        self.rest = rest;
        word
    }

    fn add(&mut self, path: &str, value: &str) -> Result<(), SkipReason> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return unsupported("it has too many values");
        }
        let indicator = match path {
            "ipv4-addr:value" | "ipv6-addr:value" => {
                let network = Indicator::new(IndicatorKind::Cidr, value);
                Indicator::new(IndicatorKind::Ip, value).or(network)
            }
            "domain-name:value" => Indicator::new(IndicatorKind::Domain, value),
            "url:value" => Indicator::new(IndicatorKind::Url, value),
            "user-account:user_id" | "user-account:account_login" => user(value),
            _ if path.starts_with("file:hashes.") => {
                self.unseen = Some(excerpt(path));
                return Ok(());
            }
            other => return unsupported(other),
        };
        match indicator {
            Some(indicator) => {
                self.indicators.push(indicator);
                Ok(())
            }
            None => unsupported(&format!("{path} = '{value}'")),
        }
    }
}

/// A user is named by an ARN, a key, an account, or a name.
fn user(value: &str) -> Option<Indicator> {
    use IndicatorKind::{AccessKey, Account, Arn, User};
    [Arn, AccessKey, Account, User].into_iter().find_map(|kind| Indicator::new(kind, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, expected: Result<&[&str], &str>) {
        let found = parse_pattern(pattern)
            .map(|list| list.iter().map(|it| format!("{} {}", it.kind, it.value)).collect())
            .map_err(|reason| reason.to_string());
        let expected = expected
            .map(|list| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
            .map_err(str::to_owned);
        assert_eq!(found, expected, "{pattern}");
    }

    #[test]
    fn a_choice_of_values_is_as_many_indicators() {
        check("[ipv4-addr:value = '198.51.100.7']", Ok(&["ip 198.51.100.7"]));
        check("[ipv4-addr:value='198.51.100.0/24']", Ok(&["cidr 198.51.100.0/24"]));
        check("[ipv6-addr:value ISSUBSET '2001:db8::/32']", Ok(&["cidr 2001:db8::/32"]));
        check(
            "[ domain-name:value = 'a.example' OR url:value = 'https://b.example/\\'x' ]",
            Ok(&["domain a.example", "url https://b.example/'x"]),
        );
        check(
            "[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')] OR [domain-name:value = 'c.example']",
            Ok(&["ip 192.0.2.1", "ip 192.0.2.2", "domain c.example"]),
        );
        check(
            "[user-account:user_id = '111122223333' OR user-account:account_login = 'mallory']",
            Ok(&["account 111122223333", "user mallory"]),
        );
    }

    #[test]
    fn hashes_of_files_are_never_seen() {
        check(
            "[file:hashes.'SHA-256' = 'ab' OR ipv4-addr:value = '192.0.2.1']",
            Ok(&["ip 192.0.2.1"]),
        );
        check("[file:hashes.MD5 = 'ab']", Err("no event has what it names: file:hashes.MD5"));
    }

    #[test]
    fn what_says_more_is_not_taken_apart() {
        let refused = |construct: &str| format!("its pattern is not supported: {construct}");
        for (pattern, construct) in [
            ("[ipv4-addr:value = '192.0.2.1' AND domain-name:value = 'a.example']", "AND"),
            (
                "[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [url:value = 'https://a.example']",
                "FOLLOWEDBY",
            ),
            ("[ipv4-addr:value = '192.0.2.1'] REPEATS 5 TIMES", "REPEATS"),
            ("[ipv4-addr:value = '192.0.2.1'] WITHIN 5 SECONDS", "WITHIN"),
            ("([url:value = 'https://a.example'])", "("),
            ("[(url:value = 'https://a.example')]", "(url:value = 'https://a.example')]"),
            ("[url:value != 'https://a.example']", "!"),
            ("[url:value LIKE 'https://a.example/%']", "LIKE"),
            ("[NOT url:value = 'https://a.example']", "NOT"),
            ("[url:value NOT = 'https://a.example']", "NOT"),
            ("[email-addr:value = 'a@b.example']", "email-addr:value"),
            ("[domain-name:value = 'no domain']", "domain-name:value = 'no domain'"),
            ("[url:value = 'https://a.example", "a text is not closed"),
            ("[url:value = 'https://a.example'", "it is not complete"),
            ("", "it is not complete"),
        ] {
            check(pattern, Err(&refused(construct)));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(
            pattern in "(\\[|\\]|\\(|\\)|'|\\\\|=|,| OR | IN |ipv4-addr:value|1.2.3.4|\u{e9}| ){0,40}",
        ) {
            if let Ok(indicators) = parse_pattern(&pattern) {
                prop_assert!(indicators.iter().all(|it| it.kind == IndicatorKind::Ip));
                prop_assert!(pattern.starts_with('[') || pattern.starts_with(' '));
            }
        }

        #[test]
        fn a_value_comes_out_as_it_was_put_in(name in "[a-zA-Z'\\\\ ]{1,20}") {
            let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
            let found = parse_pattern(&format!("[user-account:account_login = '{quoted}']"));
            let expected = Indicator::new(IndicatorKind::User, &name);
            prop_assert_eq!(found.ok().and_then(|it| it.into_iter().next()), expected);
        }
    }
}
