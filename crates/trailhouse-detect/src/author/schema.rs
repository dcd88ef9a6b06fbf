//! JSON Schema of the front matter and of `pack.toml`, for editors.
//!
//! Which keys there are comes from the tables that the reader checks against, so a key cannot be
//! in one and not in the other. What a key holds is said here.

use serde_json::{Map, Value, json};

use crate::{
    definition::{ROOT_KEYS, SCHEMA_VERSION},
    manifest::{BENIGN_KEYS, MANIFEST_KEYS},
    section::{Keys, LIST_ENTRIES_MAX, TEXT_BYTES_MAX},
    tables::{ALERT_KEYS, PARAM_KEYS, REALERT_KEYS},
    window::WINDOW_KEYS,
    words::{Confidence, JudgeWhen, Mode, Status, WindowOn},
};
use trailhouse_model::Severity;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Returns the schema of the front matter of a detection, as TOML without its `-- `.
pub fn detection_schema() -> Value {
    document("Front matter of a Trailhouse detection", &ROOT_KEYS, "")
}

/// Returns the schema of `pack.toml`.
pub fn manifest_schema() -> Value {
    document("pack.toml of a Trailhouse detection pack", &MANIFEST_KEYS, "pack.")
}

/// Returns the front matter of a detection file as TOML, without what makes it a comment.
pub fn front_matter_toml(
    origin: &str,
    text: &str,
) -> Result<String, crate::diagnostic::DetectionErrors> {
    crate::front_matter::split(origin, text).map(|front| front.toml)
}

fn document(title: &str, keys: &Keys, path: &str) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!(DIALECT));
    schema.insert("title".to_owned(), json!(title));
    if let Value::Object(rest) = table(keys, path) {
        schema.extend(rest);
    }
    Value::Object(schema)
}

/// A table with exactly these keys.
fn table(keys: &Keys, path: &str) -> Value {
    let shapes = keys.known.iter().map(|key| ((*key).to_owned(), shape(&format!("{path}{key}"))));
    let properties: Map<String, Value> = shapes.collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": keys.required,
        "additionalProperties": false,
    })
}

/// What the key under a path holds; anything where the path is not known here.
fn shape(path: &str) -> Value {
    identity(path).or_else(|| section(path)).unwrap_or_else(|| json!({}))
}

/// The keys at the root of the front matter.
fn identity(path: &str) -> Option<Value> {
    let shape = match path {
        "schema" => {
            json!({ "const": SCHEMA_VERSION, "description": "the version of the front matter" })
        }
        "id" => described(slug(), "its name for ever, like aws.cloudtrail.trail-stopped"),
        "title" => described(line(), "what it finds, in one line"),
        "description" => described(text(), "what it finds and why that matters"),
        "severity" => words(&Severity::ALL.map(Severity::as_str), "how much a finding matters"),
        "confidence" => {
            words(&Confidence::ALL.map(Confidence::as_str), "how often a finding is what it says")
        }
        "status" => words(&Status::ALL.map(Status::as_str), "how mature it is"),
        "mode" => words(&Mode::ALL.map(Mode::as_str), "what it may do"),
        "owner" => described(line(), "who answers for it"),
        "created" => day("the day it was written"),
        "modified" => day("the day of its last change of meaning"),
        "tags" => list(&pattern("^[a-z0-9._:/-]+$"), "words to select it by"),
        "mitre" => list(
            &pattern(r"^(TA[0-9]{4}:)?T[0-9]{4}(\.[0-9]{3})?$"),
            "ATT&CK techniques, like T1685.002 or TA0112:T1685.002",
        ),
        "references" => list(&pattern(r"^https?://\S+$"), "addresses to read on"),
        "false_positives" => list(&text(), "harmless causes of a finding"),
        "needs" => list(&slug(), "what must be there for it to find anything"),
        "window" => described(table(&WINDOW_KEYS, "window."), "which rows a run judges, and when"),
        "params" => params(),
        "alert" => described(
            table(&ALERT_KEYS, "alert."),
            "what makes findings the same, and how they are shown",
        ),
        _ => return None,
    };
    Some(shape)
}

/// The keys of the tables of the front matter, and those of the manifest.
fn section(path: &str) -> Option<Value> {
    let shape = match path {
        "window.on" => words(&WindowOn::ALL.map(WindowOn::as_str), "by arrival or by event time"),
        "window.every" => period("the time between two runs"),
        "window.cron" => described(
            pattern(r"^\s*([A-Za-z0-9*/,?#-]+\s+){4}[A-Za-z0-9*/,?#-]+\s*$"),
            "when to run: minute, hour, day of month, month, day of week",
        ),
        "window.lookback" => period("how far back events_before reaches"),
        "window.span" => period("how far back from its end one period of event time reaches"),
        "window.judge" => words(
            &JudgeWhen::ALL.map(JudgeWhen::as_str),
            "when a period of event time is judged: with its first rows, or once when it is over",
        ),
        "window.lateness" => period("how late rows may come and still be judged in their period"),
        "params.default" => json!({
            "type": ["integer", "number", "string", "boolean"],
            "description": "the value in the SQL as it stands",
        }),
        "params.doc" => described(line(), "what the parameter does"),
        "alert.key" => list(&column(), "output columns that tell findings apart"),
        "alert.dedupe" => period("how long rows with the same key are one finding"),
        "alert.realert" => described(
            table(&REALERT_KEYS, "alert.realert."),
            "when a finding that was alerted is alerted again",
        ),
        "alert.realert.when" => described(line(), "like events >= 10 * last.events"),
        "alert.entity" => described(column(), "the output column that names whom it is about"),
        "alert.title" => described(text(), "the title of a finding; {column} stands for a value"),
        "alert.max_alerts" => count("the most alerts of one run"),
        "alert.columns" => list(&column(), "the output columns that an alert shows"),
        "pack.id" => described(slug(), "the name of the pack"),
        "pack.title" => described(line(), "what it is, in one line"),
        "pack.description" => described(text(), "what it covers"),
        "pack.version" => described(pattern(r"^[0-9]{1,9}(\.[0-9]{1,9}){2}$"), "three numbers"),
        "pack.licence" => described(line(), "an SPDX expression"),
        "pack.attack_version" => {
            described(pattern(r"^[0-9]{1,9}(\.[0-9]{1,9})?$"), "the version of ATT&CK of its ids")
        }
        "pack.min_trailhouse" => described(
            pattern(r"^[0-9]{1,9}(\.[0-9]{1,9}){1,2}$"),
            "the oldest Trailhouse that can run it",
        ),
        "pack.contract" => count("the version of the tables that its SQL is written against"),
        "pack.benign" => described(
            table(&BENIGN_KEYS, "pack.benign."),
            "how much its detections may find in harmless traffic",
        ),
        "pack.benign.budget" => count("the findings of one detection"),
        "pack.benign.budgets" => json!({
            "type": "object",
            "description": "the findings of detections with a budget of their own, by id",
            "propertyNames": slug(),
            "additionalProperties": { "type": "integer", "minimum": 0, "maximum": u32::MAX },
        }),
        _ => return None,
    };
    Some(shape)
}

fn params() -> Value {
    json!({
        "type": "object",
        "description": "what may be tuned; the CTE params holds the same values",
        "propertyNames": { "pattern": "^[a-z_][a-z0-9_]*$", "maxLength": 128 },
        "additionalProperties": table(&PARAM_KEYS, "params."),
    })
}

fn described(mut shape: Value, description: &str) -> Value {
    shape["description"] = json!(description);
    shape
}

/// A text that is not blank. The limit of the reader is in bytes, so this one is never stricter.
fn text() -> Value {
    json!({ "type": "string", "pattern": r"\S", "maxLength": TEXT_BYTES_MAX })
}

fn line() -> Value {
    json!({ "type": "string", "pattern": r"^[^\u0000-\u001f\u007f]*[^\u0000-\u0020\u007f][^\u0000-\u001f\u007f]*$", "maxLength": TEXT_BYTES_MAX })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "maxLength": TEXT_BYTES_MAX })
}

fn slug() -> Value {
    json!({ "type": "string", "pattern": "^[a-z0-9]+([.-][a-z0-9]+)*$", "maxLength": 128 })
}

fn column() -> Value {
    json!({ "type": "string", "pattern": "^[a-z_][a-z0-9_]*$", "maxLength": 128 })
}

fn words(words: &[&str], description: &str) -> Value {
    json!({ "enum": words, "description": description })
}

fn period(description: &str) -> Value {
    described(pattern("^0*[1-9][0-9]*[smhdw]$"), &format!("{description}: 30s, 5m, 24h, 30d, 2w"))
}

/// TOML has a type for a day; what turns TOML into JSON for a validator makes it a text.
fn day(description: &str) -> Value {
    json!({ "type": "string", "format": "date", "description": description })
}

fn count(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX, "description": description })
}

fn list(entries: &Value, description: &str) -> Value {
    json!({
        "type": "array",
        "items": entries,
        "maxItems": LIST_ENTRIES_MAX,
        "description": description,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Collects the paths of the properties that say nothing about what they hold.
    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, shape) in properties.into_iter().flatten() {
            let path = format!("{path}{key}");
            if shape.get("description").is_none() {
                found.push(path.clone());
            }
            undescribed(shape, &format!("{path}."), found);
            if let Some(inner) = shape.get("additionalProperties") {
                undescribed(inner, &format!("{path}."), found);
            }
        }
    }

    #[test]
    fn the_schema_says_of_every_key_what_it_holds() {
        for schema in [detection_schema(), manifest_schema()] {
            let mut found = Vec::new();
            undescribed(&schema, "", &mut found);
            assert_eq!(found, Vec::<String>::new());
            assert_eq!(schema["additionalProperties"], false);
        }
    }

    #[test]
    fn required_keys_are_those_of_the_reader() {
        let schema = detection_schema();
        assert_eq!(schema["required"], json!(ROOT_KEYS.required));
        let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(known, ROOT_KEYS.known);
        let param = &schema["properties"]["params"]["additionalProperties"];
        assert_eq!(param["required"], json!(["default", "doc"]));
    }

    #[test]
    fn front_matter_is_toml_once_its_comments_are_off() {
        let toml =
            front_matter_toml("a.sql", "-- +++\n-- id = \"a\"\n--\n-- [alert]\n-- +++\nSELECT 1");
        assert_eq!(toml.unwrap(), "id = \"a\"\n\n[alert]\n");
        assert!(front_matter_toml("a.sql", "SELECT 1").is_err());
    }
}
