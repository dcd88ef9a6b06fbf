//! Finds the log files under a folder.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, DirEntry},
    io,
    path::Path,
    sync::Arc,
};

use crate::{
    file::{FoundFile, Stamp},
    file_path::FilePath,
};

/// Holds JSON that is not ours to read: somebody's lake, perhaps the one that is written to.
const DELTA_LOG: &str = "_delta_log";
const LOG_SUFFIXES: [&str; 5] = [".json", ".gz", ".ndjson", ".jsonl", ".log"];

/// What lies under a folder.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Log files, and whatever could not be looked at, in order.
    pub(crate) files: Vec<FoundFile>,
    /// Files whose name is not that of a log.
    pub(crate) other_files: u64,
}

/// What lies under a name in a folder.
struct Entry {
    path: FilePath,
    kind: Kind,
}

enum Kind {
    Folder,
    Log(Stamp),
    Other,
}

/// Looks through a folder and all below it, by name. Hidden entries and the logs of Delta tables
/// are passed over; links are followed, each folder once, so that a loop of links ends.
///
/// Fails only where the folder itself cannot be read. A folder below that cannot is found as if it
/// were a file, for the reader to report.
pub(crate) fn walk(root: &Path) -> io::Result<Walk> {
    let mut walk = Walk::default();
    let mut visited = BTreeSet::from([fs::canonicalize(root)?]);
    let mut open = entries(root)?;
    while let Some(Entry { path, kind }) = open.pop() {
        match kind {
            Kind::Folder => {
                let folder = path.path();
                let is_new = fs::canonicalize(&folder).is_ok_and(|real| visited.insert(real));
                match entries(&folder) {
                    Ok(below) if is_new => open.extend(below),
                    Ok(_) => {}
                    Err(_) => walk.files.push(FoundFile { path, stamp: Stamp::default() }),
                }
            }
            Kind::Log(stamp) => walk.files.push(FoundFile { path, stamp }),
            Kind::Other => walk.other_files = walk.other_files.saturating_add(1),
        }
    }
    Ok(walk)
}

/// Returns what lies in a folder, last name first, to be taken from the end.
fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let shared: Arc<Path> = folder.into();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(b".") && name != DELTA_LOG {
            found.push(Entry { path: FilePath::within(&shared, &name), kind: kind(&entry, &name) });
        }
    }
    found.sort_unstable_by(|one, other| other.path.name().cmp(one.path.name()));
    Ok(found)
}

/// Looks at an entry no closer than it must: a folder of a year has half a million.
fn kind(entry: &DirEntry, name: &OsStr) -> Kind {
    let is_log = is_log_name(name);
    let metadata = match entry.file_type() {
        Ok(kind) if kind.is_dir() => return Kind::Folder,
        Ok(kind) if kind.is_file() && !is_log => return Kind::Other,
        Ok(kind) if kind.is_symlink() => fs::metadata(entry.path()),
        // By its name within the folder, which is open.
        Ok(_) | Err(_) => entry.metadata(),
    };
    match metadata {
        Ok(metadata) if metadata.is_dir() => Kind::Folder,
        Ok(metadata) if metadata.is_file() && is_log => {
            Kind::Log(Stamp { bytes: metadata.len(), modified: metadata.modified().ok() })
        }
        Err(_) if is_log => Kind::Log(Stamp::default()),
        Ok(_) | Err(_) => Kind::Other,
    }
}

fn is_log_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    LOG_SUFFIXES.iter().any(|suffix| {
        let start = name.len().saturating_sub(suffix.len());
        name.len() > suffix.len()
            && name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_known_by_their_suffix() {
        for name in ["a.json", "a.json.gz", "A.GZ", "a.ndjson", "a.jsonl", "a.log", "a.log.gz"] {
            assert!(is_log_name(OsStr::new(name)), "{name}");
        }
        for name in ["json", "README.md", "a.json.md5", "a.csv", "gz", ""] {
            assert!(!is_log_name(OsStr::new(name)), "{name}");
        }
    }
}
