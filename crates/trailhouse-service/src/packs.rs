//! Finds detection packs: the built-in one, or a folder.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use include_dir::{Dir, include_dir};
use trailhouse_detect::{Pack, PackErrors};

use crate::error::{FailureKind, ServiceError};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../queries/aws-core");

/// A pack's folder may hold this many files; more is a mistake in the path.
const PACK_FILES_MAX: usize = 20_000;

/// Where a pack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackPlace {
    /// In the program.
    BuiltIn,
    /// In a folder.
    Folder(PathBuf),
}

/// The name that stands for the built-in pack.
const BUILT_IN_NAME: &str = "builtin";

impl PackPlace {
    /// Reads the places that a command line names; none names the built-in pack.
    pub fn all(given: &[PathBuf]) -> Vec<Self> {
        let place = |path: &PathBuf| {
            if path.as_os_str() == BUILT_IN_NAME {
                Self::BuiltIn
            } else {
                Self::Folder(path.clone())
            }
        };
        if given.is_empty() { vec![Self::BuiltIn] } else { given.iter().map(place).collect() }
    }

    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::BuiltIn => None,
            Self::Folder(folder) => Some(folder),
        }
    }

    /// Returns where a file of the pack is, as messages name it.
    pub fn path_of(&self, file: &str) -> String {
        match self {
            Self::BuiltIn => file.to_owned(),
            Self::Folder(folder) => {
                let folder = slashed(folder);
                format!("{}/{file}", folder.trim_end_matches('/'))
            }
        }
    }
}

/// A pack with the texts of its files.
#[derive(Debug)]
pub(crate) struct PackSource {
    pub(crate) place: PackPlace,
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) pack: Result<Pack, PackErrors>,
}

/// Reads packs with every mistake in them.
pub(crate) fn read_packs(places: &[PackPlace]) -> Result<Vec<PackSource>, ServiceError> {
    let mut sources = Vec::with_capacity(places.len());
    for place in places {
        let files = read_files(place.folder())?;
        let texts = files.iter().filter_map(|(path, contents)| {
            Some((path.clone(), String::from_utf8(contents.clone()).ok()?))
        });
        let texts = texts.collect();
        sources.push(PackSource { place: place.clone(), texts, pack: Pack::from_files(files) });
    }
    Ok(sources)
}

/// Loads packs; see [`load_pack`].
pub fn load_packs(places: &[PackPlace]) -> Result<Vec<Pack>, ServiceError> {
    places.iter().map(|place| load_pack(place.folder())).collect()
}

/// Loads the pack in a folder, or the built-in one.
///
/// A pack with a broken detection is an error that names every broken one: running the rest
/// silently would leave a hole in the watch.
pub fn load_pack(folder: Option<&Path>) -> Result<Pack, ServiceError> {
    read_pack(folder)?.map_err(|broken| {
        let rendered: Vec<&str> =
            broken.errors.iter().map(|error| error.rendered.as_str()).collect();
        ServiceError::new(FailureKind::Configuration, rendered.join("\n"))
            .with_hint("mend the detection; `trailhouse detect lint` checks the whole pack")
    })
}

/// Reads the pack in a folder, or the built-in one, with every mistake in it.
pub fn read_pack(folder: Option<&Path>) -> Result<Result<Pack, PackErrors>, ServiceError> {
    Ok(Pack::from_files(read_files(folder)?))
}

fn read_files(folder: Option<&Path>) -> Result<Vec<(String, Vec<u8>)>, ServiceError> {
    match folder {
        Some(folder) => read_folder(folder),
        None => Ok(built_in_files(&BUILT_IN)),
    }
}

fn built_in_files(folder: &Dir<'_>) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for file in folder.files() {
        files.push((slashed(file.path()), file.contents().to_vec()));
    }
    for inner in folder.dirs() {
        files.extend(built_in_files(inner));
    }
    files
}

fn read_folder(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, ServiceError> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(current) = open.pop() {
        let entries = fs::read_dir(&current).map_err(|error| unreadable(&current, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&current, &error))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
            if kind.is_dir() && !is_hidden(&path) {
                open.push(path);
            } else if kind.is_file() && is_pack_file(&path) {
                let contents = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
                files.push((slashed(path.strip_prefix(folder).unwrap_or(&path)), contents));
            }
        }
        if files.len() > PACK_FILES_MAX {
            let message = format!("`{}` holds more than {PACK_FILES_MAX} files", folder.display());
            return Err(ServiceError::new(FailureKind::Limit, message)
                .with_hint("name the folder of one pack: the one with pack.toml"));
        }
    }
    Ok(files)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_pack_file(path: &Path) -> bool {
    let known = ["sql", "md", "json", "toml"];
    path.extension().is_some_and(|extension| known.iter().any(|known| extension == *known))
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    // The root is a component of its own.
    parts.join("/").replacen("//", "/", 1)
}

fn unreadable(path: &Path, error: &io::Error) -> ServiceError {
    let message = format!("failed to read pack folder `{}`: {error}", path.display());
    ServiceError::new(FailureKind::Configuration, message)
}
