//! Silences: alerts that are held back until a time. The findings are kept.

use trailhouse_model::EventTime;

use super::{place::Place, selector::RuleSelector};
use crate::{
    diagnostic::Report,
    section::{Keys, Section},
};

/// A table `[[silence]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Names it in `suppressed_by`: its file and its line.
    pub id: String,
    /// The rules that it silences.
    pub rule: RuleSelector,
    /// The entity that it silences; all of them where it is absent.
    pub entity: Option<String>,
    /// The moment at which it ends.
    pub until: EventTime,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it stands.
    pub place: Place,
}

impl Silence {
    /// Says whether it holds back the alert of a finding about this entity.
    pub fn covers(&self, entity: Option<&str>, now: EventTime) -> bool {
        let is_meant = self.entity.as_deref().is_none_or(|meant| Some(meant) == entity);
        is_meant && now < self.until
    }

    /// Returns what a silenced finding has in `suppressed_by`.
    pub fn label(&self) -> String {
        format!("silence:{}", self.id)
    }
}

pub(crate) const SILENCE_KEYS: Keys = Keys {
    known: &["rule", "entity", "until", "reason", "owner"],
    required: &["rule", "until", "reason", "owner"],
};

pub(crate) fn read_silence(
    section: &Section<'_>,
    place: Place,
    report: &mut Report<'_>,
) -> Option<Silence> {
    let rule = section.parsed("rule", report, RuleSelector::parse);
    let entity = section.line("entity", report);
    let until = section.moment("until", report);
    let reason = section.line("reason", report);
    let owner = section.line("owner", report);
    Some(Silence {
        id: format!("{}:{}", place.origin(), place.line()),
        rule: rule?,
        entity,
        until: until?,
        reason: reason?,
        owner: owner?,
        place,
    })
}
