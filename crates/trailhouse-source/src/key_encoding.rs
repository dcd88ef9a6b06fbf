//! The two ways in which a message can write a key.

use percent_encoding::percent_decode_str;
use trailhouse_model::ObjectKey;

/// How the shape of a message encodes keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyEncoding {
    /// As HTML forms are: `+` is a space, `%2B` a plus. S3's own notices.
    Form,
    /// As the key is. EventBridge and CloudTrail's own notice.
    Plain,
}

/// Both readings of a key: the one its shape asks for, and the other one where it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyReadings {
    pub(crate) key: ObjectKey,
    pub(crate) alternative: Option<ObjectKey>,
}

/// Reads a key as the encoding asks for.
pub(crate) fn read_key(written: &str, encoding: KeyEncoding) -> KeyReadings {
    let decoded = form_decoded(written);
    let (first, second) = match encoding {
        KeyEncoding::Form => (decoded.as_str(), written),
        KeyEncoding::Plain => (written, decoded.as_str()),
    };
    let alternative = (first != second).then(|| ObjectKey::new(second));
    KeyReadings { key: ObjectKey::new(first), alternative }
}

/// Undoes form encoding. What does not decode to UTF-8 cannot be an encoded key, so it stays as
/// it is written.
fn form_decoded(written: &str) -> String {
    let spaced = written.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => decoded.into_owned(),
        Err(_) => written.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &str, encoding: KeyEncoding, key: &str, alternative: Option<&str>) {
        let readings = read_key(written, encoding);
        assert_eq!(readings.key.as_str(), key, "{written}");
        assert_eq!(readings.alternative.as_ref().map(ObjectKey::as_str), alternative, "{written}");
    }

    #[test]
    fn form_encoding_is_undone_and_the_written_key_kept_as_alternative() {
        check("a/b.json.gz", KeyEncoding::Form, "a/b.json.gz", None);
        check("im+%2B+age", KeyEncoding::Form, "im + age", Some("im+%2B+age"));
        check("%C3%A9/%E6%97%A5", KeyEncoding::Form, "\u{e9}/\u{65e5}", Some("%C3%A9/%E6%97%A5"));
    }

    #[test]
    fn plain_keys_stay_and_the_decoded_one_is_the_alternative() {
        check("video+data.mp4", KeyEncoding::Plain, "video+data.mp4", Some("video data.mp4"));
        check("100%25", KeyEncoding::Plain, "100%25", Some("100%"));
        check("plain", KeyEncoding::Plain, "plain", None);
    }

    #[test]
    fn broken_escapes_are_text() {
        check("50%/x", KeyEncoding::Form, "50%/x", None);
        check("%zz", KeyEncoding::Form, "%zz", None);
        check("%FF+x", KeyEncoding::Form, "%FF+x", None);
    }
}
