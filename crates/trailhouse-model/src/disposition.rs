//! What to do about a failure.

/// What the caller should do about a failure. Coarse on purpose; the text is in the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// The same call may succeed later.
    RetryLater,
    /// This input will never succeed as it is: keep it aside with the reason.
    Quarantine,
    /// No call of this kind can succeed until a person changes something.
    Stop,
}

/// An error that says what to do about it.
pub trait Classify {
    /// Returns what the caller should do.
    fn disposition(&self) -> Disposition;
}
