//! Which rules something is said about.

use std::fmt;

use crate::definition::{Detection, DetectionId};

/// One rule by its id, or several by a glob over ids or by a tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleSelector {
    /// The rule of this id.
    Id(DetectionId),
    /// The rules whose ids fit: `*` stands for any characters, none included.
    Glob(String),
    /// The rules that have this tag.
    Tag(String),
}

impl RuleSelector {
    /// Reads an id, a glob like `aws.iam.*`, or `tag:iam`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const HELP: &str = "use the id of a rule, a glob like `aws.iam.*`, or `tag:iam`";
        if let Some(tag) = text.strip_prefix("tag:") {
            return if tag.is_empty() { Err(HELP) } else { Ok(Self::Tag(tag.to_owned())) };
        }
        if let Some(id) = DetectionId::parse(text) {
            return Ok(Self::Id(id));
        }
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-*".contains(&b);
        let is_glob = text.contains('*') && text.len() <= 128 && text.bytes().all(fits);
        if is_glob { Ok(Self::Glob(text.to_owned())) } else { Err(HELP) }
    }

    /// Says whether the rule is meant.
    pub fn matches(&self, detection: &Detection) -> bool {
        self.matches_named(detection.id.as_str(), &detection.tags)
    }

    /// Says whether the rule of this id and these tags is meant.
    pub fn matches_named(&self, id: &str, tags: &[String]) -> bool {
        match self {
            Self::Id(own) => own.as_str() == id,
            Self::Glob(glob) => glob_fits(glob, id),
            Self::Tag(tag) => tags.contains(tag),
        }
    }
}

impl fmt::Display for RuleSelector {
    /// Writes the text that [`RuleSelector::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Glob(glob) => f.pad(glob),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
        }
    }
}

/// Takes the earliest place for each part between two stars: what is left for the others is
/// then the longest.
fn glob_fits(glob: &str, text: &str) -> bool {
    let Some((head, rest)) = glob.split_once('*') else {
        return glob == text;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = text.strip_prefix(head).and_then(|left| left.strip_suffix(tail)) else {
        return false;
    };
    for part in middle.split('*') {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (glob, text, expected) in [
            ("*", "aws.iam.key", true),
            ("aws.*", "aws.iam.key", true),
            ("aws.*", "aws.", true),
            ("*.key", "aws.iam.key", true),
            ("aws.*.key", "aws.iam.key", true),
            ("aws.*.key", "aws.key", false),
            ("*iam*", "aws.iam.key", true),
            ("*iam*key*iam*", "aws.iam.key", false),
            ("a*a", "a", false),
            ("gcp.*", "aws.iam.key", false),
        ] {
            assert_eq!(glob_fits(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn a_selector_is_an_id_a_glob_or_a_tag() {
        for text in ["aws.iam.key-burst", "aws.*", "*", "tag:iam"] {
            assert_eq!(RuleSelector::parse(text).map(|it| it.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "AWS.*", "a b", "tag:", "aws..x", "aws.?"] {
            assert!(RuleSelector::parse(text).is_err(), "{text}");
        }
    }

    /// Tries every way to give the stars their characters.
    fn fits_slowly(glob: &[u8], text: &[u8]) -> bool {
        match glob {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|from| fits_slowly(rest, &text[from..])),
            [first, rest @ ..] => text.first() == Some(first) && fits_slowly(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn globs_fit_as_by_trying_everything(glob in "[ab*]{0,8}", text in "[ab]{0,8}") {
            let expected = fits_slowly(glob.as_bytes(), text.as_bytes());
            prop_assert_eq!(glob_fits(&glob, &text), expected);
        }
    }
}
