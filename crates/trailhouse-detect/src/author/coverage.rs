//! Which techniques the detections of packs find, and which they leave open.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::attack::{self, ATTACK_VERSION, KnownTechnique, Standing, TACTICS};
use crate::{
    catalog::PackEntry,
    words::{Mode, Status},
};

/// A technique and what finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredTechnique {
    /// The technique.
    pub technique: &'static KnownTechnique,
    /// The ids of its detections.
    pub detections: BTreeSet<String>,
    /// Ids of earlier versions under which detections name it.
    pub named_as: BTreeSet<String>,
}

/// What detections cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Techniques that a detection names, by id.
    pub covered: Vec<CoveredTechnique>,
    /// Techniques of IaaS clouds that none names, by id. A technique is no gap where one of its
    /// sub-techniques is covered.
    pub gaps: Vec<&'static KnownTechnique>,
    /// Ids that ATT&CK does not have, each with the detection that names it.
    pub unknown: Vec<(String, String)>,
}

/// Says what the detections cover. Those that are paused or deprecated cover nothing.
pub fn coverage<'e>(entries: impl IntoIterator<Item = &'e PackEntry>) -> Coverage {
    let mut covered: BTreeMap<&str, CoveredTechnique> = BTreeMap::new();
    let mut unknown = Vec::new();
    for entry in entries.into_iter().filter(|entry| is_watching(entry)) {
        let detection = entry.detection.id.as_str();
        for named in &entry.detection.techniques {
            let (technique, old_id) = match attack::standing(&named.technique) {
                Standing::Current(technique) => (technique, None),
                Standing::Renumbered(technique) => (technique, Some(named.technique.clone())),
                Standing::Unknown => {
                    unknown.push((named.technique.clone(), detection.to_owned()));
                    continue;
                }
            };
            let row = covered.entry(technique.id).or_insert_with(|| CoveredTechnique {
                technique,
                detections: BTreeSet::new(),
                named_as: BTreeSet::new(),
            });
            row.detections.insert(detection.to_owned());
            row.named_as.extend(old_id);
        }
    }
    let is_covered = |technique: &KnownTechnique| {
        let mut found = covered.values().map(|row| row.technique);
        found.any(|it| it.id == technique.id || it.parent() == Some(technique.id))
    };
    let gaps = attack::techniques().filter(|technique| technique.is_iaas && !is_covered(technique));
    Coverage { gaps: gaps.collect(), covered: covered.into_values().collect(), unknown }
}

fn is_watching(entry: &PackEntry) -> bool {
    let runs = match entry.detection.mode {
        Mode::Active | Mode::Staging => true,
        Mode::Paused => false,
    };
    let is_kept = match entry.detection.status {
        Status::Draft | Status::Experimental | Status::Stable => true,
        Status::Deprecated => false,
    };
    runs && is_kept
}

impl Coverage {
    /// Returns a layer of the ATT&CK Navigator, format 4.5: the score of a technique is the number
    /// of its detections.
    pub fn navigator_layer(&self, name: &str) -> Value {
        let techniques: Vec<Value> = self.covered.iter().flat_map(layer_entries).collect();
        let most = self.covered.iter().map(|row| row.detections.len()).max().unwrap_or(1);
        json!({
            "name": name,
            "versions": { "attack": ATTACK_VERSION, "navigator": "5.1.0", "layer": "4.5" },
            "domain": "enterprise-attack",
            "description": "Techniques that detections of Trailhouse name; the score counts them",
            "sorting": 3,
            "hideDisabled": false,
            "techniques": techniques,
            "gradient": {
                "colors": ["#c7e9c0ff", "#006d2cff"],
                "minValue": 0,
                "maxValue": most,
            },
            "legendItems": [],
            "metadata": [],
            "links": [],
            "showTacticRowBackground": false,
            "selectTechniquesAcrossTactics": true,
            "selectSubtechniquesWithParent": false,
        })
    }
}

fn layer_entries(row: &CoveredTechnique) -> Vec<Value> {
    let detections: Vec<&str> = row.detections.iter().map(String::as_str).collect();
    let tactics = TACTICS.iter().filter(|tactic| row.technique.tactics.contains(&tactic.id));
    tactics
        .map(|tactic| {
            json!({
                "techniqueID": row.technique.id,
                "tactic": tactic.short_name,
                "score": detections.len(),
                "comment": detections.join("\n"),
                "enabled": true,
                "metadata": [],
                "links": [],
                "showSubtechniques": true,
            })
        })
        .collect()
}
