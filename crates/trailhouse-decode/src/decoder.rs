//! The decoder of one worker.
//!
//! A document of ordinary size is parsed in one go. Where that is refused, or the text is larger,
//! the text is split at the brackets into documents and records, which are parsed a few at a time,
//! and one by one where those few are refused. So a bad record costs itself only, and memory is
//! bounded by the text and the largest record.

use std::{collections::BTreeSet, ops::Range};

use trailhouse_model::ContentHash;

use crate::{
    decoded::{DecodeContext, DecodeStats, DecodedObject},
    error::DecodeError,
    inflate::{inflate, length, resolve_text},
    limits::DecodeLimits,
    object::{Evidence, ObjectRows},
    parser::Parser,
    record::RowWriter,
    reject::RejectReason,
    split::{self, EndsEarly, Wrapping},
    value::{Shape, Value},
};

/// Reusable buffers and builders. One per worker thread.
pub struct Decoder {
    limits: DecodeLimits,
    text: Vec<u8>,
    rows: RowWriter,
    parsers: Parsers,
}

/// Two parsers, because a record may be a string in another document.
struct Parsers {
    outer: Parser,
    inner: Parser,
}

/// What a piece of the text stands for.
#[derive(Debug, Clone, Copy)]
enum Role {
    Document,
    Element(Wrapping),
}

/// Pieces are parsed together up to this size.
const CHUNK_BYTES_MAX: usize = 512 * 1024;

/// The text buffer is given back beyond this after an unusual object.
const RETAINED_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Decoder {
    /// Makes a decoder that keeps to the limits.
    pub fn new(limits: DecodeLimits) -> Self {
        let limits = limits.within_reach();
        let parsers = Parsers { outer: Parser::new(&limits), inner: Parser::new(&limits) };
        Self { limits, text: Vec::new(), rows: RowWriter::default(), parsers }
    }

    /// Decodes one object: all of it or, with an error, nothing. Never panics and never passes a
    /// limit; decoding the same bytes again ends the same way.
    pub fn decode(
        &mut self,
        context: &DecodeContext,
        compressed: &[u8],
    ) -> Result<DecodedObject, DecodeError> {
        let mut text = std::mem::take(&mut self.text);
        let result = self.decode_into(context, compressed, &mut text);
        text.clear();
        text.shrink_to(RETAINED_BYTES_MAX);
        self.text = text;
        self.rows.columns.clear();
        result
    }

    fn decode_into(
        &mut self,
        context: &DecodeContext,
        compressed: &[u8],
        text: &mut Vec<u8>,
    ) -> Result<DecodedObject, DecodeError> {
        inflate(compressed, &self.limits, text)?;
        let stats = new_stats(compressed, text);
        resolve_text(&self.limits, text)?;
        let mut object = ObjectRows::new(&mut self.rows, context, &self.limits, stats);
        let Self { limits, parsers, .. } = self;
        match parse_whole(limits, parsers, &mut object, text)? {
            Whole::Parsed => {}
            Whole::NotTried => parse_split(limits, parsers, &mut object, text)?,
            Whole::Spoilt => {
                inflate(compressed, limits, text)?;
                resolve_text(limits, text)?;
                parse_split(limits, parsers, &mut object, text)?;
            }
        }
        let finished = object.finish()?;
        Ok(DecodedObject {
            kind: finished.kind,
            events: finished.batch,
            rejects: finished.rejects,
            stats: finished.stats,
        })
    }
}

fn new_stats(compressed: &[u8], inflated: &[u8]) -> DecodeStats {
    DecodeStats {
        records_seen: 0,
        compressed_bytes: length(compressed),
        inflated_bytes: length(inflated),
        inflated_sha256: ContentHash::of(inflated),
        first_event_time: None,
        last_event_time: None,
        accounts: BTreeSet::new(),
        regions: BTreeSet::new(),
    }
}

/// What came of parsing a text in one go.
enum Whole {
    Parsed,
    /// The text is as it was.
    NotTried,
    /// The text was refused, and the parser has written into it.
    Spoilt,
}

/// Parses the text as one document, where it may be one and is not too large.
fn parse_whole(
    limits: &DecodeLimits,
    parsers: &mut Parsers,
    object: &mut ObjectRows<'_>,
    text: &mut Vec<u8>,
) -> Result<Whole, DecodeError> {
    if text.trim_ascii_start().is_empty() {
        return Ok(Whole::Parsed);
    }
    if is_too_large(limits, text) || split::looks_like_lines(text) {
        return Ok(Whole::NotTried);
    }
    let inner = &mut parsers.inner;
    match parsers.outer.parse_in_place(text, |value| object.document(value, inner)) {
        Ok(outcome) => outcome.map(|()| Whole::Parsed),
        Err(_) => Ok(Whole::Spoilt),
    }
}

fn parse_split(
    limits: &DecodeLimits,
    parsers: &mut Parsers,
    object: &mut ObjectRows<'_>,
    text: &[u8],
) -> Result<(), DecodeError> {
    if !matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return Err(DecodeError::NotJson);
    }
    let mut splitter = Splitter { limits, parsers, object };
    splitter.pieces(text, split::documents(text), Role::Document)
}

fn is_too_large(limits: &DecodeLimits, text: &[u8]) -> bool {
    length(text) > u64::from(limits.record_bytes_max)
}

/// Takes a text apart that is not parsed in one go.
struct Splitter<'s, 'd> {
    limits: &'s DecodeLimits,
    parsers: &'s mut Parsers,
    object: &'s mut ObjectRows<'d>,
}

impl Splitter<'_, '_> {
    /// Takes pieces of the text in order, several at a time where they are small.
    fn pieces(
        &mut self,
        text: &[u8],
        pieces: impl Iterator<Item = Result<Range<usize>, EndsEarly>>,
        role: Role,
    ) -> Result<(), DecodeError> {
        let mut chunk: Vec<&[u8]> = Vec::new();
        let mut chunk_bytes = 0_usize;
        for range in pieces {
            let range = range.map_err(|EndsEarly| DecodeError::Truncated)?;
            let piece = text.get(range).unwrap_or_default();
            if piece.len().saturating_add(chunk_bytes) > CHUNK_BYTES_MAX {
                self.chunk(&chunk, role)?;
                chunk.clear();
                chunk_bytes = 0;
            }
            if piece.len() > CHUNK_BYTES_MAX {
                self.piece(piece, role)?;
            } else {
                chunk.push(piece);
                chunk_bytes = chunk_bytes.saturating_add(piece.len());
            }
        }
        self.chunk(&chunk, role)
    }

    /// Takes pieces together, or one by one where they do not make an array of just these.
    fn chunk(&mut self, pieces: &[&[u8]], role: Role) -> Result<(), DecodeError> {
        if pieces.is_empty() {
            return Ok(());
        }
        let Self { parsers, object, limits } = self;
        let inner = &mut parsers.inner;
        let may_join = pieces.len() > 1 && !pieces.iter().any(|piece| is_too_large(limits, piece));
        if may_join {
            let joined = parsers.outer.parse_array(pieces.iter().copied(), |array| {
                take_array(object, inner, array, pieces.len(), role)
            });
            match joined {
                Ok(Ok(true)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(false)) | Err(_) => {}
            }
        }
        pieces.iter().try_for_each(|piece| self.piece(piece, role))
    }

    /// Takes one piece by itself. One that is refused as a document may be a wrapper all the same.
    fn piece(&mut self, piece: &[u8], role: Role) -> Result<(), DecodeError> {
        let reason = if is_too_large(self.limits, piece) {
            RejectReason::TooLarge { limit_bytes: self.limits.record_bytes_max }
        } else {
            let Self { parsers, object, .. } = self;
            let inner = &mut parsers.inner;
            let parsed =
                parsers.outer.parse_copy(piece, |value| take_value(object, inner, value, role));
            match parsed {
                Ok(outcome) => return outcome,
                Err(reason) => reason,
            }
        };
        match role {
            Role::Element(Wrapping::Records) => {
                self.object.reject(reason, piece, Evidence::CloudTrail)
            }
            Role::Element(_) => self.object.reject(reason, piece, Evidence::of_text(piece)),
            Role::Document => match split::wrapping(piece) {
                Some((wrapping, start)) => {
                    self.pieces(piece, split::elements(piece, start), Role::Element(wrapping))
                }
                None => self.bad_document(reason, piece),
            },
        }
    }

    /// Takes a document that wraps nothing and was refused. A large one that does not look like
    /// an event is somebody else's and no trouble of ours.
    fn bad_document(&mut self, reason: RejectReason, piece: &[u8]) -> Result<(), DecodeError> {
        let evidence = Evidence::of_text(piece);
        if matches!(reason, RejectReason::TooLarge { .. }) && evidence == Evidence::None {
            self.object.foreign();
            return Ok(());
        }
        self.object.reject(reason, piece, evidence)
    }
}

/// Takes the elements of a joined array, where they are as many as the pieces that were joined.
fn take_array(
    object: &mut ObjectRows<'_>,
    inner: &mut Parser,
    array: Value<'_>,
    pieces: usize,
    role: Role,
) -> Result<bool, DecodeError> {
    let Shape::Array(elements) = array.shape() else { return Ok(false) };
    if elements.count() != pieces {
        return Ok(false);
    }
    for element in elements {
        take_value(object, inner, element, role)?;
    }
    Ok(true)
}

fn take_value(
    object: &mut ObjectRows<'_>,
    inner: &mut Parser,
    value: Value<'_>,
    role: Role,
) -> Result<(), DecodeError> {
    match role {
        Role::Document => object.document(value, inner),
        Role::Element(wrapping) => object.element(wrapping, value, inner),
    }
}
