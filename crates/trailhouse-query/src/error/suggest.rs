//! "Did you mean".

use std::collections::BTreeMap;

/// The names that a query can use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vocabulary {
    /// Columns by table; a field of a struct is `column.field`.
    pub(crate) columns: BTreeMap<String, Vec<String>>,
    /// Functions of every kind.
    pub(crate) functions: Vec<String>,
}

impl Vocabulary {
    /// Returns the closest column, of one table or of all.
    pub(crate) fn column(&self, name: &str, table: Option<&str>) -> Option<String> {
        let of_table = table.and_then(|table| self.columns.get(table));
        let candidates: Vec<&str> = match of_table {
            Some(columns) => columns.iter().map(String::as_str).collect(),
            None => self.columns.values().flatten().map(String::as_str).collect(),
        };
        closest(name, candidates)
    }

    /// Returns the closest field of a struct.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let columns = self.columns.values().flatten();
        closest(name, columns.filter_map(|column| column.rsplit_once('.')).map(|(_, field)| field))
    }

    /// Returns the closest table.
    pub(crate) fn table(&self, name: &str) -> Option<String> {
        let tables = self.columns.keys().map(String::as_str);
        let Some((schema, name)) = name.split_once('.') else {
            return closest(name, tables.filter(|table| !table.contains('.')));
        };
        let of_schema = tables.filter_map(|table| table.strip_prefix(schema)?.strip_prefix('.'));
        closest(name, of_schema).map(|table| format!("{schema}.{table}"))
    }

    /// Returns the closest function.
    pub(crate) fn function(&self, name: &str) -> Option<String> {
        closest(name, self.functions.iter().map(String::as_str))
    }
}

/// Returns the candidate that is meant most likely: the same letters in another case or with other
/// separators, as `eventName` for `event_name`, else the one with the fewest edits, at most one in
/// three letters.
pub(crate) fn closest<'names>(
    name: &str,
    candidates: impl IntoIterator<Item = &'names str>,
) -> Option<String> {
    let letters = letters_of(name);
    let edits_max = letters.chars().count().div_ceil(3);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let candidate_letters = letters_of(candidate);
        let edits = strsim::damerau_levenshtein(&letters, &candidate_letters);
        let is_better = best.is_none_or(|(fewest, _)| edits < fewest);
        if candidate != name && edits <= edits_max && is_better {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate.to_owned())
}

fn letters_of(name: &str) -> String {
    name.chars().filter(|ch| *ch != '_').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 7] = [
        "event_name",
        "event_time",
        "source_ip_address",
        "user_identity.arn",
        "user_identity_arn",
        "aws_region",
        "request_id",
    ];

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(closest(name, NAMES).as_deref(), expected, "{name}");
    }

    #[test]
    fn cloudtrail_spellings_find_their_columns() {
        check("eventName", Some("event_name"));
        check("eventname", Some("event_name"));
        check("sourceIPAddress", Some("source_ip_address"));
        check("requestID", Some("request_id"));
        check("userIdentity.arn", Some("user_identity.arn"));
        check("awsRegion", Some("aws_region"));
    }

    #[test]
    fn slips_are_corrected_and_other_words_are_not() {
        check("event_nmae", Some("event_name"));
        check("evnt_tim", Some("event_time"));
        check("bananas", None);
        check("", None);
    }
}
