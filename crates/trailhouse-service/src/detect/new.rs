//! New detections, from skeletons.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use trailhouse_detect::{
    DetectionId,
    author::{
        schema::front_matter_toml,
        skeleton::{PackFile, SkeletonKind, new_manifest},
    },
};

use crate::{
    error::{FailureKind, ServiceError},
    packs::{PackPlace, read_packs},
};

/// Writes the files of a new detection into the pack in a folder, and a manifest where the folder
/// has none. Returns what was written. Nothing is written where one of the three files exists.
pub fn new_detection(
    folder: &Path,
    id: &DetectionId,
    kind: SkeletonKind,
) -> Result<Vec<PathBuf>, ServiceError> {
    let files = kind.files(id);
    for file in &files {
        let path = folder.join(&file.path);
        if path.exists() {
            let message = format!("`{}` exists already", path.display());
            return Err(ServiceError::new(FailureKind::Usage, message)
                .with_hint("choose another id; nothing was written"));
        }
    }
    let name = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let manifest = new_manifest(&name);
    let has_manifest = folder.join(&manifest.path).exists();
    let mut written = Vec::new();
    for file in (!has_manifest).then_some(&manifest).into_iter().chain(&files) {
        written.push(write_new(folder, file)?);
    }
    Ok(written)
}

/// Writes a file that must not be there yet.
fn write_new(folder: &Path, file: &PackFile) -> Result<PathBuf, ServiceError> {
    let path = folder.join(&file.path);
    let write = || -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::File::create_new(&path)?.write_all(file.text.as_bytes())
    };
    write().map_err(|error| {
        let message = format!("failed to write `{}`: {error}", path.display());
        ServiceError::new(FailureKind::Usage, message)
    })?;
    Ok(path)
}

/// Returns the front matter of the first detection with this id as TOML.
pub fn front_matter_of(places: &[PackPlace], id: &str) -> Result<String, ServiceError> {
    for source in read_packs(places)? {
        let Ok(pack) = &source.pack else { continue };
        let Some(entry) = pack.find(id) else { continue };
        let text = source.texts.get(&entry.path).map(String::as_str).unwrap_or_default();
        return front_matter_toml(&entry.path, text)
            .map_err(|error| ServiceError::new(FailureKind::Configuration, error.to_string()));
    }
    Err(ServiceError::new(FailureKind::Usage, format!("no detection `{id}`")))
}
