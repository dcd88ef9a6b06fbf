//! `pack.toml`: what a pack says about itself.

use std::collections::BTreeMap;

use crate::{
    definition::is_slug,
    diagnostic::{DetectionErrorCode as Code, DetectionErrors, Report},
    section::{Keys, Section, read_document},
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
    /// The version of the table contract that its SQL is written against.
    pub contract: Option<u32>,
    /// How much its detections may find in harmless traffic.
    pub benign: BenignBudget,
}

/// The table `[benign]`: findings that are tolerated in traffic that is known to be harmless.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BenignBudget {
    /// The findings of one detection; absent where the manifest is silent.
    pub budget: Option<u32>,
    /// Those of detections that have a budget of their own, by id.
    pub budgets: BTreeMap<String, u32>,
}

impl BenignBudget {
    /// Returns the budget of a detection: its own, else what was asked for, else that of the pack,
    /// else none.
    pub fn of(&self, detection_id: &str, asked: Option<u32>) -> u32 {
        let own = self.budgets.get(detection_id).copied();
        own.or(asked).or(self.budget).unwrap_or_default()
    }
}

pub(crate) const MANIFEST_KEYS: Keys = Keys {
    known: &[
        "id",
        "title",
        "description",
        "version",
        "licence",
        "attack_version",
        "min_trailhouse",
        "contract",
        "benign",
    ],
    required: &["id", "title", "version", "licence", "attack_version"],
};

pub(crate) const BENIGN_KEYS: Keys = Keys { known: &["budget", "budgets"], required: &[] };

/// Reads `pack.toml`. `origin` only names the file in messages.
pub fn parse_manifest(origin: &str, text: &str) -> Result<PackManifest, DetectionErrors> {
    read_document(text, Report::new(origin, text), |table, first_line, report| {
        let root = Section::open(String::new(), table, first_line, &MANIFEST_KEYS, report);
        read_root(&root, report)
    })
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
    let contract = root.count("contract", report);
    let benign = read_benign(root, report);
    Some(PackManifest {
        id: id?,
        title: title?,
        description,
        version: version?,
        licence: licence?,
        attack_version: attack_version?,
        min_trailhouse,
        contract,
        benign,
    })
}

fn read_benign(root: &Section<'_>, report: &mut Report<'_>) -> BenignBudget {
    let Some(section) = root.child("benign", &BENIGN_KEYS, report) else {
        return BenignBudget::default();
    };
    let mut budgets = BTreeMap::new();
    if let Some((table, _)) = section.table("budgets", report) {
        for (key, value) in table.iter() {
            let id = key.get_ref().as_ref();
            let whole = value.get_ref().as_integer();
            let number = whole.and_then(|it| u32::from_str_radix(it.as_str(), it.radix()).ok());
            if let Some(number) = number.filter(|_| is_slug(id)) {
                budgets.insert(id.to_owned(), number);
            } else {
                let message = format!("`benign.budgets.{id}` is no budget of a detection");
                let help = "write \"aws.some.detection\" = 3".to_owned();
                report.push(Code::BadValue, key.span(), message, Some(help));
            }
        }
    }
    BenignBudget { budget: section.count("budget", report), budgets }
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
