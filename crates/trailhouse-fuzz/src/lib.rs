//! What must hold for any bytes at all: one function for each door through which bytes come in.
//!
//! Each takes the bytes of one input and panics where a property does not hold. The fuzzer in
//! `fuzz/` calls them with inputs that it makes up, the tests with those kept in `corpus/`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a property that does not hold must end the run"
)]

mod front_matter;
mod machine;
mod object;
mod s3_key;
mod sqs_body;

pub use front_matter::front_matter;
pub use machine::machine;
pub use object::object;
pub use s3_key::s3_key;
pub use sqs_body::sqs_body;
