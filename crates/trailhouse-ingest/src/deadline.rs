//! When to wake and what for. A cause has at most one deadline.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use crate::{
    circuit::CircuitId,
    ticket::{MessageTicket, Ticket},
};

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wake {
    /// Receives may be tried again.
    Receive,
    /// A look-up may be tried again.
    LookUp,
    /// A write to quarantine may be tried again.
    Quarantine,
    /// The commit in flight may go on.
    Commit,
    /// The oldest decoded object has waited long enough for company.
    Linger,
    /// The next object behind a circuit is the probe.
    Circuit(CircuitId),
    /// The drain has waited long enough for receives in flight.
    ReceiveDrain,
    /// The drain has no time left but to give messages back.
    Drain,
    /// The drain has taken long enough.
    DrainEnd,
    /// An object may be fetched again.
    Object(Ticket),
    /// A message may be acknowledged again.
    Acknowledge(MessageTicket),
    /// The lease of a message must be extended.
    Lease(MessageTicket),
}

/// Deadlines in both orders. Both sides hold the same pairs.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    by_time: BTreeSet<(Instant, Wake)>,
    by_wake: BTreeMap<Wake, Instant>,
}

impl Deadlines {
    /// Sets or moves the deadline.
    pub(crate) fn set(&mut self, wake: Wake, at: Instant) {
        self.clear(wake);
        self.by_time.insert((at, wake));
        self.by_wake.insert(wake, at);
    }

    /// Removes the deadline if there is one.
    pub(crate) fn clear(&mut self, wake: Wake) {
        if let Some(at) = self.by_wake.remove(&wake) {
            self.by_time.remove(&(at, wake));
        }
    }

    /// Says whether a deadline for this is set.
    pub(crate) fn waits_for(&self, wake: Wake) -> bool {
        self.by_wake.contains_key(&wake)
    }

    /// Returns the earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out the earliest deadline that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Wake> {
        let (at, wake) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(wake);
        Some(wake)
    }

    /// Says whether both orders hold the same pairs.
    pub(crate) fn is_consistent(&self) -> bool {
        self.by_time.len() == self.by_wake.len()
            && self.by_wake.iter().all(|(wake, at)| self.by_time.contains(&(*at, *wake)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moved_deadline_fires_once() {
        let start = Instant::now();
        let mut deadlines = Deadlines::default();
        deadlines.set(Wake::Linger, start + Duration::from_secs(1));
        deadlines.set(Wake::Linger, start + Duration::from_secs(3));
        deadlines.set(Wake::Receive, start + Duration::from_secs(2));
        assert_eq!(deadlines.next(), Some(start + Duration::from_secs(2)));
        assert_eq!(deadlines.pop_due(start + Duration::from_secs(2)), Some(Wake::Receive));
        assert_eq!(deadlines.pop_due(start + Duration::from_secs(2)), None);
        assert_eq!(deadlines.pop_due(start + Duration::from_secs(3)), Some(Wake::Linger));
        assert!(deadlines.is_consistent());
        assert_eq!(deadlines.next(), None);
    }
}
