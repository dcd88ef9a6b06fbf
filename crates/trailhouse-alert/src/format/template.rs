//! Templates of webhook bodies: a JSON document with `{{field}}` in its texts.
//!
//! The template is parsed as JSON first and filled in afterwards, so no value can change the shape
//! of the document. A text that is one placeholder and nothing else becomes the value itself, with
//! its type; within a longer text a value is written as text.

use serde_json::{Map, Value};

use super::native;
use crate::{
    Alert,
    alert::as_text,
    text::{json_line, visible},
};

const DEPTH_MAX: usize = 32;
const BYTES_MAX: usize = 64 * 1024;

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is too long.
    #[error("the template is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// It is not JSON.
    #[error("the template is not JSON: line {line}, column {column}")]
    NotJson {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// Lists and objects lie too deep in each other.
    #[error("the template is nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A placeholder has no end.
    #[error("`{{{{` without `}}}}` in {text}")]
    NotClosed {
        /// The text it stands in.
        text: String,
    },
    /// A placeholder stands in the name of a field.
    #[error("`{{{{` in the name of a field: {name}")]
    InName {
        /// The name.
        name: String,
    },
    /// A placeholder names nothing that alerts have.
    #[error("alerts have no field `{field}`")]
    UnknownField {
        /// What it names.
        field: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Fixed(Value),
    Field(String),
    Text(Vec<Piece>),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Fixed(String),
    Field(String),
}

/// A body with places for the fields of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    root: Node,
}

impl Template {
    /// Reads a template; every placeholder must name a field of the native form.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > BYTES_MAX {
            return Err(TemplateError::TooLarge { limit_bytes: BYTES_MAX });
        }
        let document: Value = serde_json::from_str(text).map_err(|error| {
            TemplateError::NotJson { line: error.line(), column: error.column() }
        })?;
        Ok(Self { root: node(document, DEPTH_MAX)? })
    }

    /// Fills the template in; one line of JSON.
    pub fn fill(&self, alert: &Alert) -> String {
        let native = native::value(alert);
        json_line(&filled(&self.root, &native))
    }
}

fn node(value: Value, depth: usize) -> Result<Node, TemplateError> {
    let below = depth.checked_sub(1).ok_or(TemplateError::TooDeep { limit: DEPTH_MAX })?;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Node::Fixed(value)),
        Value::String(text) => {
            let pieces = pieces(&text)?;
            Ok(match pieces.as_slice() {
                [] => Node::Fixed(Value::String(text)),
                [Piece::Field(field)] => Node::Field(field.clone()),
                _ => Node::Text(pieces),
            })
        }
        Value::Array(list) => {
            let nodes = list.into_iter().map(|value| node(value, below));
            Ok(Node::List(nodes.collect::<Result<_, _>>()?))
        }
        Value::Object(object) => {
            let mut fields = Vec::with_capacity(object.len());
            for (name, value) in object {
                if name.contains("{{") {
                    return Err(TemplateError::InName { name: visible(&name) });
                }
                fields.push((name, node(value, below)?));
            }
            Ok(Node::Object(fields))
        }
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((field, after)) = after.split_once("}}") else {
            return Err(TemplateError::NotClosed { text: visible(text) });
        };
        let field = field.trim();
        if !native::has_field(field) {
            return Err(TemplateError::UnknownField { field: visible(field) });
        }
        if !before.is_empty() {
            pieces.push(Piece::Fixed(before.to_owned()));
        }
        pieces.push(Piece::Field(field.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Fixed(rest.to_owned()));
    }
    Ok(pieces)
}

fn filled(node: &Node, native: &Value) -> Value {
    match node {
        Node::Fixed(value) => value.clone(),
        Node::Field(field) => native::field(native, field).clone(),
        Node::Text(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Fixed(fixed) => text.push_str(fixed),
                    Piece::Field(field) => {
                        let value = as_text(native::field(native, field)).unwrap_or_default();
                        text.push_str(&visible(&value));
                    }
                }
            }
            Value::String(text)
        }
        Node::List(nodes) => nodes.iter().map(|node| filled(node, native)).collect(),
        Node::Object(fields) => {
            let filled = fields.iter().map(|(name, node)| (name.clone(), filled(node, native)));
            Value::Object(filled.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::samples::{HOSTILE, alert, hostile};

    fn parsed(document: &Value) -> Result<Template, TemplateError> {
        Template::parse(&document.to_string())
    }

    #[test]
    fn fields_are_filled_in_with_their_types() {
        let document = json!({
            "text": "{{severity}}: {{ title }} from {{row.source_ip_address}}{{row.absent}}",
            "events": "{{events}}", "row": ["{{row}}"], "kept": [1, null, true, "plain }} text"],
        });
        let filled: Value =
            serde_json::from_str(&parsed(&document).unwrap().fill(&alert())).unwrap();
        assert_eq!(filled["text"], "high: alice stopped org-trail from 203.0.113.7");
        assert_eq!(filled["events"], 3);
        assert_eq!(filled["row"][0]["trail"], "org-trail");
        assert_eq!(filled["kept"], document["kept"]);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        let unknown = parsed(&json!({ "a": ["{{titel}}"] })).unwrap_err();
        assert_eq!(unknown.to_string(), "alerts have no field `titel`");
        let open = parsed(&json!("{{title")).unwrap_err();
        assert_eq!(open.to_string(), "`{{` without `}}` in {{title");
        assert!(matches!(parsed(&json!({ "{{title}}": 1 })), Err(TemplateError::InName { .. })));
        let text = "{\n \"a\": {{title}}\n}";
        assert_eq!(Template::parse(text), Err(TemplateError::NotJson { line: 2, column: 8 }));
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        assert_eq!(Template::parse(&deep), Err(TemplateError::TooDeep { limit: DEPTH_MAX }));
        let large = format!("\"{}\"", "x".repeat(BYTES_MAX));
        assert!(matches!(Template::parse(&large), Err(TemplateError::TooLarge { .. })));
    }

    fn check(text: &str) -> Result<(), TestCaseError> {
        let template =
            parsed(&json!({ "a": "{{title}} x {{row.trail}}", "b": "{{title}}" })).unwrap();
        let filled: Value = serde_json::from_str(&template.fill(&hostile(text))).unwrap();
        let keys: Vec<&String> = filled.as_object().unwrap().keys().collect();
        prop_assert_eq!(keys, ["a", "b"]);
        prop_assert_eq!(filled["b"].as_str(), Some(text));
        Ok(())
    }

    #[test]
    fn hostile_values_stay_in_their_places() {
        for text in HOSTILE {
            check(text).unwrap();
        }
    }

    proptest! {
        #[test]
        fn no_value_changes_the_document(text in any::<String>()) {
            check(&text)?;
        }

        #[test]
        fn no_template_panics(text in "[\\[\\]{}\":a-z. 0-9]{0,60}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert!(serde_json::from_str::<Value>(&template.fill(&alert())).is_ok());
            }
        }
    }
}
