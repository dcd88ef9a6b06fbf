//! The named maximum of everything that could grow.

use std::time::Duration;

/// Enough for a queue that answers at all.
const RELEASE_TIME_MAX: Duration = Duration::from_secs(2);
const MIB: u64 = 1024 * 1024;

/// Bounds and delays of one machine. The default suits a service on an SQS queue: it outlasts any
/// outage that may end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestLimits {
    /// Messages asked for in one call; SQS gives ten at most.
    pub messages_per_receive: u8,
    /// Deliveries of a message from which on it is worked on alone; one less than the queue's own
    /// limit. Absent where the queue has none.
    pub isolate_receive_count: Option<u32>,
    /// For how long a message that failed is kept from everyone, before its first delivery; doubles
    /// with each delivery.
    pub release_delay_first: Duration,
    /// The longest time that a message that failed is kept from everyone.
    pub release_delay_max: Duration,
    /// Calls that wait for messages at the same time, while full answers come.
    pub receives_in_flight_max: u32,
    /// Calls that wait for messages at the same time, to begin with and after an empty answer.
    pub receives_in_flight_first: u32,
    /// Messages held and not yet acknowledged.
    pub messages_in_flight_max: u32,
    /// Objects between look-up and commit.
    pub objects_in_flight_max: u32,
    /// Objects asked about in one look-up.
    pub objects_per_look_up_max: u32,
    /// Objects being downloaded at the same time, when nothing asks to slow down.
    pub fetches_in_flight_max: u32,
    /// Objects being downloaded at the same time, to begin with.
    pub fetch_window_first: u32,
    /// Bytes held for objects between fetch and commit. One object alone may pass it.
    pub bytes_in_flight_max: u64,
    /// Compressed bytes of one object.
    pub compressed_bytes_max: u64,
    /// Inflated bytes at which a batch is committed.
    pub batch_inflated_bytes_max: u64,
    /// Objects of one commit.
    pub batch_objects_max: u32,
    /// How long a decoded object waits for company before it is committed.
    pub batch_linger_max: Duration,
    /// How long the queue keeps a message from others; absent for a queue without leases.
    pub visibility: Option<Duration>,
    /// Ends the work after so many empty answers in a row; absent for a service.
    pub finish_after_empty_receives: Option<u32>,
    /// The longest delay before the first repetition of a failed call; doubles with each further
    /// one. The delay is drawn evenly from all up to it.
    pub retry_delay_first: Duration,
    /// The longest delay before a repetition.
    pub retry_delay_max: Duration,
    /// Failed receives in a row after which the machine stops.
    pub receive_failures_max: u32,
    /// Failed downloads after which an object is given up and its message left in the queue.
    pub fetch_failures_max: u32,
    /// Answers to slow down after which an object is given up. They are no fault of the object, so
    /// there may be more of them.
    pub fetch_throttles_max: u32,
    /// Denials in a row after which a bucket or a key is not asked for any more.
    pub circuit_denials_max: u32,
    /// Messages that wait for such buckets and keys; when there are as many, receiving pauses.
    pub circuit_messages_max: u32,
    /// Probes without success after which everything that waits for them is given up.
    pub circuit_probes_max: u32,
    /// The longest delay before the first probe; doubles with each further one.
    pub circuit_probe_delay_first: Duration,
    /// The longest delay before a probe.
    pub circuit_probe_delay_max: Duration,
    /// Repetitions after an object was not found, before it goes to quarantine as missing.
    pub missing_retries_max: u32,
    /// Failed calls to the lake in a row after which the machine stops.
    pub lake_failures_max: u32,
    /// Failed acknowledgements of a message after which it is left to be delivered again.
    pub acknowledge_failures_max: u32,
    /// Acknowledging calls at the same time.
    pub acknowledges_in_flight_max: u32,
    /// Entries of one write to quarantine.
    pub quarantine_entries_max: u32,
    /// How long a drain waits for receives in flight, whose messages it gives back: longer than a
    /// receive takes, since a queue may still hand messages to whoever stopped listening. Without
    /// leases nothing is lost with them, and it does not wait.
    pub receive_drain_max: Duration,
    /// How long a drain may take. The last of it is kept for giving back what is unfinished.
    pub drain_max: Duration,
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self {
            messages_per_receive: 10,
            isolate_receive_count: None,
            release_delay_first: Duration::from_secs(15),
            release_delay_max: Duration::from_secs(900),
            receives_in_flight_max: 16,
            receives_in_flight_first: 2,
            messages_in_flight_max: 3_000,
            objects_in_flight_max: 4_000,
            objects_per_look_up_max: 500,
            fetches_in_flight_max: 128,
            fetch_window_first: 8,
            bytes_in_flight_max: 128 * MIB,
            compressed_bytes_max: 128 * MIB,
            batch_inflated_bytes_max: 96 * MIB,
            batch_objects_max: 1_500,
            batch_linger_max: Duration::from_secs(10),
            visibility: Some(Duration::from_secs(300)),
            finish_after_empty_receives: None,
            retry_delay_first: Duration::from_millis(250),
            retry_delay_max: Duration::from_secs(30),
            receive_failures_max: u32::MAX,
            fetch_failures_max: 5,
            fetch_throttles_max: 20,
            circuit_denials_max: 3,
            circuit_messages_max: 200,
            circuit_probes_max: u32::MAX,
            circuit_probe_delay_first: Duration::from_secs(1),
            circuit_probe_delay_max: Duration::from_secs(60),
            missing_retries_max: 3,
            lake_failures_max: u32::MAX,
            acknowledge_failures_max: 3,
            acknowledges_in_flight_max: 8,
            quarantine_entries_max: 100,
            receive_drain_max: Duration::from_secs(7),
            drain_max: Duration::from_secs(25),
        }
    }
}

impl IngestLimits {
    /// Suits one pass over a queue: ends when the queue has answered empty twice in a row.
    #[must_use]
    pub fn once() -> Self {
        Self {
            finish_after_empty_receives: Some(2),
            receives_in_flight_first: 1,
            receive_failures_max: 8,
            lake_failures_max: 10,
            circuit_probes_max: 5,
            ..Self::default()
        }
    }

    /// Suits a source with an end and without leases: files, a listing, standard input.
    #[must_use]
    pub fn finite() -> Self {
        Self {
            visibility: None,
            finish_after_empty_receives: Some(1),
            // What lies together in time is read together.
            receives_in_flight_max: 1,
            ..Self::once()
        }
    }

    /// Returns the longest delay before the next repetition after so many failures in a row.
    pub(crate) fn retry_delay_longest(&self, failures: u32) -> Duration {
        doubled(self.retry_delay_first, failures.saturating_sub(1)).min(self.retry_delay_max)
    }

    /// Returns the longest delay before the next probe after so many without success.
    pub(crate) fn probe_delay_longest(&self, failed_probes: u32) -> Duration {
        doubled(self.circuit_probe_delay_first, failed_probes).min(self.circuit_probe_delay_max)
    }

    pub(crate) fn receive_window_first(&self) -> u32 {
        self.receives_in_flight_first.min(self.receives_in_flight_max)
    }

    /// Returns for how long a message that failed is kept from everyone.
    pub(crate) fn release_delay(&self, receive_count: u32) -> Duration {
        doubled(self.release_delay_first, receive_count).min(self.release_delay_max)
    }

    /// Returns what of a drain is kept for giving messages back.
    pub(crate) fn release_time(&self) -> Duration {
        RELEASE_TIME_MAX.min(self.drain_max / 4)
    }

    /// Returns how long after one extension of a lease the next is due.
    pub(crate) fn extension_interval(visibility: Duration) -> Duration {
        visibility / 3
    }
}

/// Doubles a delay so often.
fn doubled(delay: Duration, times: u32) -> Duration {
    delay.saturating_mul(1 << times.min(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_their_limit() {
        let limits = IngestLimits::default();
        let delays: Vec<u128> = [1, 2, 3, 8, 1_000_000]
            .into_iter()
            .map(|failures| limits.retry_delay_longest(failures).as_millis())
            .collect();
        assert_eq!(delays, [250, 500, 1_000, 30_000, 30_000]);
    }
}
