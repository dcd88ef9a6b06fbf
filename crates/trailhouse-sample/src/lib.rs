//! A synthetic organisation: five accounts over fourteen days, with one attack in them.
//!
//! Everything is invented and looks it: documentation addresses, documentation account ids, key
//! ids that say `DEMO`. The same seed makes the same objects on every machine; nothing reads a
//! clock or any other source of chance.

mod attack;
mod caller;
mod digest;
mod insight;
mod json;
mod objects;
mod organization;
mod random;
mod sample;
mod scene;
mod service;
mod tape;
#[cfg(test)]
mod tests;
mod when;

pub use organization::SampleAccount;
pub use sample::{Label, Sample, SampleObject, Theme, generate};
