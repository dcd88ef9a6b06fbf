//! Whether an ingest lives, whether queue and lake answer, and what it did last.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use trailhouse_ingest::{CircuitStatus, IngestGauges};
use trailhouse_model::{EventTime, TableVersion};
use trailhouse_query::escape_terminal;

/// A loop that has not turned for so long hangs: it turns every few seconds with nothing to do.
pub(crate) const LIVE_WITHIN: Duration = Duration::from_secs(30);
/// What is kept of the text of an error.
const ERROR_CHARS_MAX: usize = 500;

/// How far the ingest has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Queue and lake are being opened.
    Starting,
    /// The loop turns.
    Running,
    /// The loop turns to finish what it holds.
    Draining,
    /// The loop has ended.
    Ended,
}

impl Phase {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Ended => "ended",
        }
    }
}

/// Something that is needed all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The queue.
    Queue,
    /// The lake.
    Lake,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Lake => "lake",
        }
    }
}

/// How the last call to a part ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    None,
    Good,
    Bad { error: String, since: Instant },
}

/// A failure of one kind of call: the last one, and how many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastError {
    pub(crate) error: String,
    pub(crate) at: EventTime,
    pub(crate) count: u64,
}

/// The last commit that is in the table, and the greatest lags of its objects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LastCommit {
    pub(crate) version: TableVersion,
    pub(crate) objects: usize,
    pub(crate) events: u64,
    pub(crate) at: EventTime,
    pub(crate) delivery_lag: Option<Duration>,
    pub(crate) event_lag: Option<Duration>,
}

/// What stands after a turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InFlight {
    pub(crate) gauges: IngestGauges,
    /// The circuits that are open.
    pub(crate) circuits: Vec<CircuitStatus>,
    pub(crate) oldest_sent_at: Option<EventTime>,
}

/// All of it. Reads no clock: whoever tells or asks says what time it is.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    pub(crate) phase: Phase,
    pub(crate) in_flight: InFlight,
    pub(crate) last_commit: Option<LastCommit>,
    /// The last failure by kind of call; as many as there are kinds.
    pub(crate) last_errors: BTreeMap<&'static str, LastError>,
    started: Instant,
    last_turn: Instant,
    queue: Answer,
    lake: Answer,
}

impl Health {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Starting,
            in_flight: InFlight::default(),
            last_commit: None,
            last_errors: BTreeMap::new(),
            started: now,
            last_turn: now,
            queue: Answer::None,
            lake: Answer::None,
        }
    }

    pub(crate) fn turned(&mut self, now: Instant, phase: Phase, in_flight: InFlight) {
        self.phase = phase;
        self.in_flight = in_flight;
        self.last_turn = now;
    }

    pub(crate) fn answered(&mut self, part: Part) {
        *self.part(part) = Answer::Good;
    }

    /// Notes that the part does not answer as it should.
    pub(crate) fn refused(&mut self, now: Instant, part: Part, error: &str) {
        let error = bounded(error);
        let answer = self.part(part);
        let since = if let Answer::Bad { since, .. } = answer { *since } else { now };
        *answer = Answer::Bad { error, since };
    }

    pub(crate) fn failed(&mut self, call: &'static str, error: &str, at: EventTime) {
        let last = self.last_errors.entry(call).or_insert(LastError {
            error: String::new(),
            at,
            count: 0,
        });
        *last = LastError { error: bounded(error), at, count: last.count.saturating_add(1) };
    }

    pub(crate) fn uptime(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// Says why the process should be restarted, if it should.
    pub(crate) fn live(&self, now: Instant) -> Result<(), String> {
        match self.phase {
            Phase::Starting | Phase::Ended => Ok(()),
            Phase::Running | Phase::Draining => {
                let idle = now.saturating_duration_since(self.last_turn);
                if idle <= LIVE_WITHIN {
                    return Ok(());
                }
                Err(format!("the event loop has not turned for {} s", idle.as_secs()))
            }
        }
    }

    /// Returns what keeps it from working; empty where it works.
    pub(crate) fn troubles(&self, now: Instant) -> Vec<String> {
        let mut troubles = Vec::new();
        match self.phase {
            Phase::Running => {}
            Phase::Starting | Phase::Draining | Phase::Ended => {
                troubles.push(self.phase.as_str().to_owned());
            }
        }
        troubles.extend(self.live(now).err());
        for (part, answer) in [(Part::Queue, &self.queue), (Part::Lake, &self.lake)] {
            match answer {
                Answer::Good => {}
                Answer::None => troubles.push(format!("the {} was not asked yet", part.as_str())),
                Answer::Bad { error, since } => {
                    let seconds = now.saturating_duration_since(*since).as_secs();
                    troubles.push(format!("{} for {seconds} s: {error}", part.as_str()));
                }
            }
        }
        for circuit in &self.in_flight.circuits {
            let detail = bounded(&circuit.detail);
            troubles.push(format!("{} is refused: {detail}", bounded(&circuit.key.to_string())));
        }
        troubles
    }

    fn part(&mut self, part: Part) -> &mut Answer {
        match part {
            Part::Queue => &mut self.queue,
            Part::Lake => &mut self.lake,
        }
    }
}

/// Errors may quote what an attacker wrote.
fn bounded(error: &str) -> String {
    escape_terminal(error).chars().take(ERROR_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> (Instant, Health) {
        let now = Instant::now();
        let mut health = Health::new(now);
        health.turned(now, Phase::Running, InFlight::default());
        health.answered(Part::Queue);
        health.answered(Part::Lake);
        (now, health)
    }

    #[test]
    fn a_loop_that_hangs_is_not_live() {
        let (now, mut health) = running();
        assert_eq!(health.live(now + LIVE_WITHIN), Ok(()));
        let late = now + LIVE_WITHIN + Duration::from_secs(1);
        let error = health.live(late).unwrap_err();
        assert_eq!(error, "the event loop has not turned for 31 s");
        assert_eq!(health.troubles(late), [error]);
        health.turned(late, Phase::Draining, InFlight::default());
        assert_eq!(health.live(late), Ok(()));
        health.phase = Phase::Ended;
        assert_eq!(health.live(late + LIVE_WITHIN * 2), Ok(()), "what follows the loop may take");
    }

    #[test]
    fn readiness_follows_the_last_answer_and_says_since_when() {
        let (now, mut health) = running();
        assert_eq!(health.troubles(now), Vec::<String>::new());
        health.refused(now, Part::Queue, "failed to receive messages: throttled");
        health.refused(now + Duration::from_secs(5), Part::Queue, "access denied");
        let later = now + Duration::from_secs(7);
        assert_eq!(health.troubles(later), ["queue for 7 s: access denied"]);
        health.answered(Part::Queue);
        assert_eq!(health.troubles(later), Vec::<String>::new());
    }

    #[test]
    fn a_start_is_not_ready_and_neither_is_a_drain() {
        let now = Instant::now();
        let health = Health::new(now);
        assert_eq!(health.live(now + LIVE_WITHIN * 9), Ok(()), "a lake may open slowly");
        let troubles = ["starting", "the queue was not asked yet", "the lake was not asked yet"];
        assert_eq!(health.troubles(now), troubles);
        let (now, mut health) = running();
        health.turned(now, Phase::Draining, InFlight::default());
        assert_eq!(health.troubles(now), ["draining"]);
    }

    #[test]
    fn errors_are_bounded_and_harmless() {
        let (now, mut health) = running();
        let hostile = format!("\u{1b}[2J{}", "x".repeat(10_000));
        health.failed("fetch", &hostile, EventTime::from_micros(0));
        health.failed("fetch", &hostile, EventTime::from_micros(1));
        let last = &health.last_errors["fetch"];
        assert_eq!((last.count, last.error.chars().count()), (2, ERROR_CHARS_MAX));
        assert!(last.error.starts_with("\\u{1b}[2J"));
        health.refused(now, Part::Lake, "a\nb");
        assert_eq!(health.troubles(now), ["lake for 0 s: a\\nb"]);
    }
}
