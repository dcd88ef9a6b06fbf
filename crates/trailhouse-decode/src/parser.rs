//! JSON text to a tape, with buffers that are used again.

use simd_json::{Buffers, ErrorType, INPUT_PADDING, Node, Tape, fill_tape_padded};

use crate::{exact, limits::DecodeLimits, reject::RejectReason, value::Value};

/// A parser and its buffers.
pub(crate) struct Parser {
    buffers: Buffers,
    tape: Tape<'static>,
    /// The text under parsing, with padding behind it; the parser writes into it.
    scratch: Vec<u8>,
    depth_max: u16,
}

impl Parser {
    /// Makes a parser that refuses text that nests deeper than the limit.
    pub(crate) fn new(limits: &DecodeLimits) -> Self {
        Self {
            buffers: Buffers::with_max_depth(0, usize::from(limits.depth_max)),
            tape: Tape(Vec::new()),
            scratch: Vec::new(),
            depth_max: limits.depth_max,
        }
    }

    /// Parses the document in `text` where it lies and hands its value to `use_value`. The text
    /// is spoilt afterwards, also where it is refused.
    pub(crate) fn parse_in_place<R>(
        &mut self,
        text: &mut Vec<u8>,
        use_value: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Refused> {
        let length = text.len();
        text.resize(length.saturating_add(INPUT_PADDING), 0);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let filled = fill_tape_padded(text, length, &mut self.buffers, &mut tape);
        let result = match filled {
            Ok(()) => Value::first(&tape.0, &[]).map(use_value).ok_or(Refused::Syntax),
            Err(error) => Err(Refused::of(error.error())),
        };
        self.tape = tape.reset();
        result
    }

    /// Parses a copy of the pieces as one array.
    pub(crate) fn parse_array<'p, R>(
        &mut self,
        pieces: impl Iterator<Item = &'p [u8]>,
        use_value: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Refused> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        for piece in pieces {
            scratch.push(if scratch.is_empty() { b'[' } else { b',' });
            scratch.extend_from_slice(piece);
        }
        scratch.push(b']');
        let result = self.parse_in_place(&mut scratch, use_value);
        self.scratch = scratch;
        result
    }

    /// Parses a copy of the text. Numbers that the tape cannot hold keep their text.
    pub(crate) fn parse_copy<R>(
        &mut self,
        text: &[u8],
        use_value: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, RejectReason> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(text);
        let mut use_value = Some(use_value);
        let mut run = |value: Value<'_>| use_value.take().map(|use_value| use_value(value));
        let mut result = self.parse_in_place(&mut scratch, &mut run);
        if result.is_err() {
            scratch.clear();
            scratch.extend_from_slice(text);
            let replaced = exact::replace_numbers(&mut scratch);
            if !replaced.is_empty() {
                result = self.parse_replaced(&mut scratch, replaced, &mut run);
            }
        }
        self.scratch = scratch;
        match result {
            Ok(Some(result)) => Ok(result),
            Ok(None) => Err(RejectReason::Syntax),
            Err(refused) => Err(refused.reason(text, self.depth_max)),
        }
    }

    fn parse_replaced<R>(
        &mut self,
        text: &mut Vec<u8>,
        replaced: Vec<(usize, String)>,
        use_value: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Refused> {
        let length = text.len();
        text.resize(length.saturating_add(INPUT_PADDING), 0);
        let mut tape: Tape<'_> = Tape(Vec::new());
        fill_tape_padded(text, length, &mut self.buffers, &mut tape)
            .map_err(|error| Refused::of(error.error()))?;
        let mut nodes: Vec<Node<'_>> = tape.0;
        let exact = exact::mark_numbers(&mut nodes, replaced);
        Value::first(&nodes, &exact).map(use_value).ok_or(Refused::Syntax)
    }
}

/// How the parser refuses a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Syntax,
    TooDeep,
    UnicodeEscape,
}

impl Refused {
    fn of(error: &ErrorType) -> Self {
        // Half a surrogate pair comes under either name; which bytes are no UTF-8 is looked at
        // where the reason is given.
        let is_escape = matches!(
            error,
            ErrorType::InvalidUnicodeEscape
                | ErrorType::InvalidUnicodeCodepoint
                | ErrorType::InvalidUtf8
        );
        if matches!(error, ErrorType::DepthLimitExceeded) {
            Self::TooDeep
        } else if is_escape {
            Self::UnicodeEscape
        } else {
            Self::Syntax
        }
    }

    fn reason(self, text: &[u8], depth_max: u16) -> RejectReason {
        match self {
            _ if std::str::from_utf8(text).is_err() => RejectReason::InvalidUtf8,
            Self::Syntax => RejectReason::Syntax,
            Self::TooDeep => RejectReason::TooDeep { limit: depth_max },
            Self::UnicodeEscape => RejectReason::InvalidUnicodeEscape,
        }
    }
}
