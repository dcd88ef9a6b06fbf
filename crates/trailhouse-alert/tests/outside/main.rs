//! Alerts seen from outside: real servers, a real disk, judges that others wrote.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails here"
)]

mod configuration;
mod email_sink;
mod http_sinks;
mod killed;
mod support;
mod validators;
