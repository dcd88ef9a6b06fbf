//! Reads the files of a site folder.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use trailhouse_detect::context::{
    ContextError, ContextProblem as Problem, FileFormat, Site, SiteTable, TEXT_BYTES_MAX,
};

use super::{
    ContextErrors,
    geo::GeoDatabases,
    parquet_file::{read_parquet, text_table},
    tables::{Lookup, Lookups},
};

/// The most files of one folder.
const FILES_MAX: usize = 1_000;
/// The largest database of addresses, and the largest Parquet file.
const BINARY_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Where a site keeps its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteFolders {
    /// The site folder; nothing where there is none.
    pub site: Option<PathBuf>,
    /// Folders of packs, of which the folder `lookups` is read. What the site has under the same
    /// name stands in place of it; of two packs, what the first has.
    pub packs: Vec<PathBuf>,
}

/// What was read.
pub(super) struct Loaded {
    pub(super) site: Site,
    pub(super) lookups: Lookups,
    pub(super) geo: GeoDatabases,
}

/// Reads everything, and reports all files that cannot be used together.
pub(super) fn load(folders: &SiteFolders) -> Result<Loaded, ContextErrors> {
    let mut reading = Reading::default();
    if let Some(site) = &folders.site {
        match fs::metadata(site) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => reading.fail(site, Problem::Stranger { expected: "a folder" }),
            Err(error) => reading.fail(site, unreadable(&error)),
        }
        for folder in ["", "lookups", "intel"] {
            reading.read_tables(site, folder);
        }
        reading.read_geo(&site.join("geo"));
    }
    for pack in &folders.packs {
        let mut of_pack = Reading::default();
        of_pack.read_tables(pack, "lookups");
        reading.errors.append(&mut of_pack.errors);
        for (name, table) in of_pack.site.lookups {
            if !reading.has_lookup(&name) {
                reading.site.lookups.insert(name, table);
            }
        }
        for (name, table) in of_pack.lookups {
            if !reading.has_lookup(&name) {
                reading.add_lookup(name, table);
            }
        }
    }
    if reading.errors.is_empty() {
        Ok(Loaded { site: reading.site, lookups: reading.lookups, geo: reading.geo })
    } else {
        Err(ContextErrors(reading.errors))
    }
}

#[derive(Default)]
struct Reading {
    site: Site,
    lookups: Lookups,
    geo: GeoDatabases,
    errors: Vec<ContextError>,
}

impl Reading {
    fn fail(&mut self, path: &Path, problem: Problem) {
        self.errors.push(problem.at(&path.display().to_string(), None));
    }

    fn has_lookup(&self, name: &str) -> bool {
        self.site.lookups.contains_key(name) || self.lookups.contains_key(name)
    }

    fn add_lookup(&mut self, name: String, table: Lookup) {
        if table.has_rows() {
            self.site.typed_lookups.insert(name.clone());
        }
        self.lookups.insert(name, table);
    }

    /// Reads the files of one folder of a site in the order of their names.
    fn read_tables(&mut self, root: &Path, folder: &str) {
        let files = match files_in(&root.join(folder)) {
            Ok(files) => files,
            Err(problem) => return self.fail(&root.join(folder), problem),
        };
        for (name, path) in files {
            let relative = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let origin = path.display().to_string();
            let read = match SiteTable::of_file(&relative) {
                Ok(None) => continue,
                Ok(Some((table, FileFormat::Parquet))) => self.read_binary(&path, &origin, table),
                Ok(Some((table, format))) => read_text(&path, &origin)
                    .and_then(|text| self.site.add_text(&origin, table, format, &text))
                    .and_then(|()| self.refuse_twice(&origin)),
                Err(problem) => Err(problem.at(&origin, None)),
            };
            self.errors.extend(read.err());
        }
    }

    fn read_binary(
        &mut self,
        path: &Path,
        origin: &str,
        table: SiteTable,
    ) -> Result<(), ContextError> {
        let file = open(path, BINARY_BYTES_MAX).map_err(|problem| problem.at(origin, None))?;
        let rows = read_parquet(file).map_err(|problem| problem.at(origin, None))?;
        match table {
            SiteTable::Lookup(name) => {
                self.add_lookup(name, rows);
                self.refuse_twice(origin)
            }
            SiteTable::Accounts
            | SiteTable::Assets
            | SiteTable::Honeytokens
            | SiteTable::Intel(_) => self.site.add_table(origin, table, text_table(origin, &rows)?),
        }
    }

    /// A lookup is text or typed, not both.
    fn refuse_twice(&self, origin: &str) -> Result<(), ContextError> {
        match self.lookups.keys().find(|name| self.site.lookups.contains_key(*name)) {
            Some(name) => {
                Err(Problem::TableTwice { table: format!("lookup.{name}") }.at(origin, None))
            }
            None => Ok(()),
        }
    }

    fn read_geo(&mut self, folder: &Path) {
        let files = match files_in(folder) {
            Ok(files) => files,
            Err(problem) => return self.fail(folder, problem),
        };
        for (name, path) in files {
            if !name.ends_with(".mmdb") {
                continue;
            }
            let read = read_bytes(&path, BINARY_BYTES_MAX)
                .and_then(|bytes| self.geo.add(&path.display().to_string(), bytes));
            if let Err(problem) = read {
                self.fail(&path, problem);
            }
        }
    }
}

/// Returns the files of a folder by name. Links are followed, as volumes of Kubernetes are made of
/// them; hidden files are not looked at. A folder that is not there has no files.
fn files_in(folder: &Path) -> Result<BTreeMap<String, PathBuf>, Problem> {
    let mut files = BTreeMap::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(unreadable(&error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(&error))?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if name.starts_with('.') {
            continue;
        }
        if fs::metadata(&path).map_err(|error| unreadable(&error))?.is_file() {
            files.insert(name, path);
        }
        if files.len() > FILES_MAX {
            return Err(Problem::TooManyFiles { files_max: FILES_MAX });
        }
    }
    Ok(files)
}

fn read_text(path: &Path, origin: &str) -> Result<String, ContextError> {
    let bytes = read_bytes(path, TEXT_BYTES_MAX).map_err(|problem| problem.at(origin, None))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let breaks = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        Problem::NotText.at(origin, u32::try_from(breaks).ok().map(|line| line.saturating_add(1)))
    })
}

/// Reads no more than it may, whatever the file system says of the size.
fn read_bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let file = open(path, bytes_max)?;
    let mut limited = file.take(bytes_max.saturating_add(1));
    limited.read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= bytes_max => Ok(bytes),
        Ok(_) | Err(_) => Err(Problem::TooLarge { bytes_max }),
    }
}

fn open(path: &Path, bytes_max: u64) -> Result<File, Problem> {
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let length = file.metadata().map_err(|error| unreadable(&error))?.len();
    if length > bytes_max { Err(Problem::TooLarge { bytes_max }) } else { Ok(file) }
}

fn unreadable(error: &io::Error) -> Problem {
    Problem::Unreadable { message: error.to_string() }
}
