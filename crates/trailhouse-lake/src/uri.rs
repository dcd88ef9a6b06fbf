//! Where a lake lies.

use std::path::{Component, Path, PathBuf};

use url::Url;

use crate::error::LakeError;

/// Reads a local path or a `file://` URL as the URL of a folder.
pub(crate) fn parse_lake_uri(uri: &str) -> Result<Url, LakeError> {
    let path = match uri.split_once("://") {
        Some(("file", _)) => Url::parse(uri)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .ok_or_else(|| refuse(uri, "a file:// URL names an absolute path on this machine"))?,
        Some(("s3" | "s3a", _)) => {
            return Err(refuse(uri, "a lake on S3 is not supported yet; use a local path"));
        }
        Some(_) => return Err(refuse(uri, "use a local path or a file:// URL")),
        None if uri.is_empty() => return Err(refuse(uri, "the path is empty")),
        None => std::path::absolute(uri).map_err(|_| refuse(uri, "the path is not usable"))?,
    };
    // The Delta library decodes such a path once too often and looks in another folder.
    if path.to_string_lossy().contains('%') {
        return Err(refuse(uri, "a percent sign in the path is not supported"));
    }
    Url::from_directory_path(without_dots(&path))
        .map_err(|()| refuse(uri, "the path is not usable"))
}

fn refuse(uri: &str, reason: &'static str) -> LakeError {
    LakeError::UnsupportedUri { uri: uri.to_owned(), reason }
}

/// Resolves `.` and `..` by the text alone: object stores have no such names.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                clean.push(component);
            }
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, expected: Option<&str>) {
        let url = parse_lake_uri(uri).ok().map(|url| url.to_string());
        assert_eq!(url.as_deref(), expected, "{uri}");
    }

    #[test]
    fn paths_and_file_urls_name_folders() {
        check("/data/lake", Some("file:///data/lake/"));
        check("/data/lake/", Some("file:///data/lake/"));
        check("/data/./x/../my lake", Some("file:///data/my%20lake/"));
        check("file:///data/my%20lake", Some("file:///data/my%20lake/"));
    }

    #[test]
    fn other_places_are_refused() {
        check("", None);
        check("s3://bucket/lake", None);
        check("gs://bucket/lake", None);
        check("file://host/lake", None);
        check("/data/100%/lake", None);
        check("file:///data/100%25/lake", None);
    }
}
