//! Records that could not become rows.

use std::fmt;

/// Why a record could not become a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The text is not JSON.
    Syntax,
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// An escape names half of a surrogate pair or no code point at all.
    InvalidUnicodeEscape,
    /// The record is larger than the limit.
    TooLarge {
        /// The limit in bytes.
        limit_bytes: u32,
    },
    /// Objects and arrays nest deeper than the limit.
    TooDeep {
        /// The limit.
        limit: u16,
    },
    /// JSON, but not an object.
    NotAnObject,
    /// The wrapper of a log object holds something else than an array of records.
    RecordsNotAnArray,
    /// The wrapper around the record has no record in it.
    NoRecord,
    /// The message in the wrapper is text of another kind.
    NotJson,
}

impl RejectReason {
    /// Returns the word that stands for the reason in counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidUnicodeEscape => "invalid_unicode_escape",
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep { .. } => "too_deep",
            Self::NotAnObject => "not_an_object",
            Self::RecordsNotAnArray => "records_not_an_array",
            Self::NoRecord => "no_record",
            Self::NotJson => "not_json",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("record is not valid JSON"),
            Self::InvalidUtf8 => f.write_str("record is not valid UTF-8"),
            Self::InvalidUnicodeEscape => {
                f.write_str("record has an escape that is no Unicode character")
            }
            Self::TooLarge { limit_bytes } => {
                write!(f, "record is larger than {limit_bytes} bytes")
            }
            Self::TooDeep { limit } => write!(f, "record nests deeper than {limit} levels"),
            Self::NotAnObject => f.write_str("record is not a JSON object"),
            Self::RecordsNotAnArray => f.write_str("`Records` is not an array"),
            Self::NoRecord => f.write_str("wrapper holds no record"),
            Self::NotJson => f.write_str("message is not a JSON object"),
        }
    }
}

/// One record that could not become a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Its index among the records of the object, counted from 0.
    pub record_index: u32,
    /// What is wrong with it.
    pub reason: RejectReason,
    /// Its first bytes, at most [`RejectedRecord::PREFIX_BYTES_MAX`]; none once the rejects of
    /// the object together hold [`RejectedRecord::PREFIXES_BYTES_MAX`].
    pub raw_prefix: Box<[u8]>,
}

impl RejectedRecord {
    /// The longest prefix of one record.
    pub const PREFIX_BYTES_MAX: usize = 4 * 1024;
    /// What the prefixes of all rejects of one object may hold together, so that an object of
    /// nothing but bad records is not held in memory twice.
    pub const PREFIXES_BYTES_MAX: usize = 16 * 1024 * 1024;
}
