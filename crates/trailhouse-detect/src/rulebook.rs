//! The rulebook: the rules of all packs as a site has changed them.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use trailhouse_model::{EventTime, ObjectId};

use crate::{
    catalog::{MANIFEST_PATH, Pack, PackEntry, PackQuery},
    definition::Detection,
    diagnostic::{DetectionError, DetectionErrorCode as Code, without_place},
    lint::{LintFinding, LintRule},
    site::{
        SiteRules, exception::Exception, place::Place, selector::RuleSelector, silence::Silence,
    },
    tables::ParamValue,
    window::EventPeriods,
    words::{CalendarDay, WindowOn},
};

/// How many days ahead an exception or a silence may end without a word.
pub const END_DAYS_MAX: i64 = 180;

/// What the rules will be run by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// The version of the program, like `0.1.0`.
    pub version: String,
    /// The version of the table contract that it keeps.
    pub contract: u32,
}

/// A detection of a pack as the site has changed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The pack it comes from.
    pub pack_id: String,
    /// What the pack has.
    pub entry: PackEntry,
    /// The detection with what the site's overlays say; its SQL is the pack's.
    pub detection: Detection,
    /// The values of its parameters, by name.
    pub params: Vec<(String, ParamValue)>,
    /// The exceptions that are about it and have not expired, in their order.
    pub exceptions: Vec<Arc<Exception>>,
    /// The silences that are about it, in their order.
    pub silences: Vec<Arc<Silence>>,
}

/// A query of a pack, to be run by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulebookQuery {
    /// The pack it comes from.
    pub pack_id: String,
    /// The query; its path is its name.
    pub query: PackQuery,
}

/// All rules, by id.
#[derive(Debug, Clone, PartialEq)]
pub struct Rulebook {
    /// The rules, by id; paused ones are among them.
    pub rules: Vec<Rule>,
    /// The queries, by pack and path.
    pub queries: Vec<RulebookQuery>,
    /// What should be looked at, although the rules can be run.
    pub notices: Vec<LintFinding>,
}

/// The packs and the site's files do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} mistakes in packs and site files", errors.len())]
pub struct RulebookErrors {
    /// Every mistake; at least one.
    pub errors: Vec<DetectionError>,
}

impl Rule {
    /// Returns 16 hexadecimal digits that change with what the rule means: its SQL, the values of
    /// its parameters, which rows it judges, and what makes two rows one finding. How often it
    /// runs by arrival, how it alerts and what it is called change nothing.
    pub fn version(&self) -> String {
        let Detection { sql, window, alert, .. } = &self.detection;
        let seconds = |period: Option<Duration>| {
            period.map_or_else(|| "none".to_owned(), |period| period.as_secs().to_string())
        };
        let mut parts = vec!["rule".to_owned(), sql.clone(), seconds(window.lookback)];
        match window.event_periods() {
            None => parts.push(WindowOn::Arrival.as_str().to_owned()),
            Some(EventPeriods { every, span, lateness, judge }) => {
                parts.extend([WindowOn::Event.as_str(), judge.as_str()].map(str::to_owned));
                parts.extend([Some(every), Some(span), lateness].map(seconds));
            }
        }
        parts.push(seconds(Some(alert.dedupe)));
        parts.extend(self.params.iter().map(|(name, value)| format!("{name} = {value}")));
        match &alert.key {
            None => parts.push("default key".to_owned()),
            Some(key) => parts.extend(key.iter().map(|column| format!("key {column}"))),
        }
        let parts: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
        ObjectId::from_parts(&parts).to_string().chars().take(16).collect()
    }

    /// Returns the silence that holds back an alert about this entity.
    pub fn silenced_by(&self, entity: Option<&str>, now: EventTime) -> Option<&Silence> {
        self.silences.iter().find(|silence| silence.covers(entity, now)).map(Arc::as_ref)
    }
}

impl Rulebook {
    /// Puts packs and the site's files together. An overlay for one id has the last word over one
    /// for a glob or a tag; among equals the later one has it, by file and by its place there.
    /// All mistakes are reported together.
    pub fn assemble(
        packs: Vec<Pack>,
        site: SiteRules,
        engine: &Engine,
        today: CalendarDay,
    ) -> Result<Self, RulebookErrors> {
        let mut errors = Vec::new();
        for pack in &packs {
            errors.extend(check_engine(pack, engine));
        }
        let (mut rules, queries) = take_packs(packs, &mut errors);
        apply_overlays(&mut rules, &site, &mut errors);
        let notices = attach(&mut rules, site, today, &mut errors);
        if errors.is_empty() {
            Ok(Self { rules: rules.into_values().collect(), queries, notices })
        } else {
            Err(RulebookErrors { errors })
        }
    }

    /// Returns the rule of that id.
    pub fn find(&self, id: &str) -> Option<&Rule> {
        let by_id = |rule: &Rule| rule.detection.id.as_str().cmp(id);
        self.rules.binary_search_by(by_id).ok().and_then(|index| self.rules.get(index))
    }
}

type RulesById = BTreeMap<String, Rule>;

fn check_engine(pack: &Pack, engine: &Engine) -> Option<DetectionError> {
    let manifest = &pack.manifest;
    let message = match (&manifest.min_trailhouse, manifest.contract) {
        (Some(wanted), _) if numbers(wanted) > numbers(&engine.version) => {
            format!("the pack needs trailhouse {wanted}, this is {}", engine.version)
        }
        (_, Some(contract)) if contract > engine.contract => format!(
            "the pack needs table contract {contract}, this trailhouse keeps {}",
            engine.contract
        ),
        (_, _) => return None,
    };
    let origin = format!("{}/{MANIFEST_PATH}", manifest.id);
    Some(without_place(&origin, Code::BadPack, message))
}

/// Reads the three numbers of a version; what follows a `-` or `+` does not count.
fn numbers(version: &str) -> [u64; 3] {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = [0; 3];
    for (number, text) in numbers.iter_mut().zip(release.split('.')) {
        *number = text.parse().unwrap_or_default();
    }
    numbers
}

fn take_packs(
    packs: Vec<Pack>,
    errors: &mut Vec<DetectionError>,
) -> (RulesById, Vec<RulebookQuery>) {
    let (mut rules, mut queries) = (RulesById::new(), Vec::new());
    for pack in packs {
        let pack_id = pack.manifest.id;
        for entry in pack.entries {
            match rules.entry(entry.detection.id.as_str().to_owned()) {
                Entry::Vacant(slot) => {
                    slot.insert(rule_of(&pack_id, entry));
                }
                Entry::Occupied(taken) => {
                    let first = taken.get();
                    let message = format!(
                        "the id `{}` is already taken by {}/{}",
                        taken.key(),
                        first.pack_id,
                        first.entry.path
                    );
                    let origin = format!("{pack_id}/{}", entry.path);
                    errors.push(without_place(&origin, Code::BadPack, message));
                }
            }
        }
        let of_pack = |query| RulebookQuery { pack_id: pack_id.clone(), query };
        queries.extend(pack.queries.into_iter().map(of_pack));
    }
    queries.sort_by(|a, b| (&a.pack_id, &a.query.path).cmp(&(&b.pack_id, &b.query.path)));
    (rules, queries)
}

fn rule_of(pack_id: &str, entry: PackEntry) -> Rule {
    let detection = entry.detection.clone();
    let params = detection.params.iter();
    let params = params.map(|(name, param)| (name.clone(), param.default.clone())).collect();
    Rule {
        pack_id: pack_id.to_owned(),
        entry,
        detection,
        params,
        exceptions: Vec::new(),
        silences: Vec::new(),
    }
}

fn apply_overlays(rules: &mut RulesById, site: &SiteRules, errors: &mut Vec<DetectionError>) {
    let is_of_one = |selector: &RuleSelector| match selector {
        RuleSelector::Id(_) => true,
        RuleSelector::Glob(_) | RuleSelector::Tag(_) => false,
    };
    let mut windows = BTreeMap::new();
    let mut overlays: Vec<_> = site.overlays.iter().collect();
    overlays.sort_by_key(|overlay| is_of_one(&overlay.rule));
    for overlay in overlays {
        let mut unknown: BTreeMap<_, _> = overlay.params.iter().collect();
        let mut is_used = false;
        for rule in rules.values_mut().filter(|rule| overlay.rule.matches(&rule.detection)) {
            is_used = true;
            let mut params: BTreeMap<_, _> = rule.params.drain(..).collect();
            unknown.retain(|name, _| !params.contains_key(*name));
            errors.extend(overlay.apply(&mut rule.detection, &mut params));
            let id = rule.detection.id.as_str().to_owned();
            windows.extend(overlay.window.as_ref().map(|change| (id, change)));
            rule.params = params.into_iter().collect();
        }
        if !is_used {
            errors.push(names_no_rule(&overlay.place, &overlay.rule, rules));
            continue;
        }
        for (name, change) in unknown {
            let message = format!("no rule of `{}` has a parameter `{name}`", overlay.rule);
            let help = "`trailhouse detect show ID` lists the parameters of a rule";
            errors.push(change.place.error(Code::UnknownKey, message, help));
        }
    }
    for (id, change) in windows {
        errors.extend(rules.get(&id).iter().flat_map(|rule| change.problems(&rule.detection)));
    }
}

fn names_no_rule(place: &Place, selector: &RuleSelector, rules: &RulesById) -> DetectionError {
    let ids: Vec<&str> = rules.keys().map(String::as_str).collect();
    let help = match crate::section::nearest(&selector.to_string(), &ids) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`trailhouse detect ls` shows the rules".to_owned(),
    };
    place.error(Code::BadValue, format!("no rule is `{selector}`"), &help)
}

/// Gives exceptions and silences to the rules that they are about, and says which of them have
/// ended or end late.
fn attach(
    rules: &mut RulesById,
    site: SiteRules,
    today: CalendarDay,
    errors: &mut Vec<DetectionError>,
) -> Vec<LintFinding> {
    let mut notices = Vec::new();
    let mut first_places: BTreeMap<String, Place> = BTreeMap::new();
    for exception in site.exceptions.into_iter().map(Arc::new) {
        let id = exception.id.as_str();
        if let Some(first) = first_places.get(id) {
            let message = format!("the exception `{id}` is already in {}", shown(first));
            let help = "remove one of them, or give it another `id`";
            errors.push(exception.place.error(Code::BadValue, message, help));
        }
        first_places.insert(id.to_owned(), exception.place.clone());
        notices.extend(notice("exception", id, &exception.place, exception.expires, today));
        let is_current = exception.is_current(today);
        let is_used = give(rules, &exception.rule, |rule| {
            if is_current {
                rule.exceptions.push(Arc::clone(&exception));
            }
        });
        if !is_used {
            errors.push(names_no_rule(&exception.place, &exception.rule, rules));
        }
    }
    for silence in site.silences.into_iter().map(Arc::new) {
        let last_day = CalendarDay::of(silence.until);
        notices.extend(notice("silence", &silence.id, &silence.place, last_day, today));
        let is_used = give(rules, &silence.rule, |rule| rule.silences.push(Arc::clone(&silence)));
        if !is_used {
            errors.push(names_no_rule(&silence.place, &silence.rule, rules));
        }
    }
    notices
}

fn shown(place: &Place) -> String {
    format!("{}:{}", place.origin(), place.line())
}

/// Says whether any rule is meant.
fn give(rules: &mut RulesById, selector: &RuleSelector, mut to: impl FnMut(&mut Rule)) -> bool {
    let mut is_used = false;
    for rule in rules.values_mut().filter(|rule| selector.matches(&rule.detection)) {
        to(rule);
        is_used = true;
    }
    is_used
}

fn notice(
    kind: &str,
    id: &str,
    place: &Place,
    last_day: CalendarDay,
    today: CalendarDay,
) -> Option<LintFinding> {
    let (origin, line) = (place.origin(), place.line());
    if last_day < today {
        let message = format!("the {kind} `{id}` ended on {last_day} and does not apply");
        return Some(LintRule::Expired.finding(origin, line, message));
    }
    let is_far = today.days_until(last_day).is_none_or(|days| days > END_DAYS_MAX);
    let message = format!("the {kind} `{id}` ends on {last_day}, in more than {END_DAYS_MAX} days");
    is_far.then(|| LintRule::FarEnd.finding(origin, line, message))
}
