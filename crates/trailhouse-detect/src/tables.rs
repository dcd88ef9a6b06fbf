//! The tables `[params]` and `[alert]`: what may be tuned, and how to alert.

use std::{collections::BTreeMap, fmt, time::Duration};

use toml::de::DeValue;

use crate::{
    diagnostic::{DetectionErrorCode as Code, Report},
    realert::RealertCondition,
    section::{Found, Keys, Section},
    title::{TitleTemplate, is_column_name},
};

/// How long findings with the same key are one finding, where `alert.dedupe` is not given.
pub const DEDUPE_DEFAULT: Duration = Duration::from_secs(24 * 3600);

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// True or false.
    Boolean(bool),
}

/// One entry of `[params]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// The value in the SQL as it stands.
    pub default: ParamValue,
    /// What the parameter does.
    pub doc: String,
}

/// The table `[alert]`: what makes two rows the same finding, and how a finding is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The output columns whose values tell findings apart; absent for the default key.
    pub key: Option<Vec<String>>,
    /// How long rows with the same key are one finding; periods are aligned to the Unix epoch.
    pub dedupe: Duration,
    /// When a finding that was alerted is alerted again; never where it is absent.
    pub realert_when: Option<RealertCondition>,
    /// The output column that names who or what the finding is about.
    pub entity: Option<String>,
    /// The title of a finding, where it differs from the detection's.
    pub title: Option<TitleTemplate>,
    /// The most alerts of one run; the rest becomes one roll-up alert.
    pub alerts_max: Option<u32>,
    /// The output columns that an alert shows, in order; empty for all.
    pub columns: Vec<String>,
}

impl ParamValue {
    /// Returns the value as one of the type of another; a whole number can stand for any number.
    pub(crate) fn fitted_to(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Integer(_), Self::Integer(_))
            | (Self::Float(_), Self::Float(_))
            | (Self::Text(_), Self::Text(_))
            | (Self::Boolean(_), Self::Boolean(_)) => Some(self.clone()),
            (Self::Integer(number), Self::Float(_)) => {
                number.to_string().parse().ok().map(Self::Float)
            }
            (Self::Integer(_) | Self::Float(_) | Self::Text(_) | Self::Boolean(_), _) => None,
        }
    }

    /// Returns what kind of value it is, in words.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Text(_) => "a text",
            Self::Boolean(_) => "true or false",
        }
    }
}

impl fmt::Display for ParamValue {
    /// Writes the value as an SQL literal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "'{}'", value.replace('\'', "''")),
            Self::Boolean(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
        }
    }
}

pub(crate) const PARAM_KEYS: Keys =
    Keys { known: &["default", "doc"], required: &["default", "doc"] };
pub(crate) const REALERT_KEYS: Keys = Keys { known: &["when"], required: &["when"] };
pub(crate) const ALERT_KEYS: Keys = Keys {
    known: &["key", "dedupe", "realert", "entity", "title", "max_alerts", "columns"],
    required: &[],
};

impl Default for Alert {
    fn default() -> Self {
        Self {
            key: None,
            dedupe: DEDUPE_DEFAULT,
            realert_when: None,
            entity: None,
            title: None,
            alerts_max: None,
            columns: Vec::new(),
        }
    }
}

pub(crate) fn read_params(root: &Section<'_>, report: &mut Report<'_>) -> BTreeMap<String, Param> {
    let mut params = BTreeMap::new();
    let Some((table, _)) = root.table("params", report) else {
        return params;
    };
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        let Some(inner) = value.get_ref().as_table() else {
            let message = format!("`params.{name}` must be a table");
            let help = "write { default = 2, doc = \"why\" }".to_owned();
            report.push(Code::WrongType, value.span(), message, Some(help));
            continue;
        };
        if !is_column_name(name) {
            let message = format!("`{name}` is not a name of a parameter");
            let help = "use lower case, digits and underscores".to_owned();
            report.push(Code::BadValue, key.span(), message, Some(help));
        }
        let section =
            Section::open(format!("params.{name}"), inner, value.span(), &PARAM_KEYS, report);
        let doc = section.line("doc", report);
        let default = section
            .value("default")
            .and_then(|found| param_value(&section, "default", &found, report));
        if let (Some(default), Some(doc)) = (default, doc) {
            params.insert(name.to_owned(), Param { default, doc });
        }
    }
    params
}

pub(crate) fn read_alert(root: &Section<'_>, report: &mut Report<'_>) -> Alert {
    let Some(section) = root.child("alert", &ALERT_KEYS, report) else {
        return Alert::default();
    };
    let realert = section.child("realert", &REALERT_KEYS, report);
    Alert {
        key: section.parsed_list("key", report, parse_column),
        dedupe: section.period("dedupe", report).unwrap_or(DEDUPE_DEFAULT),
        realert_when: realert.and_then(|realert| {
            realert.parsed_in_parts("when", report, RealertCondition::parse_parts)
        }),
        entity: section.parsed("entity", report, parse_column),
        title: section.parsed("title", report, TitleTemplate::parse),
        alerts_max: section.count("max_alerts", report),
        columns: section.parsed_list("columns", report, parse_column).unwrap_or_default(),
    }
}

pub(crate) fn param_value(
    section: &Section<'_>,
    key: &str,
    found: &Found<&DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<ParamValue> {
    let value = found.value;
    let integer = value
        .as_integer()
        .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
        .map(ParamValue::Integer);
    let float = value.as_float().and_then(|number| number.as_str().parse::<f64>().ok());
    let float = float.filter(|number| number.is_finite()).map(ParamValue::Float);
    let text = value.as_str().map(|text| ParamValue::Text(text.to_owned()));
    let boolean = value.as_bool().map(ParamValue::Boolean);
    let parsed = integer.or(float).or(text).or(boolean);
    if parsed.is_none() {
        section.wrong_type(key, found, "a number, a text, true or false", report);
    }
    parsed
}

fn parse_column(text: &str) -> Result<String, &'static str> {
    let fits = is_column_name(text);
    fits.then(|| text.to_owned()).ok_or("use the name of an output column, in lower case")
}
