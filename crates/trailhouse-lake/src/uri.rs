//! Where a lake lies.

use std::path::{Component, Path, PathBuf};

use object_store::path::Path as StorePath;

use url::Url;

use crate::error::LakeError;

/// The scheme of lakes in S3.
pub(crate) const S3: &str = "s3";

/// Reads a local path, a `file://` URL or `s3://bucket/prefix` as the URL of a folder.
pub(crate) fn parse_lake_uri(uri: &str) -> Result<Url, LakeError> {
    let path = match uri.split_once("://") {
        Some(("file", _)) => Url::parse(uri)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .ok_or_else(|| refuse(uri, "a file:// URL names an absolute path on this machine"))?,
        Some((S3, place)) => return parse_s3(uri, place),
        Some(("s3a" | "s3n", _)) => return Err(refuse(uri, "write s3://bucket/prefix")),
        Some(_) => return Err(refuse(uri, "use a local path or s3://bucket/prefix")),
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

/// Takes the prefix as it stands, as for keys of logs: nothing in it is decoded.
fn parse_s3(uri: &str, place: &str) -> Result<Url, LakeError> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let prefix = prefix.trim_end_matches('/');
    if prefix.contains('%') {
        return Err(refuse(uri, "a percent sign in the prefix is not supported"));
    }
    let usable = StorePath::parse(prefix).is_ok_and(|path| path.as_ref() == prefix)
        && !prefix.chars().any(char::is_control);
    if !usable {
        return Err(refuse(uri, "the prefix has an empty part, a dot part or a control character"));
    }
    let unusable = || refuse(uri, "the bucket has no usable name");
    let mut url = Url::parse(&format!("{S3}://{bucket}/")).map_err(|_| unusable())?;
    if url.host_str() != Some(bucket) || url.port().is_some() {
        return Err(unusable());
    }
    if !prefix.is_empty() {
        let mut segments = url.path_segments_mut().map_err(|()| unusable())?;
        segments.clear().extend(prefix.split('/')).push("");
    }
    Ok(url)
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
    fn prefixes_in_s3_name_folders() {
        check("s3://bucket/lake", Some("s3://bucket/lake/"));
        check("s3://bucket", Some("s3://bucket/"));
        check("s3://my.bucket-1/a/b//", Some("s3://my.bucket-1/a/b/"));
        check("s3://bucket/a b/\u{e9}+#?=", Some("s3://bucket/a%20b/%C3%A9+%23%3F=/"));
    }

    #[test]
    fn other_places_in_s3_are_refused() {
        for uri in [
            "s3://",
            "s3:///lake",
            "s3://key@bucket/lake",
            "s3://bucket:80/lake",
            "s3://bu cket/lake",
            "s3://bucket/a//b",
            "s3://bucket/a/../b",
            "s3://bucket/a\nb",
            "s3://bucket/100%",
        ] {
            check(uri, None);
        }
    }

    #[test]
    fn other_places_are_refused() {
        check("", None);
        check("s3a://bucket/lake", None);
        check("gs://bucket/lake", None);
        check("file://host/lake", None);
        check("/data/100%/lake", None);
        check("file:///data/100%25/lake", None);
    }
}
