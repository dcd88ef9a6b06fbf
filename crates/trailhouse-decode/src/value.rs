//! A place on the simd-json tape, and the walk from it.

use std::collections::BTreeMap;

use simd_json::{Node, StaticNode};

/// A JSON value on a tape.
#[derive(Clone, Copy)]
pub(crate) struct Value<'t> {
    /// The nodes from this value to the end of the tape; never empty.
    nodes: &'t [Node<'t>],
    /// The text of the numbers that the tape cannot hold.
    exact: &'t [String],
}

/// A value, taken apart.
pub(crate) enum Shape<'t> {
    Null,
    Bool(bool),
    Number(Number<'t>),
    String(&'t str),
    Array(Elements<'t>),
    Object(Members<'t>),
}

/// A number as the tape holds it, or its text where it cannot.
pub(crate) enum Number<'t> {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Exact(&'t str),
}

/// JSON has no NaN, so a NaN on a tape is ours: its payload is the index of an exact number.
const EXACT_MARK: u64 = 0x7FF8_0000_0000_0000;

/// Returns the node that stands for the exact number at `index`.
pub(crate) fn exact_node(index: u32) -> Node<'static> {
    Node::Static(StaticNode::F64(f64::from_bits(EXACT_MARK | u64::from(index))))
}

impl<'t> Value<'t> {
    /// Takes the value at the start of a tape.
    pub(crate) fn first(nodes: &'t [Node<'t>], exact: &'t [String]) -> Option<Self> {
        if nodes.is_empty() { None } else { Some(Self { nodes, exact }) }
    }

    /// Takes the value apart.
    #[inline]
    pub(crate) fn shape(self) -> Shape<'t> {
        match self.nodes.first() {
            Some(Node::String(text)) => Shape::String(text),
            Some(Node::Object { len, count }) => {
                Shape::Object(Members { rest: self.content(*count), len: *len })
            }
            Some(Node::Array { len, count }) => {
                Shape::Array(Elements { rest: self.content(*count), len: *len })
            }
            Some(Node::Static(StaticNode::I64(number))) => Shape::Number(Number::Signed(*number)),
            Some(Node::Static(StaticNode::U64(number))) => Shape::Number(Number::Unsigned(*number)),
            Some(Node::Static(StaticNode::F64(number))) => Shape::Number(self.float(*number)),
            Some(Node::Static(StaticNode::Bool(value))) => Shape::Bool(*value),
            Some(Node::Static(StaticNode::Null)) | None => Shape::Null,
        }
    }

    /// Returns the members where this is an object.
    pub(crate) fn members(self) -> Option<Members<'t>> {
        match self.shape() {
            Shape::Object(members) => Some(members),
            Shape::Null
            | Shape::Bool(_)
            | Shape::Number(_)
            | Shape::String(_)
            | Shape::Array(_) => None,
        }
    }

    /// Returns the text where this is a string.
    pub(crate) fn text(self) -> Option<&'t str> {
        match self.nodes.first() {
            Some(Node::String(text)) => Some(text),
            Some(Node::Object { .. } | Node::Array { .. } | Node::Static(_)) | None => None,
        }
    }

    fn content(self, count: usize) -> Option<Value<'t>> {
        let nodes = self.nodes.get(1..count.saturating_add(1))?;
        Value::first(nodes, self.exact)
    }

    fn float(self, number: f64) -> Number<'t> {
        if !number.is_nan() {
            return Number::Float(number);
        }
        let index = usize::try_from(number.to_bits() & u64::from(u32::MAX)).unwrap_or(usize::MAX);
        Number::Exact(self.exact.get(index).map_or("null", String::as_str))
    }

    /// Splits off this value from what follows it.
    #[inline]
    fn rest(self) -> Option<Value<'t>> {
        let count = match self.nodes.first()? {
            Node::Object { count, .. } | Node::Array { count, .. } => count.saturating_add(1),
            Node::String(_) | Node::Static(_) => 1,
        };
        Value::first(self.nodes.get(count..)?, self.exact)
    }
}

/// The elements of an array.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'t> {
    rest: Option<Value<'t>>,
    len: usize,
}

impl Elements<'_> {
    /// Returns how many elements the whole array has.
    pub(crate) fn count(self) -> usize {
        self.len
    }
}

impl<'t> Iterator for Elements<'t> {
    type Item = Value<'t>;

    fn next(&mut self) -> Option<Value<'t>> {
        let value = self.rest?;
        self.rest = value.rest();
        Some(value)
    }
}

/// The members of an object, in the order of the text, repeated names included.
#[derive(Clone, Copy)]
pub(crate) struct Members<'t> {
    rest: Option<Value<'t>>,
    len: usize,
}

impl<'t> Iterator for Members<'t> {
    type Item = (&'t str, Value<'t>);

    #[inline]
    fn next(&mut self) -> Option<(&'t str, Value<'t>)> {
        let name = self.rest?;
        let value = name.rest()?;
        self.rest = value.rest();
        Some((name.text()?, value))
    }
}

impl<'t> Members<'t> {
    /// The members of an empty object.
    pub(crate) const NONE: Self = Self { rest: None, len: 0 };

    /// Returns the members with repeated names resolved: the last one of a name counts.
    pub(crate) fn last_wins(self) -> impl Iterator<Item = (&'t str, Value<'t>)> {
        let last = self.may_repeat().then(|| self.last_positions());
        self.enumerate()
            .filter(move |(position, (name, _))| {
                last.as_ref().is_none_or(|last| last.get(name) == Some(position))
            })
            .map(|(_, member)| member)
    }

    /// Says whether a name may be there twice. Names are told apart by a small hash that differs
    /// among the names of each level of a CloudTrail record, so that real records say no.
    fn may_repeat(self) -> bool {
        if self.len < 2 {
            return false;
        }
        let mut seen = [0_u128; 2];
        for (name, _) in self {
            let hash = name_hash(name);
            let Some(word) = seen.get_mut(usize::from(hash >> 7)) else { return true };
            let bit = 1_u128.checked_shl(u32::from(hash & 127)).unwrap_or(0);
            if *word & bit != 0 {
                return true;
            }
            *word |= bit;
        }
        false
    }

    fn last_positions(self) -> BTreeMap<&'t str, usize> {
        self.enumerate().map(|(position, (name, _))| (name, position)).collect()
    }
}

/// Hashes the length and three bytes of a name. The factors were found by trial: with them the
/// names of no level of a CloudTrail record collide, which a test checks.
fn name_hash(name: &str) -> u8 {
    let bytes = name.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let from_end = |back: usize| bytes.len().checked_sub(back).map_or(0, at);
    let length = u8::try_from(bytes.len() & 0xFF).unwrap_or(0);
    length
        .wrapping_mul(101)
        .wrapping_add(at(0).wrapping_mul(166))
        .wrapping_add(from_end(4).wrapping_mul(44))
        .wrapping_add(from_end(3).wrapping_mul(44))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::schema::COLUMNS;

    #[test]
    fn names_of_one_level_do_not_collide() {
        let mut levels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for path in COLUMNS.iter().map(|spec| spec.path).chain(["sessionCredentialFromConsole"]) {
            let mut rest = path;
            while let Some((level, name)) = rest.rsplit_once('.') {
                levels.entry(level).or_default().insert(name);
                rest = level;
            }
            levels.entry("").or_default().insert(rest);
        }
        levels
            .insert("resources", BTreeSet::from(["ARN", "arn", "ARNPrefix", "accountId", "type"]));
        for (level, names) in levels {
            let hashes: BTreeSet<u8> = names.iter().map(|name| name_hash(name)).collect();
            assert_eq!(hashes.len(), names.len(), "{level}: {names:?}");
        }
    }
}
