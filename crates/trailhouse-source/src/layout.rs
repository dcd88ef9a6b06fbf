//! What lies in which folder of a bucket that CloudTrail delivers to.

use trailhouse_model::EventTime;

use crate::{
    filter::KeyFilter,
    key::{Kind, is_account},
};

/// What to do with a folder when objects are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderPlan {
    /// Its folders are named by accounts, kinds or regions: look at their names.
    Open,
    /// A region of one account or a part of it: its keys are in the order of delivery.
    List {
        /// No key up to this one is picked.
        start_after: Option<String>,
        /// No key from this one on is picked.
        end: Option<String>,
    },
    /// Nothing that is picked lies in it.
    Pass,
    /// Not in CloudTrail's layout: anything may lie in it.
    Unknown,
}

/// Plans for a folder, whose path is empty or ends in a slash.
///
/// A folder of CloudTrail's holds logs by the standard names only. Digests and aggregates, which
/// hold no events, and what other services deliver beside them are passed.
pub fn plan_folder(path: &str, filter: &KeyFilter) -> FolderPlan {
    let Some(path) = path.strip_suffix('/') else { return FolderPlan::Unknown };
    let folders: Vec<&str> = path.split('/').collect();
    // The prefix of a trail may hold an `AWSLogs` of its own, so the last one that fits counts.
    let roots = folders.iter().enumerate().rev().filter(|(_, name)| **name == "AWSLogs");
    for (root, _) in roots {
        let (above, below) = folders.split_at(root + 1);
        match plan_below(above, below, filter) {
            FolderPlan::Unknown => {}
            plan @ (FolderPlan::Open | FolderPlan::List { .. } | FolderPlan::Pass) => return plan,
        }
    }
    FolderPlan::Unknown
}

fn plan_below(above: &[&str], below: &[&str], filter: &KeyFilter) -> FolderPlan {
    let (organization, below) = match below {
        [first, rest @ ..] if first.starts_with("o-") => (Some(*first), rest),
        other => (None, other),
    };
    match below {
        [] => FolderPlan::Open,
        [account, ..] if !is_account(account) => FolderPlan::Unknown,
        [account, ..] if !filter.picks_account(account) => FolderPlan::Pass,
        [_] => FolderPlan::Open,
        [_, kind, ..] if !holds_events(kind) => FolderPlan::Pass,
        [_, _] => FolderPlan::Open,
        [_, _, region, ..] if !filter.picks_region(region) => FolderPlan::Pass,
        [account, kind, region, ..] => {
            let mut folder = above.to_vec();
            folder.extend(organization);
            folder.extend([*account, *kind, *region]);
            let folder = folder.join("/");
            let name = format!("{account}_{kind}_{region}");
            let bound = |at: EventTime| first_key(&folder, &name, at);
            FolderPlan::List {
                start_after: filter.first_minute().map(bound),
                end: filter.end_minute().map(bound),
            }
        }
    }
}

fn holds_events(kind: &str) -> bool {
    match Kind::parse(kind) {
        Some(Kind::Log | Kind::Insight | Kind::NetworkActivity) => true,
        Some(Kind::Digest | Kind::Aggregated) | None => false,
    }
}

/// Returns what all keys of this minute and later come after.
fn first_key(folder: &str, name: &str, at: EventTime) -> String {
    let (year, month, day) = at.civil_date();
    let minutes = at.micros().div_euclid(60_000_000).rem_euclid(24 * 60);
    let (hour, minute) = (minutes / 60, minutes % 60);
    format!(
        "{folder}/{year:04}/{month:02}/{day:02}/\
         {name}_{year:04}{month:02}{day:02}T{hour:02}{minute:02}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> KeyFilter {
        KeyFilter {
            from: Some(EventTime::parse_rfc3339("2026-06-01T09:59:59Z").unwrap()),
            to: Some(EventTime::parse_rfc3339("2026-06-03T00:00:01Z").unwrap()),
            accounts: ["111122223333".to_owned()].into(),
            regions: ["eu-west-1".to_owned()].into(),
        }
    }

    fn check(path: &str, expected: FolderPlan) {
        assert_eq!(plan_folder(path, &filter()), expected, "{path}");
    }

    #[test]
    fn folders_are_opened_down_to_the_region() {
        for path in [
            "AWSLogs/",
            "prod/AWSLogs/",
            "AWSLogs/o-1/",
            "AWSLogs/x/AWSLogs/111122223333/",
            "AWSLogs/111122223333/",
            "AWSLogs/o-1/111122223333/CloudTrail/",
            "AWSLogs/111122223333/CloudTrail-Insight/",
        ] {
            check(path, FolderPlan::Open);
        }
        for path in [
            "AWSLogs/444455556666/",
            "AWSLogs/111122223333/CloudTrail-Digest/",
            "AWSLogs/111122223333/elasticloadbalancing/eu-west-1/",
            "AWSLogs/111122223333/CloudTrail/us-east-1/2026/",
        ] {
            check(path, FolderPlan::Pass);
        }
        for path in ["", "logs/", "AWSLogs/backup/", "AWSLogsX/111122223333/"] {
            check(path, FolderPlan::Unknown);
        }
    }

    #[test]
    fn a_region_is_listed_from_the_first_minute_to_the_last() {
        let folder = "p/AWSLogs/o-1/111122223333/CloudTrail/eu-west-1";
        let name = "111122223333_CloudTrail_eu-west-1";
        let plan = FolderPlan::List {
            start_after: Some(format!("{folder}/2026/06/01/{name}_20260601T0959")),
            end: Some(format!("{folder}/2026/06/03/{name}_20260603T0001")),
        };
        check(&format!("{folder}/"), plan.clone());
        check(&format!("{folder}/2026/06/"), plan);
    }
}
