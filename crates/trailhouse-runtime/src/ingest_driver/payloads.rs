//! The bytes and rows of the objects in work, which the machine knows only by ticket.

use std::collections::BTreeMap;

use bytes::Bytes;
use trailhouse_ingest::Ticket;

use crate::{commit_object::refused_prefix, ports::CommitObject};

/// What is held for one object.
enum Payload {
    /// Nothing yet.
    Expected,
    /// The bytes as read.
    Compressed(Bytes),
    /// The beginning of what could not be decoded.
    Refused(Vec<u8>),
    /// The rows.
    Decoded(Box<CommitObject>),
}

/// What is held for all objects. Only objects that are expected can be filled in: the result of a
/// call whose object was forgotten meanwhile is dropped.
#[derive(Default)]
pub(super) struct Payloads(BTreeMap<Ticket, Payload>);

impl Payloads {
    pub(super) fn expect(&mut self, ticket: Ticket) {
        self.0.insert(ticket, Payload::Expected);
    }

    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.0.remove(&ticket);
    }

    pub(super) fn put_compressed(&mut self, ticket: Ticket, bytes: Bytes) {
        self.put(ticket, Payload::Compressed(bytes));
    }

    pub(super) fn put_refused(&mut self, ticket: Ticket, bytes: &[u8]) {
        self.put(ticket, Payload::Refused(refused_prefix(bytes)));
    }

    pub(super) fn put_decoded(&mut self, ticket: Ticket, object: CommitObject) {
        self.put(ticket, Payload::Decoded(Box::new(object)));
    }

    /// Takes the bytes out to be decoded.
    pub(super) fn take_compressed(&mut self, ticket: Ticket) -> Option<Bytes> {
        let payload = self.0.get_mut(&ticket)?;
        match std::mem::replace(payload, Payload::Expected) {
            Payload::Compressed(bytes) => Some(bytes),
            Payload::Expected | Payload::Refused(_) | Payload::Decoded(_) => None,
        }
    }

    /// Returns the beginning of what could not be decoded; empty where nothing was read.
    pub(super) fn refused(&self, ticket: Ticket) -> Vec<u8> {
        match self.0.get(&ticket) {
            Some(Payload::Refused(prefix)) => prefix.clone(),
            Some(Payload::Expected | Payload::Compressed(_) | Payload::Decoded(_)) | None => {
                Vec::new()
            }
        }
    }

    pub(super) fn decoded(&self, ticket: Ticket) -> Option<&CommitObject> {
        match self.0.get(&ticket)? {
            Payload::Decoded(object) => Some(object),
            Payload::Expected | Payload::Compressed(_) | Payload::Refused(_) => None,
        }
    }

    fn put(&mut self, ticket: Ticket, payload: Payload) {
        if let Some(expected) = self.0.get_mut(&ticket) {
            *expected = payload;
        }
    }
}
