//! The forms in which an alert is written. Pure: an alert in, a text out.

pub(crate) mod asff;
pub(crate) mod email;
pub(crate) mod native;
pub(crate) mod ocsf;
pub(crate) mod pagerduty;
pub(crate) mod plain;
pub(crate) mod slack;
pub(crate) mod template;

pub use template::{Template, TemplateError};

use trailhouse_detect::alerts::AlertFormat;

use crate::{Alert, text::json_line};

/// Writes the alert: one line of JSON, or the lines of [`AlertFormat::Text`].
pub fn write(format: &AlertFormat, alert: &Alert) -> String {
    match format {
        AlertFormat::Native => json_line(&native::value(alert)),
        AlertFormat::Ocsf => json_line(&ocsf::value(alert)),
        AlertFormat::Asff(identity) => json_line(&asff::value(alert, identity)),
        AlertFormat::Text => plain::text(alert),
    }
}

/// Writes the alert; without its row where it is longer than the target takes.
pub(crate) fn write_within(format: &AlertFormat, alert: &Alert, bytes_max: usize) -> String {
    let full = write(format, alert);
    if full.len() <= bytes_max { full } else { write(format, &alert.without_row()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use trailhouse_detect::alerts::AsffIdentity;

    use super::*;
    use crate::{
        samples::{HOSTILE, hostile},
        text::is_unseen,
    };

    fn check(text: &str) -> Result<(), TestCaseError> {
        let identity = AsffIdentity {
            partition: "aws".to_owned(),
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
        };
        for format in [AlertFormat::Native, AlertFormat::Ocsf, AlertFormat::Asff(identity)] {
            let line = write(&format, &hostile(text));
            prop_assert!(!line.chars().any(is_unseen), "one line of what can be seen: {line}");
            let value: Value = serde_json::from_str(&line).unwrap();
            prop_assert!(value.get("evil").is_none());
        }
        let lines = write(&AlertFormat::Text, &hostile(text));
        prop_assert!(!lines.chars().any(|c| c != '\n' && is_unseen(c)), "{lines}");
        Ok(())
    }

    #[test]
    fn hostile_texts_stay_texts() {
        for text in HOSTILE {
            check(text).unwrap();
        }
    }

    proptest! {
        #[test]
        fn every_text_makes_one_line_of_json(text in any::<String>()) {
            check(&text)?;
        }
    }
}
