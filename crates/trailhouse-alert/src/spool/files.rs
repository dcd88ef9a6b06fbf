//! Files that are there as a whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

const UNFINISHED: &str = ".unfinished";

/// The file operations of a spool.
#[derive(Debug, Default)]
pub(super) struct Files {
    #[cfg(test)]
    pub(super) crash: super::tests::Crash,
}

impl Files {
    /// Makes a folder and those above it, and has them on the disk.
    pub(super) fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
        if let Some(above) = above {
            self.make_folder(above)?;
        }
        self.step()?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.sync_folder(above.unwrap_or(Path::new(".")))
    }

    /// Writes a file under another name, has it on the disk, then gives it its name.
    pub(super) fn write(&self, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = folder.join(format!(".{}-{name}{UNFINISHED}", std::process::id()));
        self.step()?;
        let mut file = File::create(&unfinished)?;
        let (start, end) = bytes.split_at(bytes.len() / 2);
        file.write_all(start)?;
        self.step()?;
        file.write_all(end)?;
        file.sync_all()?;
        self.step()?;
        fs::rename(&unfinished, folder.join(name))?;
        self.sync_folder(folder)
    }

    /// Reads a file; nothing where it is not there.
    pub(super) fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        found(fs::read(path))
    }

    /// Takes a file away; fine where it is gone already.
    pub(super) fn remove(&self, folder: &Path, path: &Path) -> io::Result<()> {
        self.step()?;
        match found(fs::remove_file(path))? {
            Some(()) => self.sync_folder(folder),
            None => Ok(()),
        }
    }

    /// Returns the names in a folder, without those of unfinished files; none where it is not
    /// there.
    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in found(fs::read_dir(folder))?.into_iter().flatten() {
            let name = entry?.file_name();
            names.extend(name.into_string().ok().filter(|name| !name.starts_with('.')));
        }
        names.sort();
        Ok(names)
    }

    /// Takes unfinished files away.
    pub(super) fn sweep(&self, folder: &Path) -> io::Result<()> {
        for entry in found(fs::read_dir(folder))?.into_iter().flatten() {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                self.remove(folder, &entry.path())?;
            }
        }
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        File::open(folder)?.sync_all()
    }

    #[cfg(test)]
    fn step(&self) -> io::Result<()> {
        self.crash.step()
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests crash here")]
    fn step(&self) -> io::Result<()> {
        Ok(())
    }
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
