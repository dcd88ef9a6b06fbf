//! What tests of several crates share. Knows no other crate of the project.

pub mod hostile;
pub mod moto;
pub mod random;
pub mod seaweed;
mod server;
pub mod stand_in;

pub use moto::MotoServer;
pub use random::Random;
pub use seaweed::SeaweedServer;
pub use stand_in::{CloudStandIn, FaultMenu};
