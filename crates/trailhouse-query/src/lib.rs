//! SQL over the lake: sessions that only read, scopes for detections, and every output format.
//!
//! A session shows the tables of a lake as they were when it was opened:
//!
//! | table | holds |
//! | --- | --- |
//! | `events` | the stored columns, and the struct `user_identity` made from the flat ones |
//! | `events_unique` | `events` without the rows that repeat another: same account, id and content |
//! | `event_id_conflicts` | event ids of one account that stand for different contents |
//! | `events_before` | what a detection may compare with; empty outside of a scope |
//! | `objects`, `runs` | as stored |
//! | `quarantine` | as stored, and `is_open`: whether it still waits for something |
//! | `findings` | one row per fingerprint, merged from the rows that runs wrote |
//!
//! and, from the folder of the site, what [`SiteContext`] lists: `accounts`, `assets`, `honeytokens`,
//! `lookup.*`, `intel.*` and functions over addresses. Without a folder they are there and empty.
//!
//! The schema `stored` has the same tables without what the views add.

mod common_parts;
mod conditions;
mod content_hash;
mod context;
mod date_trunc;
mod dialect;
mod empty;
pub mod error;
mod judge;
mod memory;
mod needle;
mod neighbours;
mod opaque;
mod open;
pub mod output;
mod params;
mod planner;
mod predicates;
mod rows;
mod scope;
mod session;
mod statement;
mod stream;
mod tables;
mod unique;
mod views;

pub use self::{
    conditions::rows_matching,
    context::{ContextErrors, SiteContext, SiteFolders},
    error::{Position, QueryError, Span},
    judge::{
        Answer, BaselineCost, EmptyPeriods, JudgeLimits, Judged, JudgedPeriods, Period,
        PeriodAnswer, Question, ScanCost, TouchedPeriod,
    },
    output::{
        Format, FormatError, OutputError, RowWriter, TableLimits, Written,
        escape::{escape_json, escape_terminal, is_control},
        row_writer, write_result,
    },
    rows::{RowsError, rows_as_json},
    scope::EventsScope,
    session::{QuerySession, SessionOptions},
    stream::QueryStream,
};
