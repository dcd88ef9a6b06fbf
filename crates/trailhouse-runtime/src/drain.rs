//! How a run is asked to end: once to finish what it holds, twice to stop at once.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use tokio_util::sync::CancellationToken;

/// The signal that asked a run to end; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from a service manager.
    Terminate,
}

/// Asks drivers to end. All clones are one.
///
/// The first request drains: no new work begins, what is held is finished or given back. The
/// second aborts, which is safe at any moment and leaves more for the next run to do again.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    requested: CancellationToken,
    aborted: CancellationToken,
    signal: Arc<OnceLock<StopSignal>>,
}

impl Drain {
    /// Makes one that nobody has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to end; asked a second time, to end at once.
    pub fn request(&self) {
        if self.requested.is_cancelled() {
            self.aborted.cancel();
        }
        self.requested.cancel();
    }

    /// Asks to end at once.
    pub fn abort(&self) {
        self.requested.cancel();
        self.aborted.cancel();
    }

    /// Says whether somebody has asked to end.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Waits until somebody asks to end. Cancel safe.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Waits until somebody asks to end at once. Cancel safe.
    pub async fn aborted(&self) {
        self.aborted.cancelled().await;
    }

    /// Returns the first signal that asked to end, if a signal did.
    pub fn signal(&self) -> Option<StopSignal> {
        self.signal.get().copied()
    }

    fn note(&self, signal: StopSignal) {
        self.signal.get_or_init(|| signal);
        self.request();
    }
}

/// Returns a drain that SIGTERM and SIGINT ask for. Must be called within a tokio runtime; from
/// then on the signals no longer end the process by themselves.
#[cfg(unix)]
pub fn install_signal_drain() -> io::Result<Drain> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let drain = Drain::new();
    let listener = drain.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = interrupts.recv() => listener.note(StopSignal::Interrupt),
                Some(()) = terminations.recv() => listener.note(StopSignal::Terminate),
                else => return,
            }
        }
    });
    Ok(drain)
}

/// Returns a drain that Ctrl-C asks for. Must be called within a tokio runtime.
#[cfg(not(unix))]
pub fn install_signal_drain() -> io::Result<Drain> {
    let drain = Drain::new();
    let listener = drain.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            listener.note(StopSignal::Interrupt);
        }
    });
    Ok(drain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_request_aborts() {
        let drain = Drain::new();
        assert!(!drain.is_requested());
        drain.clone().request();
        assert!(drain.is_requested());
        assert!(!drain.aborted.is_cancelled());
        drain.request();
        assert!(drain.aborted.is_cancelled());
    }

    #[test]
    fn the_first_signal_decides_the_exit_code() {
        let drain = Drain::new();
        drain.note(StopSignal::Terminate);
        drain.note(StopSignal::Interrupt);
        assert_eq!(drain.signal(), Some(StopSignal::Terminate));
        assert!(drain.aborted.is_cancelled());
    }
}
