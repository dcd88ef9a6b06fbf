//! STIX 2.1 bundles: of everything in them, the indicators.

use serde_json::{Map, Value};
use trailhouse_model::EventTime;

use super::{
    error::{ContextError, ContextProblem as Problem, excerpt},
    intel_list::{IntelList, SkipReason, SkippedIndicator},
    stix_pattern::parse_pattern,
    text_table::ROWS_MAX,
};

impl IntelList {
    /// Reads a bundle. What is no indicator is left out; an indicator that cannot be looked for is
    /// told with its id and the reason.
    pub fn parse_stix(origin: &str, text: &str) -> Result<Self, ContextError> {
        let bundle: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| malformed(error.to_string()).at(origin, line_of(&error)))?;
        if bundle.get("type").and_then(Value::as_str) != Some("bundle") {
            let message = "not a STIX bundle: the member `type` must be \"bundle\"";
            return Err(malformed(message.to_owned()).at(origin, None));
        }
        let mut list = Self::default();
        let Some(objects) = bundle.get("objects") else { return Ok(list) };
        let objects = objects
            .as_array()
            .ok_or_else(|| malformed("`objects` must be a list".to_owned()).at(origin, None))?;
        for object in objects.iter().filter_map(Value::as_object) {
            if text_in(object, "type") == Some("indicator") {
                list.add_stix(object).map_err(|problem| problem.at(origin, None))?;
            }
        }
        Ok(list)
    }

    fn add_stix(&mut self, object: &Map<String, Value>) -> Result<(), Problem> {
        let id = text_in(object, "id")
            .ok_or_else(|| malformed("an indicator has no `id`".to_owned()))?;
        let about = |what: &str| malformed(format!("indicator `{}`: {what}", excerpt(id)));
        if object.get("revoked").and_then(Value::as_bool) == Some(true) {
            self.skip(id, SkipReason::Revoked);
            return Ok(());
        }
        let language = text_in(object, "pattern_type").unwrap_or("stix");
        if language != "stix" {
            self.skip(id, SkipReason::OtherLanguage { language: excerpt(language) });
            return Ok(());
        }
        let pattern = text_in(object, "pattern").ok_or_else(|| about("it has no `pattern`"))?;
        let valid_from = time_in(object, "valid_from").map_err(about)?;
        let valid_until = time_in(object, "valid_until").map_err(about)?;
        let indicators = match parse_pattern(pattern) {
            Ok(indicators) => indicators,
            Err(reason) => {
                self.skip(id, reason);
                return Ok(());
            }
        };
        if self.indicators.len().saturating_add(indicators.len()) > ROWS_MAX {
            return Err(Problem::TooManyRows { rows_max: ROWS_MAX });
        }
        let description = text_in(object, "name").or_else(|| text_in(object, "description"));
        for mut indicator in indicators {
            indicator.source = Some(excerpt(id));
            indicator.description = description.map(|text| text.chars().take(1_000).collect());
            (indicator.valid_from, indicator.valid_until) = (valid_from, valid_until);
            self.indicators.push(indicator);
        }
        Ok(())
    }

    fn skip(&mut self, id: &str, reason: SkipReason) {
        self.skipped.push(SkippedIndicator { id: excerpt(id), reason });
    }
}

fn malformed(message: String) -> Problem {
    Problem::Json { message }
}

fn line_of(error: &serde_json::Error) -> Option<u32> {
    u32::try_from(error.line()).ok().filter(|line| *line > 0)
}

fn text_in<'o>(object: &'o Map<String, Value>, member: &str) -> Option<&'o str> {
    object.get(member).and_then(Value::as_str)
}

fn time_in(
    object: &Map<String, Value>,
    member: &'static str,
) -> Result<Option<EventTime>, &'static str> {
    let Some(value) = object.get(member) else { return Ok(None) };
    let time = value.as_str().and_then(|text| EventTime::parse_rfc3339(text).ok());
    time.map(Some).ok_or("`valid_from` and `valid_until` must be times like 2026-06-01T00:00:00Z")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn indicator(id: &str, pattern: &str) -> Value {
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id, "name": "a name",
            "pattern": pattern, "pattern_type": "stix", "valid_from": "2026-06-01T00:00:00Z",
        })
    }

    fn read(objects: Value) -> Result<IntelList, ContextError> {
        let bundle = json!({ "type": "bundle", "id": "bundle--1", "objects": objects });
        IntelList::parse_stix("intel/x.json", &bundle.to_string())
    }

    #[test]
    fn indicators_keep_their_name_their_id_and_their_time() {
        let mut one = indicator("indicator--1", "[ipv4-addr:value = '198.51.100.7']");
        one["valid_until"] = json!("2026-07-01T00:00:00.000Z");
        let list = read(json!([one, { "type": "malware", "id": "malware--1" }])).unwrap();
        assert_eq!(list.skipped, []);
        let [found] = list.indicators.as_slice() else { panic!("{list:?}") };
        assert_eq!(found.value, "198.51.100.7");
        assert_eq!(found.source.as_deref(), Some("indicator--1"));
        assert_eq!(found.description.as_deref(), Some("a name"));
        assert_eq!(found.valid_from, EventTime::parse_rfc3339("2026-06-01T00:00:00Z").ok());
        assert_eq!(found.valid_until, EventTime::parse_rfc3339("2026-07-01T00:00:00Z").ok());
    }

    #[test]
    fn what_is_not_looked_for_is_told() {
        let mut revoked = indicator("indicator--1", "[ipv4-addr:value = '198.51.100.7']");
        revoked["revoked"] = json!(true);
        let mut sigma = indicator("indicator--2", "title: x");
        sigma["pattern_type"] = json!("sigma");
        let both = "[ipv4-addr:value = '198.51.100.7' AND domain-name:value = 'a.example']";
        let list = read(json!([revoked, sigma, indicator("indicator--3", both)])).unwrap();
        assert_eq!(list.indicators, []);
        let told: Vec<String> =
            list.skipped.iter().map(|it| format!("{}: {}", it.id, it.reason)).collect();
        assert_eq!(
            told,
            [
                "indicator--1: it is revoked",
                "indicator--2: its pattern is written in `sigma`",
                "indicator--3: its pattern is not supported: AND",
            ]
        );
    }

    fn check_error(text: &str, expected: &str) {
        let error = IntelList::parse_stix("intel/x.json", text).unwrap_err().to_string();
        assert!(error.starts_with("intel/x.json"), "{error}");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn broken_bundles_are_errors() {
        check_error("{\n\"type\": bundle}", "intel/x.json:2: expected value");
        check_error("[]", "not a STIX bundle");
        check_error(r#"{"type": "bundle", "objects": {}}"#, "`objects` must be a list");
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        check_error(&deep, "recursion limit");
        let mut timeless = indicator("indicator--1", "[url:value = 'https://a.example']");
        timeless["valid_from"] = json!("yesterday");
        let error = read(json!([timeless])).unwrap_err().to_string();
        assert!(error.contains("indicator `indicator--1`: `valid_from`"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_list_or_an_error(text in "\\PC{0,200}") {
            let wrapped = format!("{{\"type\": \"bundle\", \"objects\": [{text}]}}");
            if let Ok(list) = IntelList::parse_stix("x.json", &wrapped) {
                prop_assert!(serde_json::from_str::<Value>(&wrapped).is_ok());
                prop_assert!(list.indicators.len() <= ROWS_MAX);
            }
        }
    }
}
