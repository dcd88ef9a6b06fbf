//! Finds the log files under a folder.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use rayon::{Scope, ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::{
    file::{FoundFile, Stamp},
    file_path::FilePath,
};

/// Holds JSON that is not ours to read: somebody's lake, perhaps the one that is written to.
const DELTA_LOG: &str = "_delta_log";
/// Folders that are read at a time.
const FOLDERS_AT_ONCE: usize = 8;
const LOG_SUFFIXES: [&str; 5] = [".json", ".gz", ".ndjson", ".jsonl", ".log"];

static READERS: LazyLock<Result<ThreadPool, ThreadPoolBuildError>> = LazyLock::new(|| {
    let names = |number| format!("walk-{number}");
    ThreadPoolBuilder::new().num_threads(FOLDERS_AT_ONCE).thread_name(names).build()
});

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
    LinkToFolder,
    Log(Stamp),
    Other,
}

/// Folders that were read, each with what lies in it: last name first, to be taken from the end.
type Folders = HashMap<PathBuf, io::Result<Vec<Entry>>>;

/// Looks through a folder and all below it, by name. Hidden entries and the logs of Delta tables
/// are passed over; links are followed, each folder once, under its own name where it has one here,
/// so that a loop of links ends.
///
/// Fails only where the folder itself cannot be read. A folder below that cannot is found as if it
/// were a file, for the reader to report.
pub(crate) fn walk(root: &Path) -> io::Result<Walk> {
    let readers = READERS.as_ref().map_err(|error| io::Error::other(error.to_string()))?;
    let mut walk = Walk::default();
    let mut visited = HashSet::new();
    let mut folders = Folders::new();
    read_new(readers, root, &mut visited, &mut folders)?;
    let mut open = folders.remove(root).unwrap_or_else(|| Ok(Vec::new()))?;
    while let Some(Entry { path, kind }) = open.pop() {
        let folder = match kind {
            Kind::Folder => path.path(),
            Kind::LinkToFolder => {
                let link = path.path();
                if read_new(readers, &link, &mut visited, &mut folders).is_err() {
                    walk.files.push(FoundFile { path, stamp: Stamp::default() });
                    continue;
                }
                link
            }
            Kind::Log(stamp) => {
                walk.files.push(FoundFile { path, stamp });
                continue;
            }
            Kind::Other => {
                walk.other_files = walk.other_files.saturating_add(1);
                continue;
            }
        };
        match folders.remove(&folder) {
            Some(Ok(below)) => open.extend(below),
            Some(Err(_)) => walk.files.push(FoundFile { path, stamp: Stamp::default() }),
            // It was come by another way.
            None => {}
        }
    }
    Ok(walk)
}

/// Reads a folder and all below it, links left aside, of which only what was not visited before.
fn read_new(
    readers: &ThreadPool,
    root: &Path,
    visited: &mut HashSet<PathBuf>,
    folders: &mut Folders,
) -> io::Result<()> {
    let real_root = fs::canonicalize(root)?;
    let real = |folder: &Path| real_root.join(folder.strip_prefix(root).unwrap_or(folder));
    let found = read_below(readers, root, |folder| !visited.contains(&real(folder)));
    visited.extend(found.keys().map(|folder| real(folder)));
    folders.extend(found);
    Ok(())
}

/// Reads what is new of a folder and all below it, some at a time: what a disk or a network drive is
/// asked alone for, it takes its time for.
fn read_below(readers: &ThreadPool, root: &Path, is_new: impl Fn(&Path) -> bool + Sync) -> Folders {
    let folders = Mutex::new(Folders::new());
    readers.scope(|scope| read_into(scope, root.to_owned(), &is_new, &folders));
    folders.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn read_into<'scope>(
    scope: &Scope<'scope>,
    folder: PathBuf,
    is_new: &'scope (impl Fn(&Path) -> bool + Sync),
    folders: &'scope Mutex<Folders>,
) {
    if !is_new(&folder) {
        return;
    }
    let entries = entries(&folder);
    for entry in entries.iter().flatten() {
        if matches!(entry.kind, Kind::Folder) {
            let below = entry.path.path();
            scope.spawn(move |scope| read_into(scope, below, is_new, folders));
        }
    }
    folders.lock().unwrap_or_else(PoisonError::into_inner).insert(folder, entries);
}

/// Returns what lies in a folder, last name first.
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

/// Looks at an entry no closer than it must: a year may have half a million.
fn kind(entry: &DirEntry, name: &OsStr) -> Kind {
    let is_log = is_log_name(name);
    let kind = entry.file_type().ok();
    let is_link = kind.is_some_and(|kind| kind.is_symlink());
    let metadata = match kind {
        Some(kind) if kind.is_dir() => return Kind::Folder,
        Some(kind) if kind.is_file() && !is_log => return Kind::Other,
        Some(_) if is_link => fs::metadata(entry.path()),
        // By its name within the folder, which is open.
        Some(_) | None => entry.metadata(),
    };
    match metadata {
        Ok(metadata) if metadata.is_dir() && is_link => Kind::LinkToFolder,
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
