//! The driver with in-memory ports: what a whole run leaves in queue, lake and quarantine.

use std::{
    cell::{Cell, RefCell},
    num::NonZeroUsize,
    time::Duration,
};

use trailhouse_decode::DecodeLimits;
use trailhouse_ingest::{IngestLimits, MessageBody, QueueMessage};
use trailhouse_model::{
    BucketName, CommitOutcome, Disposition, EventTime, ObjectKey, ObjectOutcome, ObjectRef,
    QuarantineReason, TableVersion,
};

use super::*;
use crate::{
    clock::FixedClock,
    decode_pool::PoolDecodeError,
    fakes::{CommitFault, MemoryLake, MemoryQueue, MemoryStore},
    observer::{PortCall, Turn, Unobserved},
    ports::{AcknowledgeReport, PortError},
};

const KEY: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/02/\
                   111122223333_CloudTrail_eu-west-1_20260102T0305Z_abcdefghijklmnop.json.gz";

/// The first window, and one more download for each refusal before the one that opens the circuit.
const REFUSED_BEFORE_OPEN: u32 = 8 + 2;

struct World {
    queue: Arc<MemoryQueue>,
    store: Arc<MemoryStore>,
    lake: Arc<MemoryLake>,
    drain: Drain,
    limits: IngestLimits,
}

impl World {
    fn new() -> Self {
        let limits = IngestLimits {
            retry_delay_first: Duration::from_millis(1),
            retry_delay_max: Duration::from_millis(2),
            visibility: Some(Duration::from_secs(300)),
            ..IngestLimits::finite()
        };
        Self {
            queue: Arc::default(),
            store: Arc::default(),
            lake: Arc::default(),
            drain: Drain::new(),
            limits,
        }
    }

    fn ports(&self) -> IngestPorts<MemoryQueue, MemoryStore, MemoryLake> {
        IngestPorts {
            queue: Arc::clone(&self.queue),
            objects: Arc::clone(&self.store),
            lake: Arc::clone(&self.lake),
            pool: DecodePool::new(NonZeroUsize::MIN, DecodeLimits::default()).unwrap(),
            clock: Arc::new(FixedClock(EventTime::parse_rfc3339("2026-01-02T04:00:00Z").unwrap())),
        }
    }

    fn run(&self, run_id: &str) -> impl Future<Output = Result<IngestReport, DriveError>> {
        self.run_observed(run_id, &Unobserved)
    }

    fn run_observed(
        &self,
        run_id: &str,
        observer: &dyn IngestObserver,
    ) -> impl Future<Output = Result<IngestReport, DriveError>> {
        let machine = IngestMachine::new(self.limits.clone(), run_id, now());
        drive_ingest(machine, self.ports(), self.drain.clone(), observer)
    }

    /// Puts an object with so many events into the store and its name into the queue.
    fn deliver(&self, key: &str, events: usize) {
        self.store.put(key, body(events));
        self.announce(object(key));
    }

    fn announce(&self, object: ObjectRef) {
        self.queue.send(MessageBody::Objects(vec![object]));
    }
}

fn object(key: &str) -> ObjectRef {
    ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key))
}

fn body(events: usize) -> String {
    let record = |index| {
        format!(
            r#"{{"eventVersion":"1.11","eventTime":"2026-01-02T03:04:05Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"eu-west-1","recipientAccountId":"111122223333","eventID":"event-{index}"}}"#
        )
    };
    let records: Vec<String> = (0..events).map(record).collect();
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

#[tokio::test]
async fn objects_are_stored_and_messages_deleted() {
    let world = World::new();
    world.deliver(KEY, 3);
    world.deliver("empty.json", 0);
    let report = world.run("a").await.unwrap();
    assert_eq!((report.events, report.objects_stored, report.objects_empty), (3, 1, 1));
    assert_eq!(report.accounts.iter().collect::<Vec<_>>(), ["111122223333"]);
    assert!(world.queue.is_empty());
    assert_eq!(world.lake.events(), 3);
    let ledger = world.lake.ledger();
    let stored = ledger.iter().find(|object| object.events == 3).unwrap();
    assert_eq!(stored.outcome, ObjectOutcome::Stored);
    assert_eq!(stored.delivered_at, EventTime::parse_rfc3339("2026-01-02T03:05:00Z").ok());
    assert!(ledger.iter().any(|object| object.outcome == ObjectOutcome::Empty));
}

#[tokio::test]
async fn an_object_named_again_is_not_stored_again() {
    let world = World::new();
    world.deliver(KEY, 3);
    world.announce(object(KEY));
    let first = world.run("a").await.unwrap();
    assert_eq!((first.objects_stored, first.objects_duplicate), (1, 1));
    world.announce(object(KEY));
    let second = world.run("b").await.unwrap();
    assert_eq!((second.objects_stored, second.objects_duplicate, second.commits), (0, 1, 0));
    assert_eq!(world.lake.events(), 3);
    assert_eq!(world.store.reads(), 1);
    assert!(world.queue.is_empty());
}

#[tokio::test]
async fn an_unknown_message_is_kept_whole_in_quarantine() {
    let world = World::new();
    let id = world.queue.send(MessageBody::Notification(b"{\"hello\":1}".to_vec()));
    let report = world.run("a").await.unwrap();
    assert!(world.queue.is_empty());
    assert_eq!(report.quarantined[&QuarantineReason::UnknownMessage], 1);
    let entries = world.lake.quarantined();
    assert_eq!(entries[0].key.as_str(), id);
    assert_eq!(entries[0].bucket.as_str(), "memory-queue");
    assert_eq!(entries[0].raw, b"{\"hello\":1}");
}

#[tokio::test]
async fn a_damaged_object_is_read_twice_and_quarantined() {
    let world = World::new();
    world.store.put(KEY, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1][..]);
    world.announce(object(KEY));
    let report = world.run("a").await.unwrap();
    assert_eq!(world.store.reads(), 2);
    assert_eq!(report.quarantined[&QuarantineReason::Corrupt], 1);
    let entries = world.lake.quarantined();
    assert_eq!(entries[0].object_id, Some(object(KEY).id()));
    assert_eq!(entries[0].raw.len(), 11);
    assert!(world.queue.is_empty());
}

#[tokio::test]
async fn damage_on_the_way_is_healed_by_reading_again() {
    let world = World::new();
    world.deliver(KEY, 2);
    world.store.fail_reads(KEY, [PortErrorKind::Corrupt]);
    let report = world.run("a").await.unwrap();
    assert_eq!((report.events, report.has_quarantined()), (2, false));
}

#[tokio::test]
async fn a_bad_record_does_not_lose_its_object() {
    let world = World::new();
    let good = body(1);
    world.store.put(KEY, good.replace("[{", "[17,{"));
    world.announce(object(KEY));
    let report = world.run("a").await.unwrap();
    assert_eq!((report.events, report.rejected_records, report.objects_stored), (1, 1, 1));
    let entries = world.lake.quarantined();
    assert_eq!(entries[0].reason, QuarantineReason::BadRecord);
    assert_eq!((entries[0].record_index, entries[0].raw.as_slice()), (Some(0), &b"17"[..]));
}

#[tokio::test]
async fn the_other_reading_of_a_key_is_tried() {
    let world = World::new();
    world.store.put("a b.json", body(1));
    let mut named = object("a+b.json");
    named.key_alternative = Some(ObjectKey::new("a b.json"));
    world.announce(named);
    let report = world.run("a").await.unwrap();
    assert_eq!(report.events, 1);
    assert_eq!(world.lake.ledger()[0].object.key.as_str(), "a b.json");
}

#[tokio::test]
async fn an_object_that_never_comes_is_quarantined_as_missing() {
    let world = World::new();
    world.announce(object(KEY));
    let report = world.run("a").await.unwrap();
    assert_eq!(report.quarantined[&QuarantineReason::Missing], 1);
    assert_eq!(world.store.reads(), 1 + world.limits.missing_retries_max);
    assert!(world.queue.is_empty());
}

#[tokio::test]
async fn an_object_we_may_not_read_stays_in_the_queue() {
    let world = World::new();
    world.deliver(KEY, 1);
    world.deliver("other.json", 2);
    world.store.fail_reads(KEY, [PortErrorKind::Denied; 5]);
    let report = world.run("a").await.unwrap();
    assert_eq!((report.events, report.failed_objects_count), (2, 1));
    assert!(report.failed_objects[0].1.contains("access denied"), "{report:?}");
    assert_eq!(world.queue.len(), 1);
    assert_eq!(world.lake.quarantined(), []);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_is_opened_to_us_is_stored_whole() {
    let world = World::new();
    for number in 0..20 {
        world.deliver(&format!("{number}.json"), 1);
    }
    world.store.shut(BucketName::new("trail"), REFUSED_BEFORE_OPEN + 2);
    let report = world.run("a").await.unwrap();
    assert_eq!((report.events, report.circuits_opened, report.circuits_closed), (20, 1, 1));
    assert_eq!(world.store.reads(), 20 + REFUSED_BEFORE_OPEN + 2);
    assert!(world.queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_stays_shut_leaves_its_messages_in_the_queue() {
    let world = World::new();
    for number in 0..20 {
        world.deliver(&format!("{number}.json"), 1);
    }
    world.store.shut(BucketName::new("trail"), u32::MAX);
    let report = world.run("a").await.unwrap();
    assert_eq!((report.messages_failed, report.failed_objects_count), (20, 20));
    assert!(report.failed_objects[0].1.contains("access denied"), "{report:?}");
    assert_eq!(world.store.reads(), REFUSED_BEFORE_OPEN + world.limits.circuit_probes_max);
    assert_eq!(world.queue.len(), 20);
}

#[tokio::test]
async fn an_unknown_commit_is_found_or_made_again() {
    for fault in [CommitFault::AppliedUnknown, CommitFault::LostUnknown] {
        let world = World::new();
        world.deliver(KEY, 3);
        world.lake.fail_commits([CommitFault::Failed(Disposition::RetryLater), fault, fault]);
        let report = world.run("a").await.unwrap();
        assert_eq!((report.events, report.commits), (3, 1), "{fault:?}");
        assert_eq!(world.lake.events(), 3);
        assert!(world.queue.is_empty());
    }
}

#[tokio::test]
async fn two_ingesters_store_each_object_once() {
    let world = World::new();
    for number in 0..40 {
        world.deliver(&format!("{number}.json"), 1);
        world.announce(object(&format!("{number}.json")));
    }
    let (one, other) = tokio::join!(world.run("a"), world.run("b"));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(world.lake.events(), 40);
    assert_eq!(one.objects_stored + other.objects_stored, 40);
    assert_eq!(one.objects_duplicate + other.objects_duplicate, 40);
    assert!(world.queue.is_empty());
}

#[tokio::test]
async fn a_failed_deletion_is_tried_again() {
    let world = World::new();
    world.deliver(KEY, 1);
    world.queue.fail_acknowledgements(2);
    let report = world.run("a").await.unwrap();
    assert_eq!(report.messages_acknowledged, 1);
    assert!(world.queue.is_empty());
}

#[tokio::test]
async fn a_lake_that_refuses_stops_the_run_and_deletes_nothing() {
    let world = World::new();
    world.deliver(KEY, 1);
    world.lake.fail_look_ups([PortErrorKind::Denied]);
    let error = world.run("a").await.unwrap_err();
    let DriveError::Stopped { kind, report, .. } = &error else { panic!("{error}") };
    assert_eq!(*kind, Some(PortErrorKind::Denied));
    assert_eq!((report.messages, report.messages_acknowledged), (1, 0));
    assert!(error.to_string().contains("look up objects"), "{error}");
    assert_eq!(world.queue.len(), 1);
}

#[tokio::test]
async fn a_queue_that_refuses_stops_the_run() {
    let world = World::new();
    world.queue.fail_receives([PortErrorKind::Unavailable, PortErrorKind::Denied]);
    let error = world.run("a").await.unwrap_err();
    assert!(matches!(error, DriveError::Stopped { kind: Some(PortErrorKind::Denied), .. }));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_takes_three_times_the_visibility_is_delivered_once() {
    let mut world = World::new();
    world.limits.finish_after_empty_receives = Some(20);
    world.queue = Arc::new(MemoryQueue::with_long_poll(Duration::from_secs(100)));
    let latency = Duration::from_secs(1_000);
    world.store = Arc::new(MemoryStore::with_latency(latency));
    world.deliver(KEY, 1);
    let report = world.run("a").await.unwrap();
    assert_eq!((report.messages, report.events), (1, 1));
    assert!(world.queue.is_empty());
    assert!(report.leases_extended >= 9, "{}", report.leases_extended);
}

#[tokio::test(start_paused = true)]
async fn a_drain_gives_back_what_is_not_decoded() {
    let mut world = World::new();
    let latency = Duration::from_secs(1_000);
    world.store = Arc::new(MemoryStore::with_latency(latency));
    world.deliver(KEY, 1);
    world.queue.send(MessageBody::Notification(b"?".to_vec()));
    let ask = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.drain.request();
    };
    let (report, ()) = tokio::join!(world.run("a"), ask);
    let report = report.unwrap();
    assert_eq!((report.messages_released, report.messages_acknowledged), (1, 1));
    assert_eq!(world.queue.releases(), 1);
    assert_eq!(world.lake.events(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_request_aborts() {
    let mut world = World::new();
    let latency = Duration::from_secs(1_000);
    world.store = Arc::new(MemoryStore::with_latency(latency));
    world.deliver(KEY, 1);
    world.drain.abort();
    let error = world.run("a").await.unwrap_err();
    assert!(matches!(error, DriveError::Aborted { .. }));
    assert_eq!(world.queue.len(), 1);
}

/// Writes down what it hears.
#[derive(Default)]
struct Notebook {
    lines: RefCell<Vec<String>>,
    turns: Cell<u32>,
}

impl Notebook {
    fn write(&self, line: impl Into<String>) {
        self.lines.borrow_mut().push(line.into());
    }
}

impl IngestObserver for Notebook {
    fn called(&self, call: PortCall, _took: Duration, outcome: Result<(), &PortError>) {
        match outcome {
            Ok(()) if call == PortCall::Receive => {}
            Ok(()) => self.write(format!("{call:?}")),
            Err(error) => self.write(format!("{call:?}: {}", error.kind)),
        }
    }

    fn received(&self, messages: &[QueueMessage]) {
        self.write(format!("received {}", messages.len()));
    }

    fn found_stored(&self, objects: usize) {
        self.write(format!("found {objects}"));
    }

    fn decoded(&self, _took: Duration, outcome: Result<(), &PoolDecodeError>) {
        self.write(format!("decoded {}", outcome.is_ok()));
    }

    fn commit_ended(&self, _took: Duration, outcome: &CommitOutcome) {
        self.write(format!("commit {outcome:?}"));
    }

    fn stored(&self, version: TableVersion, objects: &[StoredObject]) {
        let events: Vec<u64> = objects.iter().map(|object| object.events).collect();
        self.write(format!("stored {version} {events:?}"));
    }

    fn quarantined(&self, entries: &[Quarantined]) {
        self.write(format!("quarantined {} {}", entries.len(), entries[0].reason));
    }

    fn acknowledged(&self, _took: Duration, report: &AcknowledgeReport) {
        self.write(format!("acknowledged {}", report.done.len()));
    }

    fn turned(&self, _turn: Turn<'_>) {
        self.turns.set(self.turns.get() + 1);
    }
}

#[tokio::test]
async fn the_observer_hears_of_every_step_in_order() {
    let world = World::new();
    world.deliver(KEY, 3);
    world.lake.fail_commits([CommitFault::AppliedUnknown]);
    world.store.fail_reads(KEY, [PortErrorKind::Throttled]);
    let notebook = Notebook::default();
    world.run_observed("a", &notebook).await.unwrap();
    world.announce(object("gone.json"));
    let limits = IngestLimits { missing_retries_max: 0, ..world.limits.clone() };
    World { limits, ..world }.run_observed("b", &notebook).await.unwrap();
    let heard = [
        "received 1",
        "LookUp",
        "found 0",
        "received 0",
        "Fetch: throttled",
        "Fetch",
        "decoded true",
        "commit Unknown",
        "Probe",
        "stored 1 [3]",
        "acknowledged 1",
    ];
    let lines = notebook.lines.borrow();
    let (first, second) = lines.split_at(heard.len());
    let sorted = |lines: &[String]| {
        let mut lines = lines.to_vec();
        lines.sort_unstable();
        lines
    };
    // The empty receive that ends the queue comes in at any place.
    assert_eq!(sorted(first), sorted(&heard.map(str::to_owned)), "{first:#?}");
    assert_eq!(first.last().map(String::as_str), heard.last().copied());
    assert!(second.contains(&"quarantined 1 missing".to_owned()), "{second:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_loop_turns_while_nothing_happens() {
    let mut world = World::new();
    world.queue = Arc::new(MemoryQueue::with_long_poll(Duration::from_secs(1_000)));
    let notebook = Notebook::default();
    world.run_observed("a", &notebook).await.unwrap();
    assert!(notebook.turns.get() >= 200, "{}", notebook.turns.get());
}

#[tokio::test(start_paused = true)]
async fn a_drain_gives_back_what_a_receive_in_flight_brings() {
    let mut world = World::new();
    world.limits.finish_after_empty_receives = None;
    world.limits.receives_in_flight_max = 1;
    world.queue = Arc::new(MemoryQueue::with_slow_answers(Duration::from_secs(5)));
    world.queue.send(MessageBody::Objects(vec![object(KEY)]));
    let ask = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.drain.request();
    };
    let (report, ()) = tokio::join!(world.run("a"), ask);
    assert_eq!(report.unwrap().messages_released, 1);
    assert_eq!(world.queue.releases(), 1);
}
