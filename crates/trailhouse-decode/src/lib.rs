//! From the bytes of one CloudTrail object to a batch of event rows.
//!
//! Pure: bytes in; rows, rejects and statistics out. No input panics, passes a limit or loses a
//! value: what a typed column cannot reproduce stands in `_extra`, what cannot become a row is a
//! reject with its reason, and an object that cannot be read at all is an error that says which
//! quarantine it belongs in.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod decoder;

pub mod decoded;
pub mod error;
pub mod event_rows;
pub mod limits;
pub mod reject;
pub mod schema;

mod cell;
mod columns;
mod container;
mod exact;
mod extra;
mod identity;
mod inflate;
mod json;
mod object;
mod parser;
mod record;
mod split;
mod value;

#[cfg(any(test, feature = "testing"))]
pub mod rebuild;

pub use decoded::{ContentKind, DecodeContext, DecodeStats, DecodedObject};
pub use decoder::Decoder;
pub use error::DecodeError;
pub use event_rows::EventRows;
pub use limits::DecodeLimits;
pub use reject::{RejectReason, RejectedRecord};
pub use schema::{ColumnKind, ColumnSpec, column, empty_batch, event_schema};

#[cfg(test)]
mod tests;
