//! Skeletons: a detection of each kind with its runbook and its cases, ready to be changed.
//!
//! Each is a documented SQL pattern that other engines read alike, and passes its own cases.

use std::fmt;

use super::attack::ATTACK_VERSION;
use crate::{catalog::MANIFEST_PATH, definition::DetectionId};

/// What a detection looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkeletonKind {
    /// One event by itself.
    Event,
    /// More events of a kind than usual.
    Threshold,
    /// More different ones than usual.
    Distinct,
    /// One event and then another by the same principal.
    Sequence,
    /// What was never there before.
    FirstSeen,
    /// What meets an entry of a list.
    List,
    /// What is no longer there.
    Absence,
}

/// A file of a pack: its path in the pack and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackFile {
    /// The path, with `/`.
    pub path: String,
    /// What to write.
    pub text: String,
}

impl SkeletonKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Event,
        Self::Threshold,
        Self::Distinct,
        Self::Sequence,
        Self::FirstSeen,
        Self::List,
        Self::Absence,
    ];

    /// Returns the word that stands for the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Threshold => "threshold",
            Self::Distinct => "distinct",
            Self::Sequence => "sequence",
            Self::FirstSeen => "first-seen",
            Self::List => "list",
            Self::Absence => "absence",
        }
    }

    /// Returns the three files of a new detection: SQL, runbook and cases. The last part of the id
    /// names the files, the one before it the theme.
    pub fn files(self, id: &DetectionId) -> [PackFile; 3] {
        let mut parts = id.as_str().rsplit('.');
        let name = parts.next().unwrap_or_default();
        let theme = parts.next().unwrap_or("general");
        let (sql, cases) = self.texts();
        let file = |suffix: &str, text: &str| PackFile {
            path: format!("{theme}/{name}{suffix}"),
            text: text.replace("@ID@", id.as_str()),
        };
        let runbook = include_str!("skeletons/runbook.md");
        [file(".sql", sql), file(".md", runbook), file(".tests.json", cases)]
    }

    fn texts(self) -> (&'static str, &'static str) {
        macro_rules! texts {
            ($name:literal) => {
                (
                    include_str!(concat!("skeletons/", $name, ".sql")),
                    include_str!(concat!("skeletons/", $name, ".tests.json")),
                )
            };
        }
        match self {
            Self::Event => texts!("event"),
            Self::Threshold => texts!("threshold"),
            Self::Distinct => texts!("distinct"),
            Self::Sequence => texts!("sequence"),
            Self::FirstSeen => texts!("first-seen"),
            Self::List => texts!("list"),
            Self::Absence => texts!("absence"),
        }
    }
}

impl fmt::Display for SkeletonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Returns the manifest of a new pack. What cannot be in an id of a pack becomes a dash.
pub fn new_manifest(name: &str) -> PackFile {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<String> =
        words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    let id = if words.is_empty() { "detections".to_owned() } else { words.join("-") };
    let text = format!(
        "id             = \"{id}\"\n\
         title          = \"Detections of our own\"\n\
         version        = \"0.1.0\"\n\
         licence        = \"LicenseRef-Proprietary\"\n\
         attack_version = \"{ATTACK_VERSION}\"\n"
    );
    PackFile { path: MANIFEST_PATH.to_owned(), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        author::portable::lint_portable, catalog::Pack, lint::lint_pack, manifest::parse_manifest,
    };

    #[test]
    fn every_skeleton_is_clean_and_portable() {
        let mut files = vec![new_manifest("My Detections!")];
        for kind in SkeletonKind::ALL {
            let id = DetectionId::parse(&format!("acme.theme.new-{kind}")).unwrap();
            files.extend(kind.files(&id));
        }
        let files = files.into_iter().map(|file| (file.path, file.text.into_bytes()));
        let pack = Pack::from_files(files).unwrap();
        assert_eq!(pack.entries.len(), SkeletonKind::ALL.len());
        assert_eq!(pack.manifest.id, "my-detections");
        assert_eq!(lint_pack(&pack), []);
        for entry in &pack.entries {
            assert_eq!(lint_portable(&entry.path, &entry.detection), []);
            assert_eq!(entry.theme, "theme");
        }
    }

    #[test]
    fn files_are_named_by_the_id_and_any_folder_gives_a_manifest() {
        let id = DetectionId::parse("alone").unwrap();
        let paths = SkeletonKind::Event.files(&id).map(|file| file.path);
        assert_eq!(paths, ["general/alone.sql", "general/alone.md", "general/alone.tests.json"]);
        for name in ["", "..", "\u{e9}", "a_b.c"] {
            let manifest = new_manifest(name);
            assert!(parse_manifest("pack.toml", &manifest.text).is_ok(), "{name}");
        }
    }
}
