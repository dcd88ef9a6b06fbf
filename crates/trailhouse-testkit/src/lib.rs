//! What tests of several crates share.

pub mod moto;
pub mod random;
pub mod stand_in;

pub use moto::MotoServer;
pub use random::Random;
pub use stand_in::{CloudStandIn, FaultMenu};
