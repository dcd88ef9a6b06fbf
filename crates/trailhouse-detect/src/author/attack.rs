//! The techniques of ATT&CK, by their present ids and by those that they had before.
//!
//! The tables hold Enterprise ATT&CK v19 (April 2026): id, name, tactics, and whether the platform
//! IaaS is among those of the technique. The platforms are those of v18.1; a technique that v19
//! renumbered keeps the ones it had. The second table leads from ids that v19 or an earlier
//! version revoked to the one that took their place. Ids whose successor is in doubt
//! (T1562.003, .006, .011, .012, .013) are in neither table.
//!
//! (c) The MITRE Corporation. ATT&CK is reproduced and distributed with the permission of The MITRE
//! Corporation.

use std::{collections::BTreeMap, sync::LazyLock};

/// The version of ATT&CK that the ids are reported in.
pub const ATTACK_VERSION: &str = "19";

/// A technique or sub-technique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTechnique {
    /// Its id, like `T1685.002`.
    pub id: &'static str,
    /// Its name, without that of its parent.
    pub name: &'static str,
    /// The ids of the tactics that it serves.
    pub tactics: Vec<&'static str>,
    /// Whether it is in the matrix of IaaS clouds, which AWS is one of.
    pub is_iaas: bool,
}

impl KnownTechnique {
    /// Returns the id of the technique that a sub-technique belongs to.
    pub fn parent(&self) -> Option<&'static str> {
        self.id.split_once('.').map(|(parent, _)| parent)
    }
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A technique of the present version.
    Current(&'static KnownTechnique),
    /// An id of an earlier version; the technique now has another.
    Renumbered(&'static KnownTechnique),
    /// No id that is known here.
    Unknown,
}

/// A tactic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tactic {
    /// Its id, like `TA0112`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its name as it stands in layers of the Navigator.
    pub short_name: &'static str,
}

/// The tactics in the order of the matrix.
pub const TACTICS: [Tactic; 15] = [
    tactic("TA0043", "Reconnaissance", "reconnaissance"),
    tactic("TA0042", "Resource Development", "resource-development"),
    tactic("TA0001", "Initial Access", "initial-access"),
    tactic("TA0002", "Execution", "execution"),
    tactic("TA0003", "Persistence", "persistence"),
    tactic("TA0004", "Privilege Escalation", "privilege-escalation"),
    tactic("TA0005", "Stealth", "stealth"),
    tactic("TA0112", "Defense Impairment", "defense-impairment"),
    tactic("TA0006", "Credential Access", "credential-access"),
    tactic("TA0007", "Discovery", "discovery"),
    tactic("TA0008", "Lateral Movement", "lateral-movement"),
    tactic("TA0009", "Collection", "collection"),
    tactic("TA0011", "Command and Control", "command-and-control"),
    tactic("TA0010", "Exfiltration", "exfiltration"),
    tactic("TA0040", "Impact", "impact"),
];

const fn tactic(id: &'static str, name: &'static str, short_name: &'static str) -> Tactic {
    Tactic { id, name, short_name }
}

/// Returns all techniques, by id.
pub fn techniques() -> impl Iterator<Item = &'static KnownTechnique> {
    TECHNIQUES.values()
}

/// Says what an id stands for.
pub fn standing(id: &str) -> Standing {
    if let Some(technique) = TECHNIQUES.get(id) {
        return Standing::Current(technique);
    }
    let successor = RENUMBERED.get(id).and_then(|id| TECHNIQUES.get(id));
    successor.map_or(Standing::Unknown, Standing::Renumbered)
}

/// Returns the names of tactics, in the order of the matrix.
pub fn tactic_names(ids: &[&str]) -> Vec<&'static str> {
    TACTICS.iter().filter(|tactic| ids.contains(&tactic.id)).map(|tactic| tactic.name).collect()
}

static TECHNIQUES: LazyLock<BTreeMap<&str, KnownTechnique>> = LazyLock::new(|| {
    let rows = include_str!("attack/techniques.tsv").lines().filter_map(read_technique);
    rows.map(|technique| (technique.id, technique)).collect()
});

static RENUMBERED: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    include_str!("attack/renumbered.tsv").lines().filter_map(|row| row.split_once('\t')).collect()
});

fn read_technique(row: &'static str) -> Option<KnownTechnique> {
    let mut cells = row.split('\t');
    Some(KnownTechnique {
        id: cells.next()?,
        name: cells.next()?,
        tactics: cells.next()?.split(' ').collect(),
        is_iaas: cells.next()? == "iaas",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::technique::Technique;

    #[test]
    fn the_tables_are_whole() {
        assert_eq!(techniques().count(), include_str!("attack/techniques.tsv").lines().count());
        // The release notes of v19 count 222 techniques and 475 sub-techniques.
        let (subs, tops): (Vec<_>, Vec<_>) = techniques().partition(|it| it.parent().is_some());
        assert_eq!((tops.len(), subs.len()), (222, 475));
        for technique in techniques() {
            assert!(Technique::parse(technique.id).is_some(), "{technique:?}");
            assert!(technique.parent().is_none_or(|id| TECHNIQUES.contains_key(id)));
            assert_eq!(tactic_names(&technique.tactics).len(), technique.tactics.len());
        }
        for (old, new) in RENUMBERED.iter() {
            assert!(!TECHNIQUES.contains_key(old), "{old} is no old id");
            assert!(TECHNIQUES.contains_key(new), "{old} leads to {new}, which is not there");
        }
    }

    #[test]
    fn old_ids_lead_to_the_present_technique() {
        let check = |old: &str, new: Option<&str>| {
            let found = match standing(old) {
                Standing::Renumbered(technique) => Some(technique.id),
                Standing::Current(_) | Standing::Unknown => None,
            };
            assert_eq!(found, new, "{old}");
        };
        check("T1562", Some("T1685"));
        check("T1562.001", Some("T1685"));
        check("T1562.007", Some("T1686.001"));
        check("T1562.008", Some("T1685.002"));
        check("T1089", Some("T1685"));
        check("T1536", Some("T1578.004"));
        check("T1685.002", None);
        check("T1562.006", None);
        check("T9999", None);
    }
}
