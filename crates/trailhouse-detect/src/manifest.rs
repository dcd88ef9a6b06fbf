//! `pack.toml`: what a pack says about itself.

use toml::de::DeTable;

use crate::{
    definition::is_slug,
    diagnostic::{DetectionErrorCode as Code, DetectionErrors, Report},
    section::{Keys, Section},
};

/// The content of `pack.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackManifest {
    /// The name of the pack, like `aws-core`.
    pub id: String,
    /// What it is, in one line.
    pub title: String,
    /// What it covers.
    pub description: Option<String>,
    /// Its version: three numbers.
    pub version: String,
    /// The licence of its content, as an SPDX expression.
    pub licence: String,
    /// The version of ATT&CK that its technique ids belong to.
    pub attack_version: String,
    /// The oldest Trailhouse that can run it.
    pub min_trailhouse: Option<String>,
}

const MANIFEST_KEYS: Keys = Keys {
    known: &[
        "id",
        "title",
        "description",
        "version",
        "licence",
        "attack_version",
        "min_trailhouse",
    ],
    required: &["id", "title", "version", "licence", "attack_version"],
};

/// Reads `pack.toml`. `origin` only names the file in messages.
pub fn parse_manifest(origin: &str, text: &str) -> Result<PackManifest, DetectionErrors> {
    let mut report = Report::new(origin, text);
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    for error in &syntax_errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        report.push(Code::Syntax, span, error.message().to_owned(), None);
    }
    if !syntax_errors.is_empty() {
        return report.finish(None);
    }
    let first_line = 0..text.find('\n').unwrap_or(text.len());
    let root =
        Section::open(String::new(), table.get_ref(), first_line, &MANIFEST_KEYS, &mut report);
    let manifest = read_root(&root, &mut report);
    report.finish(manifest)
}

fn read_root(root: &Section<'_>, report: &mut Report<'_>) -> Option<PackManifest> {
    let id = root.parsed("id", report, |text| {
        is_slug(text).then(|| text.to_owned()).ok_or("use lower-case words joined by dashes")
    });
    let title = root.line("title", report);
    let description = root.text("description", report).map(|found| found.value.trim().to_owned());
    let version = root.parsed("version", report, |text| parse_version(text, 3));
    let licence = root.line("licence", report);
    let attack_version = root.parsed("attack_version", report, parse_attack_version);
    let min_trailhouse = root.parsed("min_trailhouse", report, |text| parse_version(text, 2));
    Some(PackManifest {
        id: id?,
        title: title?,
        description,
        version: version?,
        licence: licence?,
        attack_version: attack_version?,
        min_trailhouse,
    })
}

fn parse_version(text: &str, numbers_min: usize) -> Result<String, &'static str> {
    let numbers: Vec<&str> = text.split('.').collect();
    let in_range = (numbers_min..=3).contains(&numbers.len());
    let fits = in_range && numbers.iter().all(|number| is_number(number));
    fits.then(|| text.to_owned()).ok_or("use numbers like 0.1.0")
}

fn parse_attack_version(text: &str) -> Result<String, &'static str> {
    let fits = text.split('.').count() <= 2 && text.split('.').all(is_number);
    fits.then(|| text.to_owned()).ok_or("use the version of ATT&CK, like \"19\"")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}
