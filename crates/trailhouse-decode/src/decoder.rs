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
    event_rows::EventRows,
    inflate::{Inflater, length},
    limits::DecodeLimits,
    object::{Evidence, Finished, ObjectRows},
    parser::Parser,
    record::RowWriter,
    reject::RejectReason,
    split::{self, EndsEarly, Wrapping},
    value::{Shape, Value},
};

/// Reusable buffers and builders. One per worker thread.
pub struct Decoder {
    limits: DecodeLimits,
    inflater: Inflater,
    text: Vec<u8>,
    rows: RowWriter,
    parsers: Parsers,
}

/// Two parsers, because a record may be a string in another document.
struct Parsers {
    outer: Parser,
    inner: Parser,
}

/// What came of an object whose rows are still in the columns.
type OpenAnswer = Result<DecodedObject<Range<usize>>, DecodeError>;
type Answer = Result<DecodedObject<EventRows>, DecodeError>;

/// What a piece of the text stands for.
#[derive(Debug, Clone, Copy)]
enum Role {
    Document,
    Element(Wrapping),
}

/// Pieces are parsed together up to this size.
const CHUNK_BYTES_MAX: usize = 512 * 1024;

/// Objects share a batch until its texts have so many bytes ...
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// ... or it has so many rows. An object with a larger text starts a batch of its own, so that what
/// fits into a column does not depend on its neighbours.
const BATCH_ROWS_MAX: usize = 65_536;

/// The text buffer is given back beyond this after an unusual object.
const RETAINED_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Decoder {
    /// Makes a decoder that keeps to the limits.
    pub fn new(limits: DecodeLimits) -> Self {
        let limits = limits.within_reach();
        let parsers = Parsers { outer: Parser::new(&limits), inner: Parser::new(&limits) };
        let (inflater, rows) = (Inflater::new(), RowWriter::default());
        Self { limits, inflater, text: Vec::new(), rows, parsers }
    }

    /// Decodes one object: all of it or, with an error, nothing. Never panics and never passes a
    /// limit; decoding the same bytes again ends the same way.
    pub fn decode(
        &mut self,
        context: &DecodeContext,
        compressed: &[u8],
    ) -> Result<DecodedObject, DecodeError> {
        let outcome = self.decode_all([(context, compressed)]).pop();
        let object = outcome.unwrap_or(Err(DecodeError::NotJson))?;
        Ok(object.map(|rows| rows.to_batch()))
    }

    /// Decodes several objects, each as [`Decoder::decode`] does, and answers for them in order.
    /// Rows of small objects lie in a batch together.
    pub fn decode_all<'o>(
        &mut self,
        objects: impl IntoIterator<Item = (&'o DecodeContext, &'o [u8])>,
    ) -> Vec<Answer> {
        self.rows.columns.clear();
        let mut text = std::mem::take(&mut self.text);
        let mut answers = Vec::new();
        let mut open = Vec::new();
        for (context, compressed) in objects {
            let inflated = self.inflate(compressed, &mut text);
            if text.len() > BATCH_BYTES_MAX || self.has_full_batch() {
                self.seal(&mut open, &mut answers);
            }
            open.push(inflated.and_then(|stats| {
                let first_row = self.rows.columns.rows();
                let decoded = self.decode_text(context, compressed, &mut text, stats);
                decoded.inspect_err(|_| self.rows.columns.truncate(first_row))
            }));
        }
        self.seal(&mut open, &mut answers);
        text.clear();
        text.shrink_to(RETAINED_BYTES_MAX);
        self.text = text;
        answers
    }

    /// Makes a batch of all rows there are and gives each object its own.
    fn seal(&mut self, open: &mut Vec<OpenAnswer>, answers: &mut Vec<Answer>) {
        let batch = self.rows.columns.batch().map(EventRows::from);
        self.rows.columns.clear();
        answers.extend(open.drain(..).map(|answer| {
            let object = answer?;
            let batch = batch.as_ref().map_err(|_| DecodeError::column_too_large())?;
            Ok(object.map(|rows| batch.part(rows)))
        }));
    }

    /// Says whether the next object starts another batch.
    fn has_full_batch(&mut self) -> bool {
        let columns = &mut self.rows.columns;
        columns.rows() >= BATCH_ROWS_MAX || columns.text_bytes() >= BATCH_BYTES_MAX
    }

    fn inflate(
        &mut self,
        compressed: &[u8],
        text: &mut Vec<u8>,
    ) -> Result<DecodeStats, DecodeError> {
        self.inflater.inflate(compressed, &self.limits, text)?;
        let stats = new_stats(compressed, text);
        self.inflater.resolve_text(&self.limits, text)?;
        Ok(stats)
    }

    /// Leaves the rows of the object in the columns; with an error, some of them may be there.
    fn decode_text(
        &mut self,
        context: &DecodeContext,
        compressed: &[u8],
        text: &mut Vec<u8>,
        stats: DecodeStats,
    ) -> OpenAnswer {
        let Self { limits, inflater, parsers, rows, .. } = self;
        let mut object = ObjectRows::new(rows, context, limits, stats);
        match parse_whole(limits, parsers, &mut object, text)? {
            Whole::Parsed => {}
            Whole::NotTried => parse_split(limits, parsers, &mut object, text)?,
            Whole::Spoilt => {
                inflater.inflate(compressed, limits, text)?;
                inflater.resolve_text(limits, text)?;
                parse_split(limits, parsers, &mut object, text)?;
            }
        }
        let Finished { kind, rows, rejects, stats } = object.finish()?;
        Ok(DecodedObject { kind, events: rows, rejects, stats })
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
