//! What a finding says about accounts, assets and addresses beyond its events.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

use serde_json::{Value, json};
use trailhouse_model::Severity;

use super::{
    indicator::parse_ip,
    site::Site,
    text_table::{TextRow, TextTable},
};
use crate::finding::{Finding, Row};

/// The most assets that a finding names.
const ASSETS_MAX: usize = 20;
/// The most values of a row that are looked at.
const VALUES_MAX: usize = 10_000;

/// Columns that say who acted, from where and when. An asset among them acts; nobody acts on it.
const NOT_ACTED_UPON: [&str; 18] = [
    "recipient_account_id",
    "accounts",
    "aws_region",
    "regions",
    "event_id",
    "event_ids",
    "event_name",
    "event_source",
    "event_time",
    "first_event_time",
    "last_event_time",
    "request_id",
    "source_ip_address",
    "source_identity",
    "user_agent",
    "severity",
    "error_code",
    "error_message",
];
const ACTOR_PREFIXES: [&str; 3] = ["user_identity", "session_", "principal"];

/// Knows where addresses are.
pub trait Places {
    /// Returns the code of the country of an address, like `DE`.
    fn country(&self, address: IpAddr) -> Option<String>;

    /// Returns the autonomous system of an address.
    fn autonomous_system(&self, address: IpAddr) -> Option<AutonomousSystem>;
}

/// Who announces an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutonomousSystem {
    /// Its number.
    pub number: u32,
    /// Who runs it.
    pub organization: Option<String>,
}

/// Knows no address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoPlaces;

impl Places for NoPlaces {
    fn country(&self, _: IpAddr) -> Option<String> {
        None
    }

    fn autonomous_system(&self, _: IpAddr) -> Option<AutonomousSystem> {
        None
    }
}

/// Adds what the site knows to the rows of findings. Columns that a detection puts out itself stay
/// as they are. The same finding always becomes the same.
///
/// | column | holds |
/// | --- | --- |
/// | `account_name`, `account_owner`, `account_environment` | of the one account that a finding names |
/// | `source_country`, `source_asn`, `source_asn_org` | of `source_ip_address` |
/// | `assets` | the assets that were acted upon: name, ARN or id, owner, importance |
/// | `raised_by` | why the severity is one step higher than the detection says |
#[derive(Debug, Clone, Default)]
pub struct Enricher {
    accounts: HashMap<String, Account>,
    assets: Vec<Asset>,
    /// The places of assets by ARN, id and name.
    by_name: HashMap<String, Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Account {
    name: Option<String>,
    owner: Option<String>,
    environment: Option<String>,
}

#[derive(Debug, Clone)]
struct Asset {
    label: String,
    owner: Option<String>,
    importance: Option<String>,
    account_id: Option<String>,
    is_critical: bool,
}

impl Enricher {
    /// Learns the accounts and assets of a site.
    pub fn new(site: &Site) -> Self {
        let mut enricher = Self { accounts: accounts(&site.accounts), ..Self::default() };
        enricher.learn_assets(&site.assets);
        enricher
    }

    /// Adds what is known to a finding, and raises its severity by one step where an asset that is
    /// critical was acted upon.
    pub fn enrich(&self, finding: &mut Finding, places: &dyn Places) {
        self.add_account(finding);
        add_place(&mut finding.row, places);
        let assets = self.assets_of(finding);
        let critical = assets
            .iter()
            .filter_map(|place| self.assets.get(*place))
            .find(|asset| asset.is_critical)
            .map(|asset| asset.label.clone())
            .or_else(|| critical_by_tag(&finding.row));
        if !assets.is_empty() {
            let shown = assets.iter().take(ASSETS_MAX).filter_map(|place| self.assets.get(*place));
            put(&mut finding.row, "assets", shown.map(Asset::shown).collect());
        }
        let Some(label) = critical else { return };
        let raised = one_step_up(finding.severity);
        if raised != finding.severity {
            finding.severity = raised;
            let reason = format!("critical asset: {label}");
            put(&mut finding.row, "raised_by", Value::from(reason));
        }
    }

    fn add_account(&self, finding: &mut Finding) {
        let mut accounts = finding.accounts.iter();
        let (Some(id), None) = (accounts.next(), accounts.next()) else { return };
        let Some(account) = self.accounts.get(id) else { return };
        let facts = [
            ("account_name", &account.name),
            ("account_owner", &account.owner),
            ("account_environment", &account.environment),
        ];
        for (column, value) in facts {
            if let Some(value) = value {
                put(&mut finding.row, column, Value::from(value.as_str()));
            }
        }
    }

    fn learn_assets(&mut self, table: &TextTable) {
        let index = |column| table.index(column);
        let names = ["arn", "id", "name"].map(index);
        let (owner, importance) = (index("owner"), index("importance"));
        let (tags, account_id) = (index("tags"), index("account_id"));
        for row in table.rows() {
            let text = |index| row.value(index).map(str::to_owned);
            let [arn, id, name] = names.map(|index| row.value(index));
            let Some(label) = name.or(arn).or(id) else { continue };
            let place = self.assets.len();
            let distinct: BTreeSet<&str> = [arn, id, name].into_iter().flatten().collect();
            for name in distinct {
                self.by_name.entry(name.to_owned()).or_default().push(place);
            }
            self.assets.push(Asset {
                label: label.to_owned(),
                owner: text(owner),
                importance: text(importance),
                account_id: text(account_id),
                is_critical: row.value(importance) == Some("critical")
                    || row.value(tags).is_some_and(tags_are_critical),
            });
        }
    }

    /// Returns the places of the assets that the row names as acted upon, in order.
    fn assets_of(&self, finding: &Finding) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        if self.assets.is_empty() {
            return found;
        }
        let mut values: Vec<&Value> = finding
            .row
            .iter()
            .filter(|(column, _)| is_acted_upon(column))
            .map(|(_, value)| value)
            .collect();
        let mut looked_at = 0;
        while let Some(value) = values.pop() {
            looked_at += 1;
            if looked_at > VALUES_MAX {
                break;
            }
            match value {
                Value::String(text) => found.extend(self.assets_named(text, finding)),
                Value::Array(items) => values.extend(items),
                Value::Object(members) => values.extend(members.values()),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        found
    }

    /// The same name may stand for assets of several accounts; an ARN says which.
    fn assets_named<'e>(
        &'e self,
        text: &'e str,
        finding: &'e Finding,
    ) -> impl Iterator<Item = usize> + 'e {
        let places = self.by_name.get(text).into_iter().flatten().copied();
        places.filter(move |place| {
            let account = self.assets.get(*place).and_then(|asset| asset.account_id.as_ref());
            text.starts_with("arn:")
                || finding.accounts.is_empty()
                || account.is_none_or(|account| finding.accounts.contains(account))
        })
    }
}

impl Asset {
    fn shown(&self) -> Value {
        json!({ "name": self.label, "owner": self.owner, "importance": self.importance })
    }
}

fn accounts(table: &TextTable) -> HashMap<String, Account> {
    let [id, name, owner, environment] =
        ["account_id", "name", "owner", "environment"].map(|column| table.index(column));
    let account = |row: &TextRow| {
        let text = |index| row.value(index).map(str::to_owned);
        let facts =
            Account { name: text(name), owner: text(owner), environment: text(environment) };
        text(id).map(|id| (id, facts))
    };
    table.rows().iter().filter_map(account).collect()
}

fn add_place(row: &mut Row, places: &dyn Places) {
    let address = row.get("source_ip_address").and_then(Value::as_str).and_then(parse_ip);
    let Some(address) = address else { return };
    if let Some(country) = places.country(address) {
        put(row, "source_country", Value::from(country));
    }
    if let Some(system) = places.autonomous_system(address) {
        put(row, "source_asn", Value::from(system.number));
        if let Some(organization) = system.organization {
            put(row, "source_asn_org", Value::from(organization));
        }
    }
}

/// Sets a column that the detection does not put out itself.
fn put(row: &mut Row, column: &str, value: Value) {
    row.entry(column.to_owned()).or_insert(value);
}

fn is_acted_upon(column: &str) -> bool {
    !NOT_ACTED_UPON.contains(&column)
        && !ACTOR_PREFIXES.iter().any(|prefix| column.starts_with(prefix))
}

/// Tags are `key=value` pairs with `;` between them.
fn tags_are_critical(tags: &str) -> bool {
    tags.split(';').any(|tag| {
        let (key, value) = tag.split_once('=').unwrap_or(("importance", tag));
        is_critical_tag(key, value)
    })
}

fn is_critical_tag(key: &str, value: &str) -> bool {
    let key = key.trim().to_ascii_lowercase();
    matches!(key.as_str(), "importance" | "criticality")
        && value.trim().eq_ignore_ascii_case("critical")
}

/// Events that were enriched by CloudTrail carry the tags of the resources that were acted upon.
/// Returns the first that is critical, where the detection puts out `event_context`.
fn critical_by_tag(row: &Row) -> Option<String> {
    let context = row.get("event_context")?;
    let parsed: Value;
    let context = match context.as_str() {
        Some(text) => {
            parsed = serde_json::from_str(text).ok()?;
            &parsed
        }
        None => context,
    };
    let resources = context.pointer("/tagContext/resourceTags")?.as_array()?;
    let critical = resources.iter().find(|resource| {
        let tags = resource.get("tags").and_then(Value::as_object);
        let is_critical = |(key, value): (&String, &Value)| {
            value.as_str().is_some_and(|it| is_critical_tag(key, it))
        };
        tags.is_some_and(|tags| tags.iter().any(is_critical))
    })?;
    Some(critical.get("arn").and_then(Value::as_str).unwrap_or("a tagged resource").to_owned())
}

fn one_step_up(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Low,
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        context::site::{FileFormat, SiteTable},
        definition::DetectionId,
        finding::Fingerprint,
    };

    const ACCOUNTS: &str = "account_id,name,owner,environment\n111122223333,shop-prod,ada,prod\n";
    const ASSETS: &str = "arn,id,name,owner,importance,tags,account_id\n\
        arn:aws:s3:::ledger,,ledger,finance,critical,,111122223333\n\
        ,i-0abc,,ops,low,team=ops;criticality=Critical,\n\
        ,,web,ops,medium,,444455556666\n";

    struct OnePlace;

    impl Places for OnePlace {
        fn country(&self, address: IpAddr) -> Option<String> {
            (address.to_string() == "198.51.100.7").then(|| "NL".to_owned())
        }

        fn autonomous_system(&self, address: IpAddr) -> Option<AutonomousSystem> {
            let organization = Some("Example Hosting".to_owned());
            (address.to_string() == "198.51.100.7")
                .then_some(AutonomousSystem { number: 64_500, organization })
        }
    }

    fn enricher() -> Enricher {
        let mut site = Site::default();
        site.add_text("a", SiteTable::Accounts, FileFormat::Csv, ACCOUNTS).unwrap();
        site.add_text("b", SiteTable::Assets, FileFormat::Csv, ASSETS).unwrap();
        Enricher::new(&site)
    }

    fn enriched(severity: Severity, row: Value) -> (Severity, Row) {
        let mut finding = Finding {
            detection_id: DetectionId::parse("aws.test").unwrap(),
            detection_version: "1".to_owned(),
            title: "t".to_owned(),
            severity,
            entity: None,
            key: BTreeMap::new(),
            first_event_time: None,
            last_event_time: None,
            events: 1,
            event_ids: Vec::new(),
            accounts: BTreeSet::from(["111122223333".to_owned()]),
            regions: BTreeSet::new(),
            techniques: Vec::new(),
            row: serde_json::from_value(row).unwrap(),
            fingerprint: Fingerprint([0; 16]),
        };
        enricher().enrich(&mut finding, &OnePlace);
        (finding.severity, finding.row)
    }

    #[test]
    fn accounts_and_places_are_named() {
        let (_, row) = enriched(Severity::Low, json!({ "source_ip_address": "198.51.100.7" }));
        let expected = json!({
            "account_environment": "prod", "account_name": "shop-prod", "account_owner": "ada",
            "source_asn": 64_500, "source_asn_org": "Example Hosting", "source_country": "NL",
            "source_ip_address": "198.51.100.7",
        });
        assert_eq!(serde_json::to_value(row).unwrap(), expected);
        let service =
            json!({ "source_ip_address": "config.amazonaws.com", "account_name": "mine" });
        let (_, row) = enriched(Severity::Low, service);
        assert_eq!(row.get("source_country"), None);
        assert_eq!(row["account_name"], "mine");
    }

    fn check(severity: Severity, row: Value, expected: Severity, raised_by: Option<&str>) {
        let shown = row.to_string();
        let (severity, row) = enriched(severity, row);
        assert_eq!(severity, expected, "{shown}");
        assert_eq!(row.get("raised_by").and_then(Value::as_str), raised_by, "{shown}");
    }

    #[test]
    fn a_critical_asset_raises_the_severity_by_one_step() {
        use Severity::{Critical, High, Low, Medium};
        let ledger = Some("critical asset: ledger");
        check(Medium, json!({ "bucket_name": "ledger" }), High, ledger);
        check(High, json!({ "resources": [{ "arn": "arn:aws:s3:::ledger" }] }), Critical, ledger);
        check(Critical, json!({ "bucket_name": "ledger" }), Critical, None);
        check(Low, json!({ "instance_ids": ["i-0abc"] }), Medium, Some("critical asset: i-0abc"));
        check(Low, json!({ "name": "web" }), Low, None);
        check(Low, json!({ "user_identity_user_name": "ledger" }), Low, None);
    }

    #[test]
    fn tags_in_the_event_decide_too() {
        let context = json!({ "tagContext": { "resourceTags": [
            { "arn": "arn:aws:s3:::a", "tags": { "team": "x" } },
            { "arn": "arn:aws:s3:::b", "tags": { "Importance": "critical" } },
        ] } });
        let reason = Some("critical asset: arn:aws:s3:::b");
        check(Severity::Low, json!({ "event_context": context }), Severity::Medium, reason);
        let text = context.to_string();
        check(Severity::Low, json!({ "event_context": text }), Severity::Medium, reason);
        check(Severity::Low, json!({ "event_context": "{" }), Severity::Low, None);
    }

    #[test]
    fn assets_are_told_with_their_owner_and_only_in_their_account() {
        let (_, row) = enriched(Severity::Low, json!({ "a": ["web", "i-0abc"] }));
        let expected = json!([{ "name": "i-0abc", "owner": "ops", "importance": "low" }]);
        assert_eq!(row["assets"], expected);
    }
}
