//! Paths of very many files.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A path whose folder is kept once for all files in it: there may be millions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FilePath {
    folder: Arc<Path>,
    name: Box<OsStr>,
}

impl FilePath {
    pub(crate) fn within(folder: &Arc<Path>, name: &OsStr) -> Self {
        Self { folder: Arc::clone(folder), name: name.into() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(self.name())
    }

    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }
}

impl From<&Path> for FilePath {
    fn from(path: &Path) -> Self {
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => Self::within(&folder.into(), name),
            (Some(_) | None, _) => Self::within(&Path::new("").into(), path.as_os_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_what_it_was() {
        for path in ["/a/b/c.json", "c.json", "/", "a/..", "/c.json"] {
            assert_eq!(FilePath::from(Path::new(path)).path(), Path::new(path));
        }
    }

    #[test]
    fn the_same_path_is_the_same_however_it_was_made() {
        let folder: Arc<Path> = Path::new("/a/b").into();
        let within = FilePath::within(&folder, OsStr::new("c.json"));
        assert_eq!(within, FilePath::from(Path::new("/a/b/c.json")));
    }
}
