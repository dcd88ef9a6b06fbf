//! The site folder: what one site says about rules, and to whom alerts go.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use trailhouse_detect::{
    DetectionError, DetectionErrors, SiteRules,
    alerts::{AlertsConfig, parse_alerts},
};

use crate::error::{FailureKind, ServiceError};

/// The file that says to whom alerts go.
pub(crate) const ALERTS_FILE: &str = "alerts.toml";
/// The folders whose files are about rules.
const RULE_FOLDERS: [&str; 2] = ["exceptions", "overlays"];
/// A site file is written by people.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The folder of a site, if there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteFolder {
    root: Option<PathBuf>,
}

impl SiteFolder {
    /// Takes a folder; without one the site says nothing.
    pub fn new(root: Option<PathBuf>) -> Self {
        Self { root }
    }

    /// Returns the folder.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Reads exceptions, silences and overlays.
    pub fn rules(&self) -> Result<SiteRules, ServiceError> {
        SiteRules::from_files(self.rule_files()?).map_err(|broken| mistakes(&broken.errors))
    }

    /// Reads `alerts.toml`; `None` where the site has none.
    pub fn alerts(&self) -> Result<Option<AlertsConfig>, ServiceError> {
        let Some(text) = self.alerts_file()? else { return Ok(None) };
        read_alerts(&text).map(Some).map_err(|errors| mistakes(&errors))
    }

    /// Reads the files about rules: their paths in the folder, and what they hold.
    pub(crate) fn rule_files(&self) -> Result<Vec<(String, Vec<u8>)>, ServiceError> {
        let Some(root) = &self.root else { return Ok(Vec::new()) };
        if !root.is_dir() {
            let message = format!("`{}` is no folder", root.display());
            return Err(ServiceError::new(FailureKind::Configuration, message).with_hint(
                "--context takes the folder with exceptions/, overlays/ and alerts.toml",
            ));
        }
        let mut files = Vec::new();
        for folder in RULE_FOLDERS {
            read_folder(&root.join(folder), folder, &mut files)?;
        }
        Ok(files)
    }

    /// Reads the text of `alerts.toml`; `None` where the site has none.
    pub(crate) fn alerts_file(&self) -> Result<Option<String>, ServiceError> {
        let Some(root) = &self.root else { return Ok(None) };
        let path = root.join(ALERTS_FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = String::from_utf8(read_file(&path)?).map_err(|_| {
            let message = format!("`{}` is not UTF-8", path.display());
            ServiceError::new(FailureKind::Configuration, message)
        })?;
        Ok(Some(text))
    }
}

/// Reads `alerts.toml`, or tells every mistake in it.
pub(crate) fn read_alerts(text: &str) -> Result<AlertsConfig, Vec<DetectionError>> {
    parse_alerts(ALERTS_FILE, text).map_err(|broken: DetectionErrors| broken.into_iter().collect())
}

fn mistakes(errors: &[DetectionError]) -> ServiceError {
    let rendered: Vec<&str> = errors.iter().map(|error| error.rendered.as_str()).collect();
    ServiceError::new(FailureKind::Configuration, rendered.join("\n"))
}

fn read_folder(
    folder: &Path,
    name: &str,
    files: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), ServiceError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let Some(file) = path.file_name().and_then(|file| file.to_str()) else { continue };
        if file.ends_with(".toml") && !file.starts_with('.') {
            files.push((format!("{name}/{file}"), read_file(&path)?));
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Vec<u8>, ServiceError> {
    let size = fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if size > FILE_BYTES_MAX {
        let message = format!("`{}` has more than {FILE_BYTES_MAX} bytes", path.display());
        return Err(ServiceError::new(FailureKind::Limit, message));
    }
    fs::read(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> ServiceError {
    let message = format!("failed to read `{}`: {error}", path.display());
    ServiceError::new(FailureKind::Configuration, message)
}
