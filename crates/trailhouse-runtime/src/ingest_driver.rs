//! Runs the ingest machine against its ports.
//!
//! One loop owns the machine and the payloads. Port calls run as tasks and come back as inputs;
//! no task holds state that matters, so dropping all of them is always safe.

mod calls;
mod circuit_log;
mod payloads;
mod telling;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::{JoinError, JoinSet};
use trailhouse_failpoint::{Failpoint, reach};
use trailhouse_ingest::{IngestMachine, IngestReport, Input, MachineStop, Ticket};

use self::{
    calls::{Failures, Finished},
    circuit_log::CircuitLog,
    payloads::Payloads,
};
use crate::{
    clock::Clock,
    decode_pool::DecodePool,
    drain::Drain,
    observer::{IngestObserver, Quarantined, StoredObject},
    ports::{LakeWriter, NotificationQueue, ObjectReader, PortErrorKind},
};

/// The longest time between two turns of the loop; whoever watches it knows by it that it lives.
const TURN_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// What an ingest needs of the outside.
pub struct IngestPorts<Q, O, L> {
    /// Names the objects.
    pub queue: Arc<Q>,
    /// Reads them.
    pub objects: Arc<O>,
    /// Stores them.
    pub lake: Arc<L>,
    /// Decodes them.
    pub pool: DecodePool,
    /// Tells when.
    pub clock: Arc<dyn Clock>,
}

impl<Q, O, L> Clone for IngestPorts<Q, O, L> {
    fn clone(&self) -> Self {
        Self {
            queue: Arc::clone(&self.queue),
            objects: Arc::clone(&self.objects),
            lake: Arc::clone(&self.lake),
            pool: self.pool.clone(),
            clock: Arc::clone(&self.clock),
        }
    }
}

/// An ingest ended before its work was done. What was not committed comes again.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The machine stopped.
    #[error("{stop}")]
    Stopped {
        /// Why.
        stop: MachineStop,
        /// The kind of trouble, where a port named one.
        kind: Option<PortErrorKind>,
        /// What was done until then.
        report: Box<IngestReport>,
    },
    /// Somebody asked twice to end.
    #[error("aborted before unfinished work was given back")]
    Aborted {
        /// What was done until then.
        report: Box<IngestReport>,
    },
    /// A port panicked, which is a bug.
    #[error("failed to complete a port call")]
    Panicked {
        /// The task that did.
        #[source]
        source: JoinError,
    },
    /// The rows of an object to commit are not there, which is a bug.
    #[error("rows of {ticket} are missing")]
    PayloadMissing {
        /// The object.
        ticket: Ticket,
    },
    /// The machine waits for nothing and is not finished, which is a bug.
    #[error("machine waits for nothing")]
    Stalled,
}

/// Drives the machine until it is finished, stopped or aborted, and returns what was done.
///
/// `observer` hears of everything as it happens. Dropping the future is safe and leaves messages
/// leased until their time is over.
pub async fn drive_ingest<Q, O, L>(
    machine: IngestMachine,
    ports: IngestPorts<Q, O, L>,
    drain: Drain,
    observer: &dyn IngestObserver,
) -> Result<IngestReport, DriveError>
where
    Q: NotificationQueue,
    O: ObjectReader,
    L: LakeWriter,
{
    let mut driver = Driver {
        machine,
        ports,
        tasks: JoinSet::new(),
        payloads: Payloads::default(),
        failures: Failures::default(),
        circuit_log: CircuitLog::default(),
        observer,
        in_commit: Vec::new(),
        in_quarantine: Vec::new(),
        told: None,
        is_untold: false,
    };
    let mut is_draining = false;
    loop {
        driver.perform_actions()?;
        driver.circuit_log.follow(&driver.machine);
        driver.tell_turn(is_draining);
        if driver.machine.is_finished() {
            return driver.finish();
        }
        match driver.next_event(&drain, is_draining).await? {
            Event::Aborted => {
                return Err(DriveError::Aborted {
                    report: Box::new(driver.machine.report().clone()),
                });
            }
            Event::DrainRequested => {
                is_draining = true;
                driver.machine.handle(now(), Input::Drain);
                reach(Failpoint::AtDrain);
            }
            Event::Timeout => driver.machine.handle_timeout(now()),
            Event::Done(finished) => {
                driver.tell(finished.took, &finished.done);
                driver.take_in(finished.done);
            }
            Event::Idle => {}
        }
    }
}

/// What the loop woke for.
enum Event {
    Aborted,
    DrainRequested,
    Timeout,
    Done(Finished),
    /// Nothing, for so long that it is time to show that the loop turns.
    Idle,
}

struct Driver<'observer, Q, O, L> {
    machine: IngestMachine,
    ports: IngestPorts<Q, O, L>,
    tasks: JoinSet<Finished>,
    payloads: Payloads,
    failures: Failures,
    circuit_log: CircuitLog,
    observer: &'observer dyn IngestObserver,
    /// The objects of the commit in flight; there is one at a time.
    in_commit: Vec<StoredObject>,
    /// What the write to quarantine in flight carries; there is one at a time.
    in_quarantine: Vec<Quarantined>,
    /// When the observer heard of a turn, and whether it was draining.
    told: Option<(Instant, bool)>,
    /// Whether something happened since.
    is_untold: bool,
}

impl<Q: NotificationQueue, O: ObjectReader, L: LakeWriter> Driver<'_, Q, O, L> {
    /// Waits for whatever comes first. Deadlines go before results, so that a flood of results
    /// never keeps a lease from being extended.
    async fn next_event(&mut self, drain: &Drain, is_draining: bool) -> Result<Event, DriveError> {
        let deadline = self.machine.poll_timeout();
        if deadline.is_none() && self.tasks.is_empty() {
            return Err(DriveError::Stalled);
        }
        let interval = self.turn_interval();
        let event = tokio::select! {
            biased;
            () = drain.aborted() => Event::Aborted,
            () = drain.requested(), if !is_draining => Event::DrainRequested,
            () = sleep_until(deadline), if deadline.is_some() => Event::Timeout,
            Some(joined) = self.tasks.join_next() => match joined {
                Ok(finished) => Event::Done(finished),
                Err(source) => return Err(DriveError::Panicked { source }),
            },
            () = tokio::time::sleep(interval) => Event::Idle,
        };
        Ok(event)
    }

    fn finish(self) -> Result<IngestReport, DriveError> {
        let report = self.machine.report().clone();
        match self.machine.stop() {
            None => Ok(report),
            Some(stop) => Err(DriveError::Stopped {
                stop: stop.clone(),
                kind: self.failures.last(stop.stage),
                report: Box::new(report),
            }),
        }
    }
}

/// The machine's clock is the runtime's, so that tests can pause it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn sleep_until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline.into()).await;
    }
}
