//! Reads the text of a realert condition.

use std::{iter::Peekable, ops::Range, vec::IntoIter};

use trailhouse_model::Severity;

use crate::realert::{
    Comparison, Count, Moment, RealertCondition, RealertError, Relation, Thousandths, Value,
};

/// The most comparisons of one condition.
const COMPARISONS_MAX: usize = 32;

const EXAMPLE: &str = "write a condition like `events >= 10 * last.events`";
const FIELDS: &str = "compare events, accounts, regions or severity, with `last.` before the \
                      value at the last alert";

/// A word, a number or a sign, and where it stands.
struct Piece<'t> {
    text: &'t str,
    at: Range<usize>,
}

impl Piece<'_> {
    fn is_word(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    fn error(&self, message: &str, help: &'static str) -> RealertError {
        RealertError { part: self.at.clone(), message: message.to_owned(), help }
    }
}

struct Parser<'t> {
    pieces: Peekable<IntoIter<Piece<'t>>>,
    end: usize,
}

pub(crate) fn parse_condition(text: &str) -> Result<RealertCondition, RealertError> {
    let pieces = pieces(text);
    let mut parser = Parser { pieces: pieces.into_iter().peekable(), end: text.len() };
    let mut all = vec![parser.comparison()?];
    let mut any = Vec::new();
    let mut comparisons = 1;
    while let Some(joint) = parser.pieces.next() {
        comparisons += 1;
        if comparisons > COMPARISONS_MAX {
            return Err(joint.error("is too long", "use at most 32 comparisons"));
        }
        if joint.is_word("or") {
            any.push(std::mem::take(&mut all));
        } else if !joint.is_word("and") {
            let message = format!("goes on with `{}`", joint.text);
            return Err(joint.error(&message, "join comparisons with AND or OR"));
        }
        all.push(parser.comparison()?);
    }
    any.push(all);
    Ok(RealertCondition { any })
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Result<Piece<'t>, RealertError> {
        let end = self.end..self.end;
        let missing =
            || RealertError { part: end, message: "ends too early".to_owned(), help: EXAMPLE };
        self.pieces.next().ok_or_else(missing)
    }

    fn comparison(&mut self) -> Result<Comparison, RealertError> {
        let start = self.pieces.peek().map_or(self.end, |piece| piece.at.start);
        let left = self.value()?;
        let sign = self.next()?;
        let relation = Relation::ALL.into_iter().find(|relation| relation.as_str() == sign.text);
        let relation = relation.ok_or_else(|| {
            sign.error(&format!("does not compare with `{}`", sign.text), "use = != < <= > >=")
        })?;
        let right_start = self.pieces.peek().map_or(self.end, |piece| piece.at.start);
        let (right, end) = self.value_with_end()?;
        let refuse = |part: Range<usize>, message: &str, help: &'static str| {
            Err(RealertError { part, message: message.to_owned(), help })
        };
        if is_severity(left) != is_severity(right) {
            let message = "compares a severity with a number";
            return refuse(right_start..end, message, "compare severity with severity");
        }
        if !is_now(left) && !is_now(right) {
            let message = "has a comparison that says nothing about the finding as it is";
            return refuse(start..end, message, "name events, accounts, regions or severity in it");
        }
        Ok(Comparison { left, relation, right })
    }

    fn value(&mut self) -> Result<Value, RealertError> {
        self.value_with_end().map(|(value, _)| value)
    }

    fn value_with_end(&mut self) -> Result<(Value, usize), RealertError> {
        let first = self.next()?;
        if !first.text.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok((word_value(&first)?, first.at.end));
        }
        let factor = number(&first)?;
        if self.pieces.next_if(|piece| piece.text == "*").is_none() {
            return Ok((Value::Number(factor), first.at.end));
        }
        let field = self.next()?;
        match word_value(&field)? {
            Value::Count { count, moment, .. } => {
                Ok((Value::Count { factor, count, moment }, field.at.end))
            }
            Value::Severity(_) | Value::Level(_) | Value::Number(_) => {
                Err(field.error("multiplies a severity", "multiply events, accounts or regions"))
            }
        }
    }
}

fn is_severity(value: Value) -> bool {
    match value {
        Value::Level(_) | Value::Severity(_) => true,
        Value::Number(_) | Value::Count { .. } => false,
    }
}

fn is_now(value: Value) -> bool {
    match value {
        Value::Count { moment, .. } | Value::Severity(moment) => moment == Moment::Now,
        Value::Number(_) | Value::Level(_) => false,
    }
}

fn word_value(piece: &Piece<'_>) -> Result<Value, RealertError> {
    let (moment, field) = match piece.text.strip_prefix("last.") {
        Some(field) => (Moment::LastAlert, field),
        None => (Moment::Now, piece.text),
    };
    if field == "severity" {
        return Ok(Value::Severity(moment));
    }
    if let Some(count) = Count::ALL.into_iter().find(|count| count.as_str() == field) {
        return Ok(Value::Count { factor: Thousandths::ONE, count, moment });
    }
    let level = Severity::ALL.into_iter().find(|level| level.as_str() == piece.text);
    level
        .map(Value::Level)
        .ok_or_else(|| piece.error(&format!("does not know `{}`", piece.text), FIELDS))
}

fn number(piece: &Piece<'_>) -> Result<Thousandths, RealertError> {
    const HELP: &str = "use a number like 10 or 1.5, with up to three digits behind the point";
    let (whole, rest) = piece.text.split_once('.').unwrap_or((piece.text, "0"));
    let read = || {
        let is_number = !rest.is_empty() && rest.len() <= 3;
        let thousandths: u64 = format!("{rest:0<3}").parse().ok()?;
        let whole: u64 = whole.parse().ok()?;
        let number = whole.checked_mul(1_000)?.checked_add(thousandths)?;
        is_number.then_some(Thousandths(number))
    };
    read().ok_or_else(|| piece.error(&format!("does not know the number `{}`", piece.text), HELP))
}

/// Splits the text at white space and around signs. No piece is lost: what is of no kind becomes
/// a piece of its own, which then fits nowhere.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(rest) = text.get(offset..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let is_relation = |c: char| "<>=!".contains(c);
        let length = if first.is_whitespace() {
            offset += first.len_utf8();
            continue;
        } else if is_inside(first) {
            rest.find(|c| !is_inside(c)).unwrap_or(rest.len())
        } else if is_relation(first) {
            rest.find(|c| !is_relation(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let at = offset..offset + length;
        found.push(Piece { text: text.get(at.clone()).unwrap_or_default(), at });
        offset += length;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::realert::FindingSummary;

    fn summary(events: u64, accounts: u64, severity: Severity) -> FindingSummary {
        FindingSummary { events, accounts, regions: 1, severity }
    }

    fn check(text: &str, expected: bool) {
        let now = summary(30, 2, Severity::High);
        let last = summary(3, 2, Severity::Medium);
        let condition = RealertCondition::parse(text).unwrap();
        assert_eq!(condition.holds(&now, &last), expected, "{text}");
    }

    #[test]
    fn a_finding_is_compared_with_what_it_was() {
        check("events >= 10 * last.events", true);
        check("events > 10 * last.events", false);
        check("10.001*last.events <= events", false);
        check("accounts > last.accounts OR severity > last.severity", true);
        check("accounts > last.accounts AND severity > last.severity", false);
        check("accounts != 2 or events = 30 and regions = 1", true);
        check("severity >= high", true);
        check("critical <= severity", false);
        check("0.5 * events < 15.1", true);
    }

    fn check_refused(text: &str, part: &str, message: &str) {
        let error = RealertCondition::parse(text).unwrap_err();
        let found = (text.get(error.part.clone()), error.message.as_str());
        assert_eq!(found, (Some(part), message), "{text}");
    }

    #[test]
    fn what_is_no_condition_is_shown_where_it_stands() {
        check_refused("", "", "ends too early");
        check_refused("events >=", "", "ends too early");
        check_refused("events => 3", "=>", "does not compare with `=>`");
        check_refused("event >= 3", "event", "does not know `event`");
        check_refused("events >= 3 XOR events < 9", "XOR", "goes on with `XOR`");
        check_refused("events >= 3.1234", "3.1234", "does not know the number `3.1234`");
        check_refused("events >= high", "high", "compares a severity with a number");
        check_refused("severity >= 2 * last.severity", "last.severity", "multiplies a severity");
        check_refused("events >= 3 \u{20ac}", "\u{20ac}", "goes on with `\u{20ac}`");
        check_refused(
            "events > 1 AND 3 < 2 * last.events",
            "3 < 2 * last.events",
            "has a comparison that says nothing about the finding as it is",
        );
        check_refused(&["events > 1"; 33].join(" AND "), "AND", "is too long");
    }

    fn moment() -> impl Strategy<Value = Moment> {
        prop_oneof![Just(Moment::Now), Just(Moment::LastAlert)]
    }

    fn comparison() -> impl Strategy<Value = Comparison> {
        let count = proptest::sample::select(Count::ALL.to_vec());
        let number = any::<u64>().prop_map(Thousandths).boxed();
        let numbers =
            prop_oneof![
                number.clone().prop_map(Value::Number),
                (number, count.clone(), moment())
                    .prop_map(|(factor, count, moment)| Value::Count { factor, count, moment }),
            ];
        let now = count.clone().prop_map(|count| Value::Count {
            factor: Thousandths::ONE,
            count,
            moment: Moment::Now,
        });
        let levels = prop_oneof![
            proptest::sample::select(Severity::ALL.to_vec()).prop_map(Value::Level),
            moment().prop_map(Value::Severity),
        ];
        let sides = prop_oneof![(now, numbers), (Just(Value::Severity(Moment::Now)), levels),];
        (sides, proptest::sample::select(Relation::ALL.to_vec()), any::<bool>()).prop_map(
            |((one, other), relation, swapped)| {
                let (left, right) = if swapped { (other, one) } else { (one, other) };
                Comparison { left, relation, right }
            },
        )
    }

    proptest! {
        #[test]
        fn printing_and_reading_give_the_condition_back(
            any in prop::collection::vec(prop::collection::vec(comparison(), 1..4), 1..5),
            now in any::<u64>(),
            last in any::<u64>(),
        ) {
            let condition = RealertCondition { any };
            let read = RealertCondition::parse(&condition.to_string());
            prop_assert_eq!(read.as_ref(), Ok(&condition));
            let (now, last) = (summary(now, 1, Severity::Low), summary(last, 2, Severity::High));
            prop_assert_eq!(read.map(|it| it.holds(&now, &last)), Ok(condition.holds(&now, &last)));
        }

        #[test]
        fn every_text_is_read_or_refused_inside_it(
            text in "(events|last\\.|severity|high|and|or|[0-9.<>=!* \u{e9}]){0,12}",
        ) {
            if let Err(error) = RealertCondition::parse(&text) {
                prop_assert!(text.get(error.part).is_some());
            }
        }
    }
}
