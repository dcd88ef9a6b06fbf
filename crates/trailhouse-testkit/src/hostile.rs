//! The hostile inputs of `fixtures/hostile` and what is expected of each.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

/// The table of expectations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// Objects, plain and compressed.
    pub object: Vec<ObjectCase>,
    /// Bodies of queue messages.
    pub message: Vec<MessageCase>,
    /// Keys of objects.
    pub key: Vec<KeyCase>,
}

/// What is expected of one object. Where nothing is, it is empty.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectCase {
    /// Its name, also that of its file.
    pub name: String,
    /// What it is, in words.
    pub what: String,
    /// It is made when it is needed.
    #[serde(default)]
    pub large: bool,
    /// Events in it.
    #[serde(default)]
    pub events: u64,
    /// How many of them are stored, where some are the same event as another.
    pub stored: Option<u64>,
    /// Why records go to quarantine.
    #[serde(default)]
    pub rejects: Vec<String>,
    /// How many do, where it is more than one for each reason.
    pub reject_count: Option<u64>,
    /// Why all of it goes to quarantine.
    pub quarantine: Option<String>,
    /// The kind of what is not for the lake.
    pub skipped: Option<String>,
    /// The exit code of the program.
    #[serde(default)]
    pub exit: i32,
}

impl ObjectCase {
    /// Returns how many records go to quarantine.
    pub fn rejects_expected(&self) -> u64 {
        self.reject_count.unwrap_or_else(|| u64::try_from(self.rejects.len()).unwrap_or(u64::MAX))
    }
}

/// What is expected of one message: exactly one of `objects`, `ignored` and `unreadable`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageCase {
    /// Its name, also that of its file.
    pub name: String,
    /// What it is, in words.
    pub what: String,
    /// Objects that it names.
    pub objects: Option<usize>,
    /// Why it names none.
    pub ignored: Option<String>,
    /// What the error says.
    pub unreadable: Option<String>,
    /// Whether a queue can carry it.
    #[serde(default = "yes")]
    pub queue: bool,
}

/// What is expected of one key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyCase {
    /// Its name, also that of its file.
    pub name: String,
    /// What it is, in words.
    pub what: String,
    /// What it announces.
    pub kind: String,
    /// The partition of the ledger that its object falls into.
    pub partition: String,
    /// Whether the S3 stand-in takes it.
    #[serde(default = "yes")]
    pub stand_in: bool,
}

fn yes() -> bool {
    true
}

impl Cases {
    /// Reads the table.
    pub fn read() -> io::Result<Self> {
        let text = fs::read_to_string(folder().join("cases.toml"))?;
        toml::from_str(&text).map_err(io::Error::other)
    }
}

/// Returns the bytes of a case that is kept in the project; `kind` is `objects`, `messages` or `keys`.
pub fn kept(kind: &str, name: &str) -> io::Result<Vec<u8>> {
    fs::read(folder().join(kind).join(name))
}

/// Writes the large objects into a folder, each under its name.
pub fn generate_large(python: &OsStr, into: &Path) -> io::Result<()> {
    run_script(python, &[OsStr::new("--generate"), into.as_os_str()])
}

/// Fails where the kept files or the document are not what the script makes.
pub fn check_kept(python: &OsStr) -> io::Result<()> {
    run_script(python, &[OsStr::new("--check")])
}

fn run_script(python: &OsStr, arguments: &[&OsStr]) -> io::Result<()> {
    let script = root().join("scripts/hostile_fixtures.py");
    let output = Command::new(python).arg(script).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn folder() -> PathBuf {
    root().join("fixtures/hostile")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
