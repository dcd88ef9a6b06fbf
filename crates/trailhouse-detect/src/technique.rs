//! ATT&CK techniques, checked by form only: which ids exist depends on the ATT&CK version that the
//! pack names.

use std::fmt;

/// A technique of ATT&CK, with the tactic it serves where the author names one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Technique {
    /// The tactic, like `TA0005`.
    pub tactic: Option<String>,
    /// The technique or sub-technique, like `T1685.002`.
    pub technique: String,
}

impl Technique {
    /// Reads `T1685`, `T1685.002` or `TA0005:T1685.002`.
    pub fn parse(text: &str) -> Option<Self> {
        let (tactic, technique) = match text.split_once(':') {
            Some((tactic, technique)) => (Some(tactic), technique),
            None => (None, text),
        };
        let tactic_fits = tactic.is_none_or(|tactic| is_numbered(tactic, "TA", 4));
        let technique_fits = match technique.split_once('.') {
            Some((parent, sub)) => is_numbered(parent, "T", 4) && is_numbered(sub, "", 3),
            None => is_numbered(technique, "T", 4),
        };
        (tactic_fits && technique_fits)
            .then(|| Self { tactic: tactic.map(str::to_owned), technique: technique.to_owned() })
    }
}

impl fmt::Display for Technique {
    /// Writes the form that [`Technique::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tactic {
            Some(tactic) => write!(f, "{tactic}:{}", self.technique),
            None => f.write_str(&self.technique),
        }
    }
}

fn is_numbered(text: &str, prefix: &str, digits: usize) -> bool {
    text.strip_prefix(prefix).is_some_and(|number| {
        number.len() == digits && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_technique_are_read_and_written() {
        for text in ["T1685", "T1685.002", "TA0005:T1685.002", "TA0040:T1485"] {
            assert_eq!(Technique::parse(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
        for text in
            ["", "T168", "t1685", "T1685.02", "TA0005", "TA5:T1685", "T1685:TA0005", "T1685.002.1"]
        {
            assert_eq!(Technique::parse(text), None, "{text}");
        }
    }
}
