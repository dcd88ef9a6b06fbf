//! What tests of several crates share. Depends on the standard library only.

pub mod moto;

pub use moto::MotoServer;
