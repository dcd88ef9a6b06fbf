//! Packs: a manifest and the detections of its themes.
//!
//! ```text
//! aws-core/
//!   pack.toml
//!   logging/                      a theme
//!     trail_stopped.sql           the detection
//!     trail_stopped.md            its runbook
//!     trail_stopped.tests.json    its cases
//! ```
//!
//! A `README.md` may lie anywhere, and so may an `.sql` file without front matter: it is a query to
//! run by hand, and no rule.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cases::{Case, parse_cases},
    definition::{Detection, read_detection},
    diagnostic::{DetectionError, DetectionErrorCode as Code, DetectionErrors, without_place},
    front_matter,
    manifest::{PackManifest, parse_manifest},
};

/// The name of the manifest.
pub const MANIFEST_PATH: &str = "pack.toml";

/// The largest file of a pack that is read.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A detection with what lies beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct PackEntry {
    /// The path of the `.sql` file in the pack.
    pub path: String,
    /// The folder it lies in.
    pub theme: String,
    /// What the file says.
    pub detection: Detection,
    /// What to do about a finding, as Markdown; absent where there is no such file.
    pub runbook: Option<String>,
    /// What it must and must not find; absent where there is no such file.
    pub cases: Option<Vec<Case>>,
}

impl PackEntry {
    /// Returns the path of the runbook, whether or not it exists.
    pub fn runbook_path(&self) -> String {
        format!("{}{RUNBOOK}", stem_of(&self.path))
    }

    /// Returns the path of the cases, whether or not they exist.
    pub fn cases_path(&self) -> String {
        format!("{}{CASES}", stem_of(&self.path))
    }
}

/// A query without front matter: it is run by hand, its path is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackQuery {
    /// The path of the file in the pack.
    pub path: String,
    /// The SQL without white space around it and without a semicolon at its end.
    pub sql: String,
}

/// A pack as its files define it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    /// What it says about itself.
    pub manifest: PackManifest,
    /// Its detections, by path.
    pub entries: Vec<PackEntry>,
    /// Its queries, by path.
    pub queries: Vec<PackQuery>,
    /// Runbooks and cases whose detection is not there, by path.
    pub orphans: BTreeSet<String>,
    /// Files of no kind that a pack has, by path.
    pub strangers: BTreeSet<String>,
}

/// A pack cannot be used as it is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{} files of the pack cannot be read", self.broken_files())]
pub struct PackErrors {
    /// Every mistake, by file and line; at least one.
    pub errors: Vec<DetectionError>,
    /// What could be read, so that it can be looked at too; absent without a manifest.
    pub readable: Option<Box<Pack>>,
}

impl PackErrors {
    fn broken_files(&self) -> usize {
        self.errors.iter().map(|error| &error.origin).collect::<BTreeSet<_>>().len()
    }
}

const DETECTION: &str = ".sql";
const RUNBOOK: &str = ".md";
const CASES: &str = ".tests.json";
const README: &str = "README.md";

impl Pack {
    /// Reads a pack from its files: paths relative to the pack, with `/`, and their contents.
    /// All mistakes of all files are reported together.
    pub fn from_files(
        files: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<Self, PackErrors> {
        let mut errors = Vec::new();
        let mut texts = BTreeMap::new();
        let mut unreadable = BTreeSet::new();
        for (path, contents) in files {
            match text_of(&path, contents) {
                Ok(text) => {
                    texts.insert(path, text);
                }
                Err(error) => {
                    errors.push(error);
                    unreadable.insert(path);
                }
            }
        }
        let manifest = read_manifest(&texts, &unreadable, &mut errors);
        let (mut entries, mut queries) = (Vec::new(), Vec::new());
        for (path, text) in texts.iter().filter(|(path, _)| path.ends_with(DETECTION)) {
            if is_query(path, text, &texts) {
                let sql = front_matter::trimmed_sql(text).to_owned();
                queries.push(PackQuery { path: path.clone(), sql });
            } else {
                entries.extend(read_entry(path, &texts, &mut errors));
            }
        }
        let (orphans, strangers) = sort_rest(&texts, &unreadable);
        let pack = manifest.map(|manifest| Self { manifest, entries, queries, orphans, strangers });
        errors.sort_by(|a, b| (&a.origin, a.line, a.column).cmp(&(&b.origin, b.line, b.column)));
        match pack {
            Some(pack) if errors.is_empty() => Ok(pack),
            readable => Err(PackErrors { errors, readable: readable.map(Box::new) }),
        }
    }

    /// Returns the detection of that id; the first one by path where two share it.
    pub fn find(&self, id: &str) -> Option<&PackEntry> {
        self.entries.iter().find(|entry| entry.detection.id.as_str() == id)
    }
}

pub(crate) fn text_of(path: &str, contents: Vec<u8>) -> Result<String, DetectionError> {
    if contents.len() > FILE_BYTES_MAX {
        let message = format!("the file has more than {FILE_BYTES_MAX} bytes");
        return Err(without_place(path, Code::NotText, message));
    }
    String::from_utf8(contents)
        .map_err(|_| without_place(path, Code::NotText, "the file is not UTF-8".to_owned()))
}

fn read_manifest(
    texts: &BTreeMap<String, String>,
    unreadable: &BTreeSet<String>,
    errors: &mut Vec<DetectionError>,
) -> Option<PackManifest> {
    match texts.get(MANIFEST_PATH) {
        Some(text) => keep(parse_manifest(MANIFEST_PATH, text), errors),
        None if unreadable.contains(MANIFEST_PATH) => None,
        None => {
            let message = format!("the pack has no {MANIFEST_PATH}");
            errors.push(without_place(MANIFEST_PATH, Code::BadPack, message));
            None
        }
    }
}

/// A file with a runbook or with cases beside it means to be a detection, whatever it lacks.
fn is_query(path: &str, text: &str, texts: &BTreeMap<String, String>) -> bool {
    let has = |suffix: &str| texts.contains_key(&format!("{}{suffix}", stem_of(path)));
    let is_alone = !has(RUNBOOK) && !has(CASES);
    is_alone && !front_matter::is_meant(text) && !front_matter::trimmed_sql(text).is_empty()
}

fn read_entry(
    path: &str,
    texts: &BTreeMap<String, String>,
    errors: &mut Vec<DetectionError>,
) -> Option<PackEntry> {
    let theme = path.rsplit_once('/').map(|(theme, _)| theme).filter(|it| !it.contains('/'));
    if theme.is_none() {
        let message = "a detection lies in a folder named after its theme".to_owned();
        errors.push(without_place(path, Code::BadPack, message));
    }
    let detection = keep(read_detection(path, texts.get(path)?), errors);
    let beside = |suffix: &str| texts.get_key_value(&format!("{}{suffix}", stem_of(path)));
    let cases = match beside(CASES) {
        Some((cases_path, text)) => Some(keep(parse_cases(cases_path, text), errors)?),
        None => None,
    };
    Some(PackEntry {
        path: path.to_owned(),
        theme: theme?.to_owned(),
        detection: detection?,
        runbook: beside(RUNBOOK).map(|(_, text)| text.clone()),
        cases,
    })
}

fn keep<T>(result: Result<T, DetectionErrors>, errors: &mut Vec<DetectionError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(all) => {
            errors.extend(all);
            None
        }
    }
}

/// Sorts the files that are no detection into those without one and those of no kind. A file
/// beside a detection that cannot be read is neither.
fn sort_rest(
    texts: &BTreeMap<String, String>,
    unreadable: &BTreeSet<String>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut orphans, mut strangers) = (BTreeSet::new(), BTreeSet::new());
    for path in texts.keys() {
        let name = path.rsplit('/').next().unwrap_or(path);
        if path == MANIFEST_PATH || name == README || path.ends_with(DETECTION) {
            continue;
        }
        let Some(stem) = path.strip_suffix(RUNBOOK).or_else(|| path.strip_suffix(CASES)) else {
            strangers.insert(path.clone());
            continue;
        };
        let detection = format!("{stem}{DETECTION}");
        if !texts.contains_key(&detection) && !unreadable.contains(&detection) {
            orphans.insert(path.clone());
        }
    }
    (orphans, strangers)
}

fn stem_of(path: &str) -> &str {
    path.strip_suffix(DETECTION).unwrap_or(path)
}
