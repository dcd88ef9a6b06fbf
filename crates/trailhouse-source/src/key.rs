//! The grammar of the keys under which CloudTrail delivers.
//!
//! `[prefix/]AWSLogs/[o-id/]<account>/<kind>/<region>/<yyyy>/<mm>/<dd>/<file>`, where the file is
//! `<account>_<kind>_<region>_<yyyymmddThhmmZ>_<random>.json.gz`. The file name alone says nearly
//! all, so bare names and local paths are read too. Regions are never compared with a list.

use trailhouse_model::EventTime;

/// What a key says about its object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFacts {
    /// The organisation whose trail delivered it.
    pub organization: Option<String>,
    /// The account whose activity it holds.
    pub account: Option<String>,
    /// The region whose activity it holds.
    pub region: Option<String>,
    /// When CloudTrail delivered it: a minute for logs, a second for digests.
    pub delivered_at: Option<EventTime>,
}

/// What kind of object a key announces. A hint: the content decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyKind {
    /// Management and data events.
    Log(KeyFacts),
    /// The hourly signed list of log files.
    Digest(KeyFacts),
    /// Insights events.
    Insight(KeyFacts),
    /// Network activity of VPC endpoints.
    NetworkActivity(KeyFacts),
    /// Aggregates over five minutes.
    Aggregated(KeyFacts),
    /// A result of a CloudTrail Lake query or its signature.
    LakeQueryResult,
    /// Nothing that CloudTrail would write under this key.
    Other,
}

impl KeyKind {
    /// Returns what the key says, where it is of a kind that says something.
    pub fn facts(&self) -> Option<&KeyFacts> {
        match self {
            Self::Log(facts)
            | Self::Digest(facts)
            | Self::Insight(facts)
            | Self::NetworkActivity(facts)
            | Self::Aggregated(facts) => Some(facts),
            Self::LakeQueryResult | Self::Other => None,
        }
    }

    /// Returns the word that stands for the kind in counters and summaries.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Log(_) => "log",
            Self::Digest(_) => "digest",
            Self::Insight(_) => "insight",
            Self::NetworkActivity(_) => "network_activity",
            Self::Aggregated(_) => "aggregated",
            Self::LakeQueryResult => "lake_query_result",
            Self::Other => "other",
        }
    }
}

/// Reads a key, a bare file name or a local path. Never fails: what fits nothing is
/// [`KeyKind::Other`]. Where folder and file name disagree, the file name wins.
pub fn classify_key(key: &str) -> KeyKind {
    let (folder, file) = key.rsplit_once('/').unwrap_or(("", key));
    if file.is_empty() {
        return KeyKind::Other;
    }
    let folders: Vec<&str> = folder.split('/').collect();
    if folders.windows(2).any(|pair| pair == ["CloudTrail-Lake", "Query"]) {
        return KeyKind::LakeQueryResult;
    }
    match (read_file_name(file), read_folders(&folders)) {
        (Some(name), Some(folder)) => name.or(folder).into_kind(),
        (Some(found), None) | (None, Some(found)) => found.into_kind(),
        (None, None) => KeyKind::Other,
    }
}

/// The kinds that share the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Log,
    Digest,
    Insight,
    NetworkActivity,
    Aggregated,
}

impl Kind {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "CloudTrail" => Some(Self::Log),
            "CloudTrail-Digest" => Some(Self::Digest),
            "CloudTrail-Insight" => Some(Self::Insight),
            "CloudTrail-NetworkActivity" => Some(Self::NetworkActivity),
            "CloudTrail-Aggregated" => Some(Self::Aggregated),
            _ => None,
        }
    }
}

/// What one half of the key, folders or file name, has told.
struct Found {
    kind: Kind,
    facts: KeyFacts,
}

impl Found {
    fn or(self, other: Self) -> Self {
        let (mine, theirs) = (self.facts, other.facts);
        Self {
            kind: self.kind,
            facts: KeyFacts {
                organization: mine.organization.or(theirs.organization),
                account: mine.account.or(theirs.account),
                region: mine.region.or(theirs.region),
                delivered_at: mine.delivered_at.or(theirs.delivered_at),
            },
        }
    }

    fn into_kind(self) -> KeyKind {
        match self.kind {
            Kind::Log => KeyKind::Log(self.facts),
            Kind::Digest => KeyKind::Digest(self.facts),
            Kind::Insight => KeyKind::Insight(self.facts),
            Kind::NetworkActivity => KeyKind::NetworkActivity(self.facts),
            Kind::Aggregated => KeyKind::Aggregated(self.facts),
        }
    }
}

/// Tries every `AWSLogs` folder, the last one first, because a prefix may contain one too.
fn read_folders(folders: &[&str]) -> Option<Found> {
    let roots = folders.iter().enumerate().rev().filter(|(_, name)| **name == "AWSLogs");
    for (root, _) in roots {
        let below = folders.iter().skip(root + 1).copied();
        if let Some(found) = read_below_root(below) {
            return Some(found);
        }
    }
    None
}

fn read_below_root<'a>(mut folders: impl Iterator<Item = &'a str>) -> Option<Found> {
    let mut account = folders.next()?;
    let mut organization = None;
    if account.starts_with("o-") {
        organization = Some(account.to_owned());
        account = folders.next()?;
    }
    if !is_account(account) {
        return None;
    }
    let kind = Kind::parse(folders.next()?)?;
    let facts = KeyFacts {
        organization,
        account: Some(account.to_owned()),
        region: non_empty(folders.next()),
        delivered_at: None,
    };
    Some(Found { kind, facts })
}

/// Looks for account and kind anywhere in the name, the last pair first, because tools that
/// flatten folders put the path before the name.
fn read_file_name(file: &str) -> Option<Found> {
    let stem = file.split('.').next().unwrap_or(file);
    let parts: Vec<&str> = stem.split('_').collect();
    for (at, pair) in parts.windows(2).enumerate().rev() {
        let [account, kind] = pair else { continue };
        let Some(kind) = Kind::parse(kind).filter(|_| is_account(account)) else { continue };
        let mut rest = parts.iter().skip(at + 2).copied();
        let region = non_empty(rest.next());
        let facts = KeyFacts {
            organization: None,
            account: Some((*account).to_owned()),
            region,
            delivered_at: read_times(kind, rest),
        };
        return Some(Found { kind, facts });
    }
    None
}

/// Picks the delivery time. A digest's name holds the trail's name before it, which may hold
/// anything, so there the last time counts.
fn read_times<'a>(kind: Kind, parts: impl Iterator<Item = &'a str>) -> Option<EventTime> {
    let mut times = parts.filter_map(read_time);
    match kind {
        Kind::Digest => times.last(),
        Kind::Log | Kind::Insight | Kind::NetworkActivity | Kind::Aggregated => times.next(),
    }
}

/// Reads `yyyymmddThhmmZ` or `yyyymmddThhmmssZ` at the start of the text. More may follow: some
/// names have no underscore before the random part.
fn read_time(text: &str) -> Option<EventTime> {
    let (date, clock) = text.split_once('T')?;
    let (clock, _) = clock.split_once('Z')?;
    let has_seconds = match clock.len() {
        4 => false,
        6 => true,
        _ => return None,
    };
    if date.len() != 8 {
        return None;
    }
    let second = if has_seconds { digits(clock, 4, 6)? } else { 0 };
    EventTime::from_civil(
        digits(date, 0, 4)?,
        digits(date, 4, 6)?,
        digits(date, 6, 8)?,
        digits(clock, 0, 2)?,
        digits(clock, 2, 4)?,
        second,
    )
    .ok()
}

fn digits(text: &str, from: usize, to: usize) -> Option<i64> {
    let part = text.get(from..to)?;
    let only_digits = part.bytes().all(|byte| byte.is_ascii_digit());
    if only_digits { part.parse().ok() } else { None }
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn non_empty(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}
