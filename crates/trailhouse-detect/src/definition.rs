//! A detection: what its file says.

use std::{collections::BTreeMap, fmt};

use sha2::{Digest, Sha256};
use trailhouse_model::Severity;

use crate::{
    diagnostic::{DetectionError, DetectionErrors, Report, line_at},
    front_matter::{self, FrontMatter},
    section::{Keys, Section, read_document},
    tables::{self, Alert, Param},
    technique::Technique,
    window::{self, Window},
    words::{CalendarDay, Confidence, Mode, Status},
};

/// The version of the front matter that this crate reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The name of a detection: lower-case words joined by dots and dashes. It is never reused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DetectionId(String);

impl DetectionId {
    /// Reads an id like `aws.cloudtrail.trail-stopped`.
    pub fn parse(text: &str) -> Option<Self> {
        is_slug(text).then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DetectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A detection as its file defines it.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Its name for ever.
    pub id: DetectionId,
    /// What it finds, in one line.
    pub title: String,
    /// What it finds and why that matters.
    pub description: String,
    /// How much a finding matters where no output column `severity` says otherwise.
    pub severity: Severity,
    /// How often a finding is what it says; medium where the file is silent.
    pub confidence: Confidence,
    /// How mature it is; experimental where the file is silent.
    pub status: Status,
    /// What it may do; active where the file is silent.
    pub mode: Mode,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The day it was written.
    pub created: Option<CalendarDay>,
    /// The day of its last change of meaning.
    pub modified: Option<CalendarDay>,
    /// Words to select it by.
    pub tags: Vec<String>,
    /// The ATT&CK techniques it finds.
    pub techniques: Vec<Technique>,
    /// Addresses to read on.
    pub references: Vec<String>,
    /// Harmless causes of a finding.
    pub false_positives: Vec<String>,
    /// What must be there for it to find anything, like `management` or `geoip.asn`.
    pub needs: Vec<String>,
    /// Which rows a run judges, and when.
    pub window: Window,
    /// What may be tuned.
    pub params: BTreeMap<String, Param>,
    /// What makes findings the same, and how they are shown.
    pub alert: Alert,
    /// The SQL without white space around it and without a semicolon at its end.
    pub sql: String,
    /// The version of the detection: the first 16 hexadecimal digits of the SHA-256 of `sql`.
    pub sql_hash: String,
    /// Where `sql` begins in the file, in bytes.
    pub body_offset: usize,
    /// The line of the file on which `sql` begins, counted from 1.
    pub body_line: u32,
}

/// Reads a detection file; stops at its first mistake. `origin` only names the file in messages.
pub fn parse_detection(origin: &str, text: &str) -> Result<Detection, DetectionError> {
    read_detection(origin, text).map_err(|errors| *errors.first)
}

/// Reads a detection file and reports all of its mistakes.
pub fn read_detection(origin: &str, text: &str) -> Result<Detection, DetectionErrors> {
    let front = front_matter::split(origin, text)?;
    let report = Report::of_lines(origin, text, front.lines.clone());
    read_document(&front.toml, report, |table, first_line, report| {
        let root = Section::open(String::new(), table, first_line, &ROOT_KEYS, report);
        read_root(&root, &front, text, report)
    })
}

pub(crate) const ROOT_KEYS: Keys = Keys {
    known: &[
        "schema",
        "id",
        "title",
        "description",
        "severity",
        "confidence",
        "status",
        "mode",
        "owner",
        "created",
        "modified",
        "tags",
        "mitre",
        "references",
        "false_positives",
        "needs",
        "window",
        "params",
        "alert",
    ],
    required: &["schema", "id", "title", "description", "severity"],
};

fn read_root(
    root: &Section<'_>,
    front: &FrontMatter<'_>,
    text: &str,
    report: &mut Report<'_>,
) -> Option<Detection> {
    check_schema(root, report);
    let id = root.parsed("id", report, parse_id);
    let title = root.line("title", report);
    let description = root.text("description", report).map(|found| found.value.trim().to_owned());
    let severity = root.choice("severity", &Severity::ALL, Severity::as_str, report);
    let confidence = root.choice("confidence", &Confidence::ALL, Confidence::as_str, report);
    let status = root.choice("status", &Status::ALL, Status::as_str, report);
    let mode = root.choice("mode", &Mode::ALL, Mode::as_str, report);
    let owner = root.line("owner", report);
    let (created, modified) = (root.day("created", report), root.day("modified", report));
    let tags = root.parsed_list("tags", report, parse_tag);
    let techniques = root.parsed_list("mitre", report, parse_technique);
    let references = root.parsed_list("references", report, parse_address);
    let false_positives = root.parsed_list("false_positives", report, |text| Ok(text.to_owned()));
    let needs = root.parsed_list("needs", report, parse_need);
    let window = window::read_window(root, report);
    let params = tables::read_params(root, report);
    let alert = tables::read_alert(root, report);
    Some(Detection {
        id: id?,
        title: title?,
        description: description?,
        severity: severity?,
        confidence: confidence.unwrap_or(Confidence::Medium),
        status: status.unwrap_or(Status::Experimental),
        mode: mode.unwrap_or(Mode::Active),
        owner,
        created,
        modified,
        tags: tags.unwrap_or_default(),
        techniques: techniques.unwrap_or_default(),
        references: references.unwrap_or_default(),
        false_positives: false_positives.unwrap_or_default(),
        needs: needs.unwrap_or_default(),
        window,
        params,
        alert,
        sql: front.sql.to_owned(),
        sql_hash: hash_sql(front.sql),
        body_offset: front.body_offset,
        body_line: line_at(text, front.body_offset),
    })
}

fn check_schema(root: &Section<'_>, report: &mut Report<'_>) {
    if let Some(schema) = root.count("schema", report)
        && schema != SCHEMA_VERSION
    {
        let message = format!("`schema = {schema}` is not known here");
        root.bad_value("schema", message, "use schema = 1, or a newer trailhouse", report);
    }
}

/// Says whether the text is made of lower-case words and digits joined by single dots or dashes.
pub(crate) fn is_slug(text: &str) -> bool {
    let word_fits = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.len() <= 128 && text.split(['.', '-']).all(word_fits)
}

fn parse_id(text: &str) -> Result<DetectionId, &'static str> {
    DetectionId::parse(text).ok_or("use lower-case words joined by dots and dashes")
}

pub(crate) fn parse_tag(text: &str) -> Result<String, &'static str> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_:/".contains(&b);
    let is_tag = text.bytes().all(fits);
    is_tag.then(|| text.to_owned()).ok_or("use lower-case letters, digits and . - _ : /")
}

fn parse_technique(text: &str) -> Result<Technique, &'static str> {
    Technique::parse(text).ok_or("use T1685, T1685.002 or TA0005:T1685.002")
}

fn parse_address(text: &str) -> Result<String, &'static str> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    (is_web && is_plain).then(|| text.to_owned()).ok_or("use an address that begins with https://")
}

fn parse_need(text: &str) -> Result<String, &'static str> {
    is_slug(text).then(|| text.to_owned()).ok_or("use a word like `management` or `geoip.asn`")
}

fn hash_sql(sql: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(sql.as_bytes()).into();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
