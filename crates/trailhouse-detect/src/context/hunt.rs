//! Looks for indicators in events of the past.

use std::collections::{BTreeSet, HashMap};

use trailhouse_model::EventTime;

use super::{
    indicator::{Indicator, IndicatorKind, parse_ip, parse_network},
    networks::NetworkIndex,
    site::Site,
};

/// The most principals that a sighting names.
pub const PRINCIPALS_MAX: usize = 20;
/// Agents are asked about once; of more different ones than this, each time.
const AGENTS_MAX: usize = 100_000;

/// The parts of an event that indicators may be found in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HuntedEvent<'e> {
    /// When it was.
    pub time: Option<EventTime>,
    /// Where it came from.
    pub source_ip_address: Option<&'e str>,
    /// With what.
    pub user_agent: Option<&'e str>,
    /// Everything that names who did it: ARNs, keys, accounts, users.
    pub identities: &'e [&'e str],
    /// What was asked for, as JSON.
    pub request_parameters: Option<&'e str>,
    /// Who did it, as sightings show it.
    pub principal: Option<&'e str>,
}

/// An indicator that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What was seen.
    pub indicator: Indicator,
    /// The list that has it.
    pub list: String,
    /// The first time.
    pub first_seen: Option<EventTime>,
    /// The last time.
    pub last_seen: Option<EventTime>,
    /// In how many events.
    pub events: u64,
    /// Who did them, at most [`PRINCIPALS_MAX`].
    pub principals: BTreeSet<String>,
}

/// Looks for all indicators of a site at once. What an event costs does not depend on how many
/// there are, but for user agents, of which each different one is asked about once.
///
/// Addresses and networks are looked for in the address that an event came from; ARNs, keys, users
/// and accounts among its identities; ARNs, keys, accounts, domains and URLs in the texts of its
/// request parameters. A domain stands for what is below it too. An indicator is looked for from
/// the beginning, whatever its `valid_from`, since it became known after it was used; from its
/// `valid_until` on it means nothing.
pub struct Hunt {
    sightings: Vec<Sighting>,
    networks: NetworkIndex,
    identities: HashMap<String, Vec<usize>>,
    requested: HashMap<String, Vec<usize>>,
    /// Parts of agents, in lower case.
    agents: Vec<(String, usize)>,
    asked_agents: HashMap<String, Vec<usize>>,
}

impl Hunt {
    /// Prepares to look for the indicators of a site.
    pub fn new(site: &Site) -> Self {
        let mut sightings = Vec::with_capacity(site.indicators());
        for (list, intel) in &site.intel {
            sightings.extend(intel.indicators.iter().map(|indicator| Sighting {
                indicator: indicator.clone(),
                list: list.clone(),
                first_seen: None,
                last_seen: None,
                events: 0,
                principals: BTreeSet::new(),
            }));
        }
        let mut identities: HashMap<String, Vec<usize>> = HashMap::new();
        let mut requested: HashMap<String, Vec<usize>> = HashMap::new();
        let (mut networks, mut agents) = (Vec::new(), Vec::new());
        for (place, sighting) in sightings.iter().enumerate() {
            let Indicator { kind, value, .. } = &sighting.indicator;
            match kind {
                IndicatorKind::Ip => {
                    networks.extend(parse_ip(value).map(|address| (place, address.into())));
                }
                IndicatorKind::Cidr => {
                    networks.extend(parse_network(value).map(|network| (place, network)));
                }
                IndicatorKind::UserAgent => agents.push((value.to_lowercase(), place)),
                IndicatorKind::User => identities.entry(value.clone()).or_default().push(place),
                IndicatorKind::Domain | IndicatorKind::Url => {
                    requested.entry(value.clone()).or_default().push(place);
                }
                IndicatorKind::Arn | IndicatorKind::AccessKey | IndicatorKind::Account => {
                    identities.entry(value.clone()).or_default().push(place);
                    requested.entry(value.clone()).or_default().push(place);
                }
            }
        }
        let networks = NetworkIndex::new(networks);
        let asked_agents = HashMap::new();
        Self { sightings, networks, identities, requested, agents, asked_agents }
    }

    /// Says whether request parameters must be given.
    pub fn reads_request_parameters(&self) -> bool {
        !self.requested.is_empty()
    }

    /// Looks at one event.
    pub fn observe(&mut self, event: &HuntedEvent<'_>) {
        let mut found = BTreeSet::new();
        if let Some(address) = event.source_ip_address.and_then(parse_ip) {
            found.extend(self.networks.holding(address));
        }
        for identity in event.identities {
            found.extend(self.identities.get(*identity).into_iter().flatten());
        }
        if let Some(agent) = event.user_agent {
            found.extend(self.agents_in(agent));
        }
        if let Some(parameters) = event.request_parameters
            && self.reads_request_parameters()
        {
            self.find_requested(parameters, &mut found);
        }
        for place in found {
            if let Some(sighting) = self.sightings.get_mut(place) {
                sighting.add(event);
            }
        }
    }

    /// Returns what was seen, the most recent first.
    pub fn finish(self) -> Vec<Sighting> {
        let mut seen = self.sightings;
        seen.retain(|sighting| sighting.events > 0);
        seen.sort_by(|one, other| {
            let by_time = other.last_seen.cmp(&one.last_seen);
            by_time.then_with(|| (&one.indicator, &one.list).cmp(&(&other.indicator, &other.list)))
        });
        seen
    }

    fn agents_in(&mut self, agent: &str) -> Vec<usize> {
        if self.agents.is_empty() {
            return Vec::new();
        }
        if let Some(known) = self.asked_agents.get(agent) {
            return known.clone();
        }
        let lower = agent.to_lowercase();
        let parts = self.agents.iter().filter(|(part, _)| lower.contains(part.as_str()));
        let found: Vec<usize> = parts.map(|(_, place)| *place).collect();
        if self.asked_agents.len() < AGENTS_MAX {
            self.asked_agents.insert(agent.to_owned(), found.clone());
        }
        found
    }

    /// Looks at every text of a JSON document, and at every domain in a text.
    fn find_requested(&self, parameters: &str, found: &mut BTreeSet<usize>) {
        for text in parameters.split('"') {
            found.extend(self.requested.get(text).into_iter().flatten());
            let is_domain = |ch: char| ch.is_ascii_alphanumeric() || "-_.".contains(ch);
            for word in text.split(|ch| !is_domain(ch)).filter(|word| word.contains('.')) {
                let lower = word.to_ascii_lowercase();
                let mut domain = lower.trim_matches('.');
                // A name has at most 127 labels.
                for _ in 0..127 {
                    found.extend(self.requested.get(domain).into_iter().flatten());
                    match domain.split_once('.') {
                        Some((_, parent)) => domain = parent,
                        None => break,
                    }
                }
            }
        }
    }
}

impl Sighting {
    fn add(&mut self, event: &HuntedEvent<'_>) {
        let is_over = |time| self.indicator.valid_until.is_some_and(|until| until <= time);
        if event.time.is_some_and(is_over) {
            return;
        }
        self.events = self.events.saturating_add(1);
        if let Some(time) = event.time {
            self.first_seen = Some(self.first_seen.map_or(time, |first| first.min(time)));
            self.last_seen = Some(self.last_seen.map_or(time, |last| last.max(time)));
        }
        if let Some(principal) = event.principal
            && !self.principals.contains(principal)
        {
            self.principals.insert(principal.to_owned());
            // The first by name stay, so that the order of events does not matter.
            if self.principals.len() > PRINCIPALS_MAX {
                self.principals.pop_last();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::site::{FileFormat, SiteTable};

    const INTEL: &str = "kind,value,valid_until\n\
        ip,198.51.100.7,\ncidr,198.51.100.0/24,\nip,192.0.2.1,2026-06-01\n\
        access_key,AKIAIOSFODNN7EXAMPLE,\nuser,mallory,\naccount,444455556666,\n\
        domain,evil.example,\nurl,https://a.example/x,\nuser_agent,Pacu,\n";

    fn hunt(events: &[HuntedEvent<'_>]) -> Vec<String> {
        let mut site = Site::default();
        let list = SiteTable::Intel("x".to_owned());
        site.add_text("x.csv", list, FileFormat::Csv, INTEL).unwrap();
        let mut hunt = Hunt::new(&site);
        for event in events {
            hunt.observe(event);
        }
        let told = |it: &Sighting| format!("{} {}", it.indicator.value, it.events);
        hunt.finish().iter().map(told).collect()
    }

    #[test]
    fn addresses_match_alone_and_by_network() {
        let from =
            |address| HuntedEvent { source_ip_address: Some(address), ..HuntedEvent::default() };
        let seen =
            hunt(&[from("198.51.100.7"), from("198.51.100.9"), from("config.amazonaws.com")]);
        assert_eq!(seen, ["198.51.100.7 1", "198.51.100.0/24 2"]);
    }

    #[test]
    fn what_is_no_longer_valid_is_not_seen() {
        let at = |time| HuntedEvent {
            time: EventTime::parse_rfc3339(time).ok(),
            source_ip_address: Some("192.0.2.1"),
            ..HuntedEvent::default()
        };
        assert_eq!(hunt(&[at("2026-06-01T00:00:00Z")]), Vec::<String>::new());
        assert_eq!(hunt(&[at("2026-05-31T23:59:59Z")]), ["192.0.2.1 1"]);
    }

    #[test]
    fn identities_agents_and_parameters_are_looked_at() {
        let event = HuntedEvent {
            user_agent: Some("pacu/1.0"),
            identities: &["AKIAIOSFODNN7EXAMPLE", "mallory"],
            request_parameters: Some(
                r#"{"userId": "444455556666", "url": "https://a.example/x", "host": "c2.EVIL.example"}"#,
            ),
            ..HuntedEvent::default()
        };
        let expected = [
            "evil.example 1",
            "https://a.example/x 1",
            "AKIAIOSFODNN7EXAMPLE 1",
            "mallory 1",
            "444455556666 1",
            "Pacu 1",
        ];
        assert_eq!(hunt(&[event]), expected);
        let harmless = HuntedEvent {
            user_agent: Some("aws-cli/2"),
            identities: &["mallory2"],
            request_parameters: Some(r#"{"userName": "mallory", "host": "notevil.example"}"#),
            ..HuntedEvent::default()
        };
        assert_eq!(hunt(&[harmless]), Vec::<String>::new());
    }

    #[test]
    fn of_many_principals_the_first_by_name_are_kept() {
        let names: Vec<String> = (0..30).map(|n| format!("user-{n:02}")).rev().collect();
        let mut site = Site::default();
        let list = SiteTable::Intel("x".to_owned());
        site.add_text("x.txt", list, FileFormat::Plain, "198.51.100.7\n").unwrap();
        let mut hunt = Hunt::new(&site);
        for name in &names {
            let address = Some("198.51.100.7");
            let principal = Some(name.as_str());
            hunt.observe(&HuntedEvent {
                source_ip_address: address,
                principal,
                ..HuntedEvent::default()
            });
        }
        let seen = hunt.finish();
        let kept: Vec<&str> = seen[0].principals.iter().map(String::as_str).collect();
        assert_eq!((kept.len(), kept[0], kept[19]), (PRINCIPALS_MAX, "user-00", "user-19"));
    }
}
