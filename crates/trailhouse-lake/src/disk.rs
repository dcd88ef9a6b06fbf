//! Writing a file so that it survives a loss of power, and is never seen half written.
//!
//! The bytes go to a file under another name, which is synced; then the name is given to it, and
//! the folder that holds the name is synced. A crash leaves the whole file or none under the name.

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use object_store::PutPayload;
use uuid::Uuid;

/// Folders that are remembered as durable; beyond it they are synced again.
const FOLDERS_MAX: usize = 4_096;

/// Makes what was written durable. Stands apart so that tests can watch it and let it fail.
pub trait Syncs: Send + Sync + fmt::Debug {
    /// Makes the bytes of a file durable.
    fn sync_file(&self, file: &File, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The operating system's syncs.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsSyncs;

impl Syncs for OsSyncs {
    fn sync_file(&self, file: &File, _path: &Path) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// What to do where the name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenTaken {
    Replace,
    Refuse,
}

/// A file was not made durable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    /// The name is taken; nothing was changed.
    #[error("{} is there already", path.display())]
    Taken {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Nothing has the name.
    #[error("failed to {action} {}", path.display())]
    Failed {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file has its name, but a loss of power may take it away again.
    #[error("failed to sync folder {}", path.display())]
    NotDurable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A disk, with the folders that are known to be durable.
#[derive(Debug)]
pub(crate) struct Disk {
    syncs: Arc<dyn Syncs>,
    folders: Mutex<BTreeSet<PathBuf>>,
}

impl Disk {
    pub(crate) fn new(syncs: Arc<dyn Syncs>) -> Self {
        Self { syncs, folders: Mutex::default() }
    }

    /// Writes a whole file.
    pub(crate) fn write(
        &self,
        path: &Path,
        payload: &PutPayload,
        when_taken: WhenTaken,
    ) -> Result<(), DiskError> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        self.make_folder(folder)?;
        let staged = staged_path(path);
        let named = self.stage(&staged, payload).and_then(|()| name(&staged, path, when_taken));
        if named.is_err() || when_taken == WhenTaken::Refuse {
            // Readers skip such names, so one that is left costs its bytes only.
            let _left = fs::remove_file(&staged);
        }
        named?;
        self.sync_names(folder)
    }

    /// Makes a file durable that has its name already.
    pub(crate) fn sync_named(&self, path: &Path) -> Result<(), DiskError> {
        let file = File::open(path).map_err(failed("open", path))?;
        self.syncs.sync_file(&file, path).map_err(failed("sync", path))?;
        self.sync_names(path.parent().unwrap_or(Path::new("/")))
    }

    fn stage(&self, staged: &Path, payload: &PutPayload) -> Result<(), DiskError> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(staged)
            .map_err(failed("create", staged))?;
        for part in payload {
            file.write_all(part).map_err(failed("write", staged))?;
        }
        self.syncs.sync_file(&file, staged).map_err(failed("sync", staged))
    }

    /// Makes the folder and what is missing above it, and syncs their names. A folder that was
    /// there is synced once too: whoever made it may not have come to that.
    fn make_folder(&self, folder: &Path) -> Result<(), DiskError> {
        if self.known().contains(folder) {
            return Ok(());
        }
        let above = folder.parent().unwrap_or(folder);
        let was_made = match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && above != folder => {
                self.make_folder(above)?;
                is_made(fs::create_dir(folder))
            }
            made => is_made(made),
        };
        let was_made = was_made.map_err(failed("create", folder))?;
        match self.syncs.sync_folder(above) {
            // A folder above the lake that may be walked through but not be read.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !was_made => {}
            synced => synced.map_err(failed("sync folder", above))?,
        }
        let mut known = self.known();
        if known.len() >= FOLDERS_MAX {
            known.clear();
        }
        known.insert(folder.to_path_buf());
        Ok(())
    }

    fn sync_names(&self, folder: &Path) -> Result<(), DiskError> {
        self.syncs
            .sync_folder(folder)
            .map_err(|source| DiskError::NotDurable { path: folder.to_path_buf(), source })
    }

    /// The set is whole after every statement, so a panic elsewhere leaves nothing half done.
    fn known(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says whether the folder was made just now; it may have been there.
fn is_made(made: io::Result<()>) -> io::Result<bool> {
    match made {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_path_buf();
    move |source| DiskError::Failed { action, path, source }
}

/// Gives the file its name. A link, unlike a rename, is never made over a file that is there.
fn name(staged: &Path, path: &Path, when_taken: WhenTaken) -> Result<(), DiskError> {
    match when_taken {
        WhenTaken::Replace => fs::rename(staged, path).map_err(failed("rename", path)),
        WhenTaken::Refuse => fs::hard_link(staged, path).map_err(|source| {
            if source.kind() == io::ErrorKind::AlreadyExists {
                DiskError::Taken { path: path.to_path_buf(), source }
            } else {
                failed("link", path)(source)
            }
        }),
    }
}

/// A name that listings of the local store leave out: one that ends in a hash and digits.
fn staged_path(path: &Path) -> PathBuf {
    let mut staged = path.as_os_str().to_owned();
    staged.push(format!("#{}", Uuid::now_v7().as_u128()));
    PathBuf::from(staged)
}
