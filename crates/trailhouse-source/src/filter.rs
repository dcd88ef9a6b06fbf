//! Which objects are asked for, by what their keys say.

use std::collections::BTreeSet;

use trailhouse_model::EventTime;

use crate::key::classify_key;

const MINUTE_MICROS: i64 = 60_000_000;

/// Picks objects by account, region and minute of delivery. The default picks all.
///
/// Only keys are looked at: a minute of delivery is later than the events by some minutes, rarely
/// by more. Where something is asked for, a key that does not say it is not picked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Objects that were delivered in this minute or later.
    pub from: Option<EventTime>,
    /// Objects that were delivered before this time.
    pub to: Option<EventTime>,
    /// Objects of these accounts; of all where there is none.
    pub accounts: BTreeSet<String>,
    /// Objects of these regions; of all where there is none.
    pub regions: BTreeSet<String>,
}

impl KeyFilter {
    /// Says whether every object is picked.
    pub fn picks_all(&self) -> bool {
        let Self { from, to, accounts, regions } = self;
        from.is_none() && to.is_none() && accounts.is_empty() && regions.is_empty()
    }

    /// Says whether the object under this key is picked.
    pub fn picks(&self, key: &str) -> bool {
        if self.picks_all() {
            return true;
        }
        let kind = classify_key(key);
        let Some(facts) = kind.facts() else { return false };
        let in_time = || match facts.delivered_at {
            Some(at) => {
                self.first_minute().is_none_or(|from| at >= from)
                    && self.to.is_none_or(|to| at < to)
            }
            None => self.from.is_none() && self.to.is_none(),
        };
        said(&self.accounts, facts.account.as_deref())
            && said(&self.regions, facts.region.as_deref())
            && in_time()
    }

    pub(crate) fn picks_account(&self, account: &str) -> bool {
        said(&self.accounts, Some(account))
    }

    pub(crate) fn picks_region(&self, region: &str) -> bool {
        said(&self.regions, Some(region))
    }

    /// Returns the first minute that is picked: the one in which `from` lies.
    pub(crate) fn first_minute(&self) -> Option<EventTime> {
        self.from.map(|from| minute_of(from.micros()))
    }

    /// Returns the first minute that is not picked any more.
    pub(crate) fn end_minute(&self) -> Option<EventTime> {
        self.to.map(|to| minute_of(to.micros().saturating_add(MINUTE_MICROS - 1)))
    }
}

fn minute_of(micros: i64) -> EventTime {
    EventTime::from_micros(micros.div_euclid(MINUTE_MICROS).saturating_mul(MINUTE_MICROS))
}

fn said(wanted: &BTreeSet<String>, found: Option<&str>) -> bool {
    wanted.is_empty() || found.is_some_and(|found| wanted.contains(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<EventTime> {
        Some(EventTime::parse_rfc3339(text).unwrap())
    }

    fn check(filter: &KeyFilter, name: &str, expected: bool) {
        assert_eq!(filter.picks(name), expected, "{filter:?} {name}");
    }

    #[test]
    fn a_range_of_time_is_half_open_in_whole_minutes() {
        let filter = KeyFilter {
            from: at("2026-06-01T10:00:30Z"),
            to: at("2026-06-01T12:00:00Z"),
            ..KeyFilter::default()
        };
        let name = |minute: &str| format!("111122223333_CloudTrail_eu-west-1_{minute}Z_a.json.gz");
        check(&filter, &name("20260601T0959"), false);
        check(&filter, &name("20260601T1000"), true);
        check(&filter, &name("20260601T1159"), true);
        check(&filter, &name("20260601T1200"), false);
    }

    #[test]
    fn what_a_key_does_not_say_is_not_picked() {
        let named = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/06/01/x.json";
        let one = |text: &str| BTreeSet::from([text.to_owned()]);
        let account = KeyFilter { accounts: one("111122223333"), ..KeyFilter::default() };
        check(&account, named, true);
        check(&account, "events.json", false);
        let both = KeyFilter { regions: one("us-east-1"), ..account };
        check(&both, named, false);
        check(&KeyFilter { to: at("2099-01-01T00:00:00Z"), ..KeyFilter::default() }, named, false);
        check(&KeyFilter::default(), "events.json", true);
    }
}
