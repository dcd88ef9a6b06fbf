//! The tables of the front matter: when to run, what may be tuned, and how to alert.

use std::{collections::BTreeMap, fmt, time::Duration};

use toml::de::DeValue;

use crate::{
    diagnostic::{DetectionErrorCode as Code, Report},
    section::{Found, Keys, Section},
    title::{TitleTemplate, is_column_name},
    words::WindowOn,
};

/// How long findings with the same key are one finding, where `alert.dedupe` is not given.
pub const DEDUPE_DEFAULT: Duration = Duration::from_secs(24 * 3600);

/// The table `[window]`: which rows a run judges, and how often it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// By arrival or by event time.
    pub on: WindowOn,
    /// The time between two runs; absent where `cron` or the runner says.
    pub every: Option<Duration>,
    /// A cron expression of five fields, checked by form.
    pub cron: Option<String>,
    /// How far back `events_before` reaches.
    pub lookback: Option<Duration>,
    /// How late rows may come and still be judged in their period.
    pub lateness: Option<Duration>,
}

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
    /// When a finding that was alerted is alerted again: a condition over `events` and
    /// `last.events`, kept as text.
    pub realert_when: Option<String>,
    /// The output column that names who or what the finding is about.
    pub entity: Option<String>,
    /// The title of a finding, where it differs from the detection's.
    pub title: Option<TitleTemplate>,
    /// The most alerts of one run; the rest becomes one roll-up alert.
    pub alerts_max: Option<u32>,
    /// The output columns that an alert shows, in order; empty for all.
    pub columns: Vec<String>,
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

const WINDOW_KEYS: Keys =
    Keys { known: &["on", "every", "cron", "lookback", "lateness"], required: &[] };
const PARAM_KEYS: Keys = Keys { known: &["default", "doc"], required: &["default", "doc"] };
const REALERT_KEYS: Keys = Keys { known: &["when"], required: &["when"] };
const ALERT_KEYS: Keys = Keys {
    known: &["key", "dedupe", "realert", "entity", "title", "max_alerts", "columns"],
    required: &[],
};

impl Default for Window {
    fn default() -> Self {
        Self { on: WindowOn::Arrival, every: None, cron: None, lookback: None, lateness: None }
    }
}

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

pub(crate) fn read_window(root: &Section<'_>, report: &mut Report<'_>) -> Window {
    let Some(section) = root.child("window", &WINDOW_KEYS, report) else {
        return Window::default();
    };
    let on = section.choice("on", &WindowOn::ALL, WindowOn::as_str, report);
    let window = Window {
        on: on.unwrap_or(WindowOn::Arrival),
        every: section.period("every", report),
        cron: section.parsed("cron", report, parse_cron),
        lookback: section.period("lookback", report),
        lateness: section.period("lateness", report),
    };
    if window.every.is_some() && window.cron.is_some() {
        let message = "`window.every` and `window.cron` are both given".to_owned();
        section.bad_value("cron", message, "keep one of them", report);
    }
    if window.lateness.is_some() && window.on == WindowOn::Arrival {
        let message = "`window.lateness` is only for `on = \"event\"`".to_owned();
        let help = "by arrival a late row is just a new row";
        section.bad_value("lateness", message, help, report);
    }
    window
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
        let default =
            section.value("default").and_then(|found| param_value(&section, &found, report));
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
        realert_when: realert.and_then(|realert| realert.line("when", report)),
        entity: section.parsed("entity", report, parse_column),
        title: section.parsed("title", report, TitleTemplate::parse),
        alerts_max: section.count("max_alerts", report),
        columns: section.parsed_list("columns", report, parse_column).unwrap_or_default(),
    }
}

fn param_value(
    section: &Section<'_>,
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
        section.wrong_type("default", found, "a number, a text, true or false", report);
    }
    parsed
}

fn parse_column(text: &str) -> Result<String, &'static str> {
    let fits = is_column_name(text);
    fits.then(|| text.to_owned()).ok_or("use the name of an output column, in lower case")
}

/// Accepts five fields of digits, names and the signs of cron; what they mean is the scheduler's.
fn parse_cron(text: &str) -> Result<String, &'static str> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let is_cron = |b: u8| b.is_ascii_alphanumeric() || b"*/,-?#".contains(&b);
    let fits = fields.len() == 5 && fields.iter().all(|field| field.bytes().all(is_cron));
    fits.then(|| fields.join(" "))
        .ok_or("use five fields: minute, hour, day of month, month, day of week")
}
