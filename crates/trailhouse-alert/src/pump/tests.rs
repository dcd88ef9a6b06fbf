//! The pump in virtual time, against a sink that answers as told.

use std::{
    collections::VecDeque,
    sync::{Mutex, atomic::AtomicI64},
};

use async_trait::async_trait;
use trailhouse_detect::alerts::{AlertFormat, SinkConfig, SinkTarget};
use trailhouse_model::Severity;

use super::*;
use crate::{
    Alert, Delivered, Enqueued, Sink, SpoolOptions,
    samples::{alert, time},
};

const SINK: &str = "soc";

type Answer = Result<(), SendErrorKind>;

/// Answers in the order given, then with success.
#[derive(Debug, Default)]
struct ToldSink {
    answers: Mutex<VecDeque<Answer>>,
    seen: Mutex<Vec<(String, Duration)>>,
    started: Mutex<Option<tokio::time::Instant>>,
}

#[async_trait]
impl Sink for ToldSink {
    fn name(&self) -> &str {
        SINK
    }

    async fn send(&self, alert: &Alert) -> Result<Delivered, SendError> {
        let now = tokio::time::Instant::now();
        let started = *self.started.lock().unwrap().get_or_insert(now);
        self.seen.lock().unwrap().push((alert.fingerprint.clone(), now - started));
        match self.answers.lock().unwrap().pop_front() {
            None | Some(Ok(())) => Ok(Delivered::default()),
            Some(Err(kind)) => Err(SendError { kind, reason: "told so".to_owned() }),
        }
    }
}

struct World {
    _folder: tempfile::TempDir,
    spool: Arc<Spool>,
    sink: Arc<ToldSink>,
    clock_us: Arc<AtomicI64>,
    pump: Pump,
}

fn world(alerts: u32, answers: &[Answer]) -> World {
    let folder = tempfile::tempdir().unwrap();
    let spool = Arc::new(Spool::open(folder.path(), SpoolOptions::default()).unwrap());
    let start = time("2026-11-21T10:00:00Z");
    for number in 1..=alerts {
        let alert = Alert { fingerprint: format!("f{number}"), ..alert() };
        assert_eq!(spool.enqueue(SINK, &alert, start).unwrap(), Enqueued::Added);
    }
    let sink = Arc::new(ToldSink::default());
    sink.answers.lock().unwrap().extend(answers.iter().copied());
    let config = SinkConfig {
        name: SINK.to_owned(),
        target: SinkTarget::Stdout { format: AlertFormat::Native },
        min_severity: Severity::Info,
        rules: Vec::new(),
        timeout: Duration::from_secs(1),
        allow_private: Vec::new(),
    };
    let shared_sink: Arc<dyn Sink> = Arc::<ToldSink>::clone(&sink);
    let route = Arc::new(Route::new(config, shared_sink));
    let clock_us = Arc::new(AtomicI64::new(start.micros()));
    let read_us = Arc::clone(&clock_us);
    let clock: Clock = Arc::new(move || EventTime::from_micros(read_us.load(Ordering::SeqCst)));
    let pump = Pump::new(Arc::clone(&spool), vec![route], PumpOptions::default(), clock).unwrap();
    World { _folder: folder, spool, sink, clock_us, pump }
}

impl World {
    fn seen(&self) -> Vec<String> {
        self.sink.seen.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }

    /// Runs until nothing waits any more.
    async fn run_until_empty(&self) {
        let empty = async {
            while !self.spool.pending(SINK).unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        self.pump.run(empty).await;
    }
}

const AGAIN: Answer = Err(SendErrorKind::Retryable { after: None });

#[tokio::test(start_paused = true)]
async fn alerts_are_sent_in_order_whatever_fails() {
    let world = world(3, &[AGAIN, AGAIN, Ok(()), AGAIN]);
    world.run_until_empty().await;
    assert_eq!(world.seen(), ["f1", "f1", "f1", "f2", "f2", "f3"]);
    let health = world.pump.health().unwrap().remove(0);
    assert_eq!((health.sent, health.retried, health.dead), (3, 3, 0));
    assert_eq!(health.depth, SpoolDepth::default());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_becomes_a_dead_letter_and_the_rest_goes_on() {
    let refused = [Err(SendErrorKind::Rejected), Err(SendErrorKind::Permanent)];
    let world = world(3, &refused);
    world.run_until_empty().await;
    let letters = world.spool.dead(SINK).unwrap();
    let kinds: Vec<&str> = letters.iter().map(|letter| letter.kind.as_str()).collect();
    assert_eq!(kinds, ["rejected", "permanent"]);
    assert_eq!(world.seen(), ["f1", "f2", "f3"]);
}

#[tokio::test(start_paused = true)]
async fn the_other_side_is_left_alone_as_long_as_it_asks() {
    let after = Some(Duration::from_secs(120));
    let world = world(1, &[Err(SendErrorKind::Retryable { after })]);
    world.run_until_empty().await;
    let seen = world.sink.seen.lock().unwrap().clone();
    assert!(seen[1].1 >= Duration::from_secs(120), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_given_up_after_its_time() {
    let world = world(2, &[AGAIN]);
    let later = PumpOptions::default().give_up_after.as_micros();
    world.clock_us.fetch_add(i64::try_from(later).unwrap(), Ordering::SeqCst);
    let report = world.pump.drain().await.unwrap();
    assert_eq!(report, DrainReport { sent: 1, dead: 1, waiting: 0 });
    assert_eq!(world.spool.dead(SINK).unwrap()[0].reason, "told so");
}

#[tokio::test(start_paused = true)]
async fn a_pass_leaves_the_rest_waiting_behind_a_failure() {
    let world = world(3, &[Ok(()), AGAIN]);
    let report = world.pump.drain().await.unwrap();
    assert_eq!(report, DrainReport { sent: 1, dead: 0, waiting: 2 });
    assert_eq!(world.seen(), ["f1", "f2"]);
    let rest = world.pump.drain().await.unwrap();
    assert_eq!(rest, DrainReport { sent: 2, dead: 0, waiting: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_wake_is_heeded_at_once() {
    let world = world(0, &[]);
    let started = tokio::time::Instant::now();
    let arriving = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = time("2026-11-21T10:00:00Z");
        assert_eq!(world.spool.enqueue(SINK, &alert(), now).unwrap(), Enqueued::Added);
        world.pump.wake();
        while !world.spool.pending(SINK).unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    world.pump.run(arriving).await;
    assert!(started.elapsed() < PumpOptions::default().look_every);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_the_next_attempt() {
    let after = Some(Duration::from_secs(3000));
    let world = world(1, &[Err(SendErrorKind::Retryable { after })]);
    let started = tokio::time::Instant::now();
    world.pump.run(tokio::time::sleep(Duration::from_secs(5))).await;
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert_eq!(world.spool.pending(SINK).unwrap().len(), 1);
}

#[test]
fn waits_grow_and_stay_below_their_limit() {
    let longest = Duration::from_secs(8);
    assert_eq!(part_of(longest, 0), Duration::ZERO);
    assert_eq!(part_of(longest, 1 << 31), Duration::from_secs(4));
    assert!(part_of(longest, u64::from(u32::MAX)) < longest);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let world = world(0, &[]);
        let longest_of =
            |failures| (0..200).map(|_| world.pump.shared.backoff(failures, None)).max().unwrap();
        assert!(longest_of(1) <= Duration::from_secs(1));
        assert!(longest_of(4) > Duration::from_secs(4), "the wait doubles");
        assert!(longest_of(60) <= Duration::from_secs(300));
    });
}
