//! Paths as object keys and back, without loss.
//!
//! A path in UTF-8 is its own key. One that is not is written as `bytes:` and the path with every
//! byte outside printable ASCII, and the percent sign, percent-encoded. Absolute paths never begin
//! with `bytes:`, so the two forms cannot be mistaken for each other.

use std::path::{Path, PathBuf};

#[cfg(unix)]
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use trailhouse_model::ObjectKey;

const BYTES_PREFIX: &str = "bytes:";
#[cfg(unix)]
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// Returns the key that stands for an absolute path.
pub fn key_of_path(path: &Path) -> ObjectKey {
    match path.to_str() {
        Some(text) => ObjectKey::new(text),
        None => ObjectKey::new(format!("{BYTES_PREFIX}{}", escape(path))),
    }
}

/// Returns the path that a key stands for.
pub fn path_of_key(key: &ObjectKey) -> PathBuf {
    match key.as_str().strip_prefix(BYTES_PREFIX) {
        Some(escaped) => unescape(escaped),
        None => PathBuf::from(key.as_str()),
    }
}

#[cfg(unix)]
fn escape(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    percent_encode(path.as_os_str().as_bytes(), ESCAPED).to_string()
}

#[cfg(unix)]
fn unescape(escaped: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes: Vec<u8> = percent_decode_str(escaped).collect();
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn escape(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn unescape(escaped: &str) -> PathBuf {
    PathBuf::from(escaped)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    fn check(path: &[u8], key: &str) {
        let path = Path::new(OsStr::from_bytes(path));
        assert_eq!(key_of_path(path).as_str(), key);
        assert_eq!(path_of_key(&ObjectKey::new(key)), path);
    }

    #[test]
    fn every_path_comes_back() {
        check(b"/logs/a b%20.json", "/logs/a b%20.json");
        check("/logs/\u{e9}.json".as_bytes(), "/logs/\u{e9}.json");
        check(b"/logs/\xe9%\n.json", "bytes:/logs/%E9%25%0A.json");
    }
}
