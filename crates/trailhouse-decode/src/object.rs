//! What becomes of the documents and records of one object.

use std::ops::Range;

use trailhouse_model::EventTime;

use crate::{
    container::{Document, classify, text_member},
    decoded::{ContentKind, DecodeContext, DecodeStats},
    error::DecodeError,
    json::write_value,
    limits::DecodeLimits,
    parser::Parser,
    record::{RecordLook, RowWriter},
    reject::{RejectReason, RejectedRecord},
    split::{Wrapping, looks_like_event},
    value::{Members, Value},
};

/// Whether what was refused shows that the object is CloudTrail's all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// It lies in a `Records` array or has members of an event.
    CloudTrail,
    /// It may be anything.
    None,
}

impl Evidence {
    /// Judges a text that was refused by the names of its members.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        if looks_like_event(text) { Self::CloudTrail } else { Self::None }
    }
}

/// What was met in the object.
#[derive(Default)]
struct Tally {
    events: u32,
    insights: u32,
    aggregated: u32,
    /// Rows, messages and documents that are valid but not CloudTrail's.
    foreign: u32,
    digests: u32,
    controls: u32,
    /// Rejects that show that the object is CloudTrail's.
    evident_rejects: u32,
}

/// The rows and rejects of one object while it is decoded.
pub(crate) struct ObjectRows<'d> {
    rows: &'d mut RowWriter,
    /// The first row of the object; those before it are of others.
    first_row: usize,
    context: DecodeContext,
    limits: DecodeLimits,
    tally: Tally,
    records_seen: u32,
    rejects: Vec<RejectedRecord>,
    prefixes_bytes: usize,
    stats: DecodeStats,
}

impl<'d> ObjectRows<'d> {
    /// Starts an object; `stats` knows its bytes already.
    pub(crate) fn new(
        rows: &'d mut RowWriter,
        context: &DecodeContext,
        limits: &DecodeLimits,
        stats: DecodeStats,
    ) -> Self {
        Self {
            first_row: rows.columns.rows(),
            rows,
            context: *context,
            limits: *limits,
            tally: Tally::default(),
            records_seen: 0,
            rejects: Vec::new(),
            prefixes_bytes: 0,
            stats,
        }
    }

    /// Takes a whole document. Records that are strings in it are parsed with `inner`.
    pub(crate) fn document(
        &mut self,
        document: Value<'_>,
        inner: &mut Parser,
    ) -> Result<(), DecodeError> {
        match classify(document) {
            Document::Array(elements) => {
                elements.into_iter().try_for_each(|element| self.nested(element, inner))
            }
            Document::Records(_)
            | Document::BadRecords(_)
            | Document::LogEvents(_)
            | Document::LookupEvents(_)
            | Document::LookupEvent(_)
            | Document::Detail(_)
            | Document::Record(_)
            | Document::Digest
            | Document::Control
            | Document::Nothing
            | Document::Scalar => self.nested(document, inner),
        }
    }

    /// Takes one element of a wrapper.
    pub(crate) fn element(
        &mut self,
        wrapping: Wrapping,
        element: Value<'_>,
        inner: &mut Parser,
    ) -> Result<(), DecodeError> {
        match wrapping {
            Wrapping::Records => self.record(element),
            Wrapping::Array => self.nested(element, inner),
            Wrapping::LogEvents => self.message(element, "message", inner),
            Wrapping::LookupEvents => self.message(element, "CloudTrailEvent", inner),
        }
    }

    /// Takes what could not be parsed or is too large.
    pub(crate) fn reject(
        &mut self,
        reason: RejectReason,
        raw: &[u8],
        evidence: Evidence,
    ) -> Result<(), DecodeError> {
        let limit = self.limits.rejects_max;
        if usize::try_from(limit).is_ok_and(|limit| self.rejects.len() >= limit) {
            return Err(DecodeError::TooManyRejects { limit });
        }
        let record_index = self.next_index()?;
        let room = RejectedRecord::PREFIXES_BYTES_MAX.saturating_sub(self.prefixes_bytes);
        let length = raw.len().min(RejectedRecord::PREFIX_BYTES_MAX);
        let prefix = raw.get(..length).filter(|_| length <= room).unwrap_or_default();
        self.prefixes_bytes = self.prefixes_bytes.saturating_add(prefix.len());
        self.rejects.push(RejectedRecord { record_index, reason, raw_prefix: prefix.into() });
        match evidence {
            Evidence::CloudTrail => bump(&mut self.tally.evident_rejects),
            Evidence::None => {}
        }
        Ok(())
    }

    /// Takes something valid that is not CloudTrail's and no record at all.
    pub(crate) fn foreign(&mut self) {
        bump(&mut self.tally.foreign);
    }

    /// Ends the object. Where nothing in it is CloudTrail's, rows and rejects are dropped.
    pub(crate) fn finish(mut self) -> Result<Finished, DecodeError> {
        let tally = &self.tally;
        let only_insights = tally.events == 0 && tally.aggregated == 0 && tally.foreign == 0;
        let kind = if tally.insights > 0 && only_insights {
            ContentKind::Insight
        } else if tally.events > 0 || tally.insights > 0 || tally.evident_rejects > 0 {
            ContentKind::Events
        } else {
            return self.finish_without_events();
        };
        let columns = &mut self.rows.columns;
        if columns.have_overflowed() {
            return Err(DecodeError::column_too_large());
        }
        columns.end_object(&self.context);
        let rows = self.first_row..columns.rows();
        self.stats.records_seen = self.records_seen;
        debug_assert!(
            u32::try_from(rows.len().saturating_add(self.rejects.len()))
                .is_ok_and(|records| records == self.records_seen),
            "every record is a row or a reject"
        );
        Ok(Finished { kind, rows, rejects: self.rejects, stats: self.stats })
    }

    fn finish_without_events(self) -> Result<Finished, DecodeError> {
        let tally = &self.tally;
        let kind = if tally.digests > 0 {
            ContentKind::Digest
        } else if tally.aggregated > 0 {
            ContentKind::Aggregated
        } else if tally.controls > 0 {
            ContentKind::Control
        } else if tally.foreign > 0 {
            ContentKind::Foreign
        } else if self.rejects.is_empty() {
            ContentKind::Empty
        } else {
            return Err(DecodeError::NotJson);
        };
        let mut stats = self.stats;
        stats.first_event_time = None;
        stats.last_event_time = None;
        stats.accounts.clear();
        stats.regions.clear();
        self.rows.columns.truncate(self.first_row);
        let rows = self.first_row..self.first_row;
        Ok(Finished { kind, rows, rejects: Vec::new(), stats })
    }

    /// Takes a document that is not an array of documents, at most an element of one.
    fn nested(&mut self, document: Value<'_>, inner: &mut Parser) -> Result<(), DecodeError> {
        match classify(document) {
            Document::Records(elements) => {
                elements.into_iter().try_for_each(|element| self.record(element))?;
            }
            Document::BadRecords(value) => {
                self.reject_value(RejectReason::RecordsNotAnArray, value, Evidence::CloudTrail)?;
            }
            Document::LogEvents(elements) => elements
                .into_iter()
                .try_for_each(|element| self.message(element, "message", inner))?,
            Document::LookupEvents(elements) => elements
                .into_iter()
                .try_for_each(|element| self.message(element, "CloudTrailEvent", inner))?,
            Document::LookupEvent(text) => self.record_text(text, inner)?,
            Document::Detail(members) | Document::Record(members) => self.row(members)?,
            Document::Digest => bump(&mut self.tally.digests),
            Document::Control => bump(&mut self.tally.controls),
            Document::Nothing => {}
            Document::Scalar | Document::Array(_) => {
                self.foreign();
                self.reject_value(RejectReason::NotAnObject, document, Evidence::None)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, record: Value<'_>) -> Result<(), DecodeError> {
        match record.members() {
            Some(members) => self.row(members),
            None => self.reject_value(RejectReason::NotAnObject, record, Evidence::CloudTrail),
        }
    }

    /// Takes a wrapper whose member of that name is the text of a record.
    fn message(
        &mut self,
        element: Value<'_>,
        name: &str,
        inner: &mut Parser,
    ) -> Result<(), DecodeError> {
        if let Some(text) = text_member(element, name) {
            return self.record_text(text, inner);
        }
        self.foreign();
        let raw = json_text(element);
        self.reject(RejectReason::NoRecord, raw.as_bytes(), Evidence::None)
    }

    fn record_text(&mut self, text: &str, inner: &mut Parser) -> Result<(), DecodeError> {
        let text = text.trim_ascii();
        if !text.starts_with('{') {
            self.foreign();
            return self.reject(RejectReason::NotJson, text.as_bytes(), Evidence::None);
        }
        let raw = text.as_bytes();
        let limit_bytes = self.limits.record_bytes_max;
        if usize::try_from(limit_bytes).is_ok_and(|limit| raw.len() > limit) {
            return self.reject(
                RejectReason::TooLarge { limit_bytes },
                raw,
                Evidence::of_text(raw),
            );
        }
        match inner.parse_copy(raw, |value| self.record(value)) {
            Ok(outcome) => outcome,
            Err(reason) => self.reject(reason, raw, Evidence::of_text(raw)),
        }
    }

    fn reject_value(
        &mut self,
        reason: RejectReason,
        value: Value<'_>,
        evidence: Evidence,
    ) -> Result<(), DecodeError> {
        let raw = json_text(value);
        self.reject(reason, raw.as_bytes(), evidence)
    }

    fn row(&mut self, record: Members<'_>) -> Result<(), DecodeError> {
        let record_index = i32::try_from(self.next_index()?).unwrap_or(i32::MAX);
        let row = self.rows.columns.rows();
        match self.rows.append(record, record_index, self.context.delivered_at) {
            RecordLook::Event => bump(&mut self.tally.events),
            RecordLook::Insight => bump(&mut self.tally.insights),
            RecordLook::Aggregated => bump(&mut self.tally.aggregated),
            RecordLook::Foreign => bump(&mut self.tally.foreign),
        }
        self.count_row(row);
        Ok(())
    }

    fn count_row(&mut self, row: usize) {
        let columns = &self.rows.columns;
        let stats = &mut self.stats;
        if let Some(time) = columns.time.event_time.last(row) {
            let earliest = |found: EventTime| found.min(time);
            let latest = |found: EventTime| found.max(time);
            stats.first_event_time = Some(stats.first_event_time.map_or(time, earliest));
            stats.last_event_time = Some(stats.last_event_time.map_or(time, latest));
        }
        let account = columns.text.recipient_account_id.last(row);
        let account = account.or_else(|| columns.text.user_identity_account_id.last(row));
        for (names, name) in [
            (&mut stats.accounts, account),
            (&mut stats.regions, columns.text.aws_region.last(row)),
        ] {
            if let Some(name) = name
                && !names.contains(name)
                && names.len() < DecodeStats::NAMES_MAX
            {
                names.insert(name.to_owned());
            }
        }
    }

    fn next_index(&mut self) -> Result<u32, DecodeError> {
        let index = self.records_seen;
        if index >= self.limits.records_max {
            return Err(DecodeError::TooManyRecords { limit: self.limits.records_max });
        }
        self.records_seen = index.saturating_add(1);
        Ok(index)
    }
}

/// An object that is through.
pub(crate) struct Finished {
    pub(crate) kind: ContentKind,
    /// Which rows of the columns are its own.
    pub(crate) rows: Range<usize>,
    pub(crate) rejects: Vec<RejectedRecord>,
    pub(crate) stats: DecodeStats,
}

fn bump(count: &mut u32) {
    *count = count.saturating_add(1);
}

fn json_text(value: Value<'_>) -> String {
    let mut text = String::new();
    write_value(&mut text, value);
    text
}
