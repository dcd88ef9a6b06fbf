//! Overlays: what a site sets otherwise than a pack does, without a copy of the pack.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use toml::de::DeTable;
use trailhouse_model::Severity;

use super::{
    place::{Place, SiteFile},
    selector::RuleSelector,
};
use crate::{
    cron::CronExpression,
    definition::Detection,
    diagnostic::{DetectionError, DetectionErrorCode as Code, DetectionErrors, Report},
    section::{Keys, Section, read_document},
    tables::{ParamValue, param_value},
    words::Mode,
};

/// One table of an overlay file. What is absent stays as the pack has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// The rules that it changes.
    pub rule: RuleSelector,
    /// Their severity where no output column says otherwise.
    pub severity: Option<Severity>,
    /// What they may do.
    pub mode: Option<Mode>,
    /// Who answers for them.
    pub owner: Option<String>,
    /// The values of parameters, by name.
    pub params: BTreeMap<String, ParamChange>,
    /// Which rows they judge, and when.
    pub window: Option<WindowChange>,
    /// How findings become alerts.
    pub alert: AlertChange,
    /// Where it stands.
    pub place: Place,
}

/// Another value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamChange {
    /// The value.
    pub value: ParamValue,
    /// Where it stands.
    pub place: Place,
}

/// Other values of `[window]`. An `every` takes the place of a `cron`, and the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of a window")]
pub struct WindowChange {
    pub every: Option<Duration>,
    pub cron: Option<CronExpression>,
    pub lookback: Option<Duration>,
    pub lateness: Option<Duration>,
    pub span: Option<Duration>,
    /// Where it stands.
    pub place: Place,
}

/// Other values of `[alert]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertChange {
    /// How long rows with the same key are one finding.
    pub dedupe: Option<Duration>,
    /// The most alerts of one run.
    pub alerts_max: Option<u32>,
}

const OVERLAY_KEYS: Keys =
    Keys { known: &["severity", "mode", "owner", "params", "window", "alert"], required: &[] };
const WINDOW_KEYS: Keys =
    Keys { known: &["every", "cron", "lookback", "lateness", "span"], required: &[] };
const ALERT_KEYS: Keys = Keys { known: &["dedupe", "max_alerts"], required: &[] };

/// Reads a file of overlays. `origin` only names the file in messages.
pub fn parse_overlays(origin: &str, text: String) -> Result<Vec<Overlay>, DetectionErrors> {
    let file = Arc::new(SiteFile { origin: origin.to_owned(), text });
    let report = Report::new(&file.origin, &file.text);
    read_document(&file.text, report, |table, _, report| {
        let mut overlays = Vec::new();
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            let mut refuse = |span: Range<usize>, code: Code, message: String, help: &str| {
                report.push(code, span, message, Some(help.to_owned()));
            };
            match (RuleSelector::parse(name), value.get_ref().as_table()) {
                (Err(help), _) => {
                    let message = format!("`{name}` names no rule");
                    refuse(key.span(), Code::BadValue, message, help);
                }
                (Ok(_), None) => {
                    let message = format!("`{name}` must be a table");
                    refuse(value.span(), Code::WrongType, message, "write [\"ID\"] above its keys");
                }
                (Ok(rule), Some(inner)) => {
                    let place = Place::new(&file, key.span());
                    overlays.push(read_overlay(rule, name, inner, place, &file, report));
                }
            }
        }
        overlays.sort_by_key(|overlay| overlay.place.span().start);
        Some(overlays)
    })
}

fn read_overlay(
    rule: RuleSelector,
    name: &str,
    table: &DeTable<'_>,
    place: Place,
    file: &Arc<SiteFile>,
    report: &mut Report<'_>,
) -> Overlay {
    let span = place.span();
    let section = Section::open(format!("\"{name}\""), table, span, &OVERLAY_KEYS, report);
    let alert = section.child("alert", &ALERT_KEYS, report);
    let window = section.child("window", &WINDOW_KEYS, report);
    Overlay {
        severity: section.choice("severity", &Severity::ALL, Severity::as_str, report),
        mode: section.choice("mode", &Mode::ALL, Mode::as_str, report),
        owner: section.line("owner", report),
        params: read_params(&section, file, report),
        window: window.map(|window| WindowChange {
            every: window.period("every", report),
            cron: window.parsed("cron", report, CronExpression::parse),
            lookback: window.period("lookback", report),
            lateness: window.period("lateness", report),
            span: window.period("span", report),
            place: Place::new(file, window.span()),
        }),
        alert: alert.map_or_else(AlertChange::default, |alert| AlertChange {
            dedupe: alert.period("dedupe", report),
            alerts_max: alert.count("max_alerts", report),
        }),
        rule,
        place,
    }
}

fn read_params(
    section: &Section<'_>,
    file: &Arc<SiteFile>,
    report: &mut Report<'_>,
) -> BTreeMap<String, ParamChange> {
    let mut params = BTreeMap::new();
    let Some(inner) = section.free_child("params", report) else {
        return params;
    };
    for name in inner.names() {
        let Some(found) = inner.value(name) else { continue };
        if let Some(value) = param_value(&inner, name, &found, report) {
            let place = Place::new(file, found.span);
            params.insert(name.to_owned(), ParamChange { value, place });
        }
    }
    params
}

impl Overlay {
    /// Changes a rule that is meant, and its parameters; returns the values of other types than the
    /// rule's. A parameter that the rule does not have is passed over here, and so is whether the
    /// window goes together: a later overlay may mend it.
    pub(crate) fn apply(
        &self,
        detection: &mut Detection,
        params: &mut BTreeMap<String, ParamValue>,
    ) -> Vec<DetectionError> {
        detection.severity = self.severity.unwrap_or(detection.severity);
        detection.mode = self.mode.unwrap_or(detection.mode);
        if self.owner.is_some() {
            detection.owner.clone_from(&self.owner);
        }
        detection.alert.dedupe = self.alert.dedupe.unwrap_or(detection.alert.dedupe);
        detection.alert.alerts_max = self.alert.alerts_max.or(detection.alert.alerts_max);
        let mut errors = Vec::new();
        for (name, change) in &self.params {
            let Some(current) = params.get_mut(name) else { continue };
            match change.value.fitted_to(current) {
                Some(value) => *current = value,
                None => {
                    let message = format!(
                        "`{name}` of `{}` is {}, not {}",
                        detection.id,
                        current.type_name(),
                        change.value.type_name()
                    );
                    let help = "use a value of the type that the rule's default has";
                    errors.push(change.place.error(Code::WrongType, message, help));
                }
            }
        }
        if let Some(change) = &self.window {
            change.apply(detection);
        }
        errors
    }
}

impl WindowChange {
    fn apply(&self, detection: &mut Detection) {
        let window = &mut detection.window;
        if self.every.is_some() || self.cron.is_some() {
            window.every = self.every;
            window.cron.clone_from(&self.cron);
        }
        window.lookback = self.lookback.or(window.lookback);
        window.lateness = self.lateness.or(window.lateness);
        window.span = self.span.or(window.span);
    }

    /// Returns what does not go together in the window of a rule that this change was the last one
    /// to touch.
    pub(crate) fn problems(&self, detection: &Detection) -> Vec<DetectionError> {
        let mut errors = Vec::new();
        for problem in detection.window.problems() {
            let message = format!("with this, {} in `{}`", problem.message, detection.id);
            errors.push(self.place.error(Code::BadValue, message, problem.help));
        }
        errors
    }
}
