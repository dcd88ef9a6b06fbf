//! Threads that inflate and parse. Nothing of that runs on the threads of the async runtime.
//!
//! Objects that wait at the same time are decoded some at a time, so that small ones share a batch.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;
use trailhouse_decode::{
    DecodeContext, DecodeError, DecodeLimits, DecodedObject, Decoder, EventRows,
};
use trailhouse_model::QuarantineReason;

/// The most objects that a thread takes at a time, and the most bytes, as read, of more than one.
const OBJECTS_PER_TURN_MAX: usize = 64;
const BYTES_PER_TURN_MAX: usize = 256 * 1024;

/// The pool could not decode an object.
#[derive(Debug, thiserror::Error)]
pub enum PoolDecodeError {
    /// The decoder refuses the object.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The decoder panicked, which is a bug; the object is kept aside for whoever looks for it.
    #[error("decoder panicked")]
    Panicked,
}

impl PoolDecodeError {
    /// Returns the reason under which the object goes to quarantine.
    pub fn reason(&self) -> QuarantineReason {
        match self {
            Self::Decode(error) => error.reason(),
            Self::Panicked => QuarantineReason::NotCloudTrail,
        }
    }
}

/// What came of one object.
pub type PoolAnswer = Result<DecodedObject<EventRows>, PoolDecodeError>;

/// An object that waits for a thread, and who waits for its rows.
struct Job {
    context: DecodeContext,
    compressed: Bytes,
    sender: oneshot::Sender<PoolAnswer>,
}

type Answers = Vec<Result<DecodedObject<EventRows>, DecodeError>>;

/// A fixed set of threads with one decoder each. Clones share them.
#[derive(Clone)]
pub struct DecodePool {
    threads: Arc<ThreadPool>,
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<VecDeque<Job>>,
    /// One for each thread, locked by no other.
    decoders: Vec<Mutex<Decoder>>,
    limits: DecodeLimits,
    /// Decodes some objects; tests put something that panics in its place.
    work: fn(&mut Decoder, &[Job]) -> Answers,
}

impl DecodePool {
    /// Starts the threads.
    pub fn new(threads: NonZeroUsize, limits: DecodeLimits) -> Result<Self, ThreadPoolBuildError> {
        Self::with_work(threads, limits, decode_jobs)
    }

    fn with_work(
        threads: NonZeroUsize,
        limits: DecodeLimits,
        work: fn(&mut Decoder, &[Job]) -> Answers,
    ) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .thread_name(|index| format!("decode-{index}"))
            .build()?;
        let decoders = (0..threads.get()).map(|_| Mutex::new(Decoder::new(limits))).collect();
        let shared = Shared { waiting: Mutex::default(), decoders, limits, work };
        Ok(Self { threads: Arc::new(pool), shared: Arc::new(shared) })
    }

    /// Starts one thread for each processor.
    pub fn for_this_machine(limits: DecodeLimits) -> Result<Self, ThreadPoolBuildError> {
        Self::new(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN), limits)
    }

    /// Returns the number of threads.
    pub fn threads(&self) -> usize {
        self.shared.decoders.len()
    }

    /// Decodes one object. A call that is dropped before its turn is not worked on.
    pub async fn decode(&self, context: DecodeContext, compressed: Bytes) -> PoolAnswer {
        let (sender, receiver) = oneshot::channel();
        lock(&self.shared.waiting).push_back(Job { context, compressed, sender });
        let shared = Arc::clone(&self.shared);
        // One turn for each object: those before it may have taken it already.
        self.threads.spawn(move || shared.take_turn());
        receiver.await.unwrap_or(Err(PoolDecodeError::Panicked))
    }
}

impl Shared {
    fn take_turn(&self) {
        let jobs = self.next_jobs();
        if jobs.is_empty() {
            return;
        }
        match self.decode(&jobs) {
            Some(answers) => answer(jobs, answers.into_iter().map(|it| it.map_err(Into::into))),
            // One of them is to blame; the others have a right to their rows.
            None => jobs.into_iter().for_each(|job| {
                let alone = self.decode(std::slice::from_ref(&job)).and_then(|mut it| it.pop());
                let outcome = alone.map_or(Err(PoolDecodeError::Panicked), |it| Ok(it?));
                answer([job], [outcome]);
            }),
        }
    }

    /// Takes the next objects, and leaves the other threads theirs.
    fn next_jobs(&self) -> Vec<Job> {
        let mut waiting = lock(&self.waiting);
        let share = waiting.len().div_ceil(self.decoders.len()).min(OBJECTS_PER_TURN_MAX);
        let (mut jobs, mut bytes) = (Vec::new(), 0_usize);
        while jobs.len() < share {
            let Some(job) = waiting.front() else { break };
            bytes = bytes.saturating_add(job.compressed.len());
            if bytes > BYTES_PER_TURN_MAX && !jobs.is_empty() {
                break;
            }
            jobs.extend(waiting.pop_front().filter(|job| !job.sender.is_closed()));
        }
        jobs
    }

    /// Decodes on this thread, with its decoder; nothing where the decoder panicked.
    fn decode(&self, jobs: &[Job]) -> Option<Answers> {
        let decoder = self.decoders.get(rayon::current_thread_index().unwrap_or(0))?;
        let work = || (self.work)(&mut self.whole(decoder), jobs);
        catch_unwind(AssertUnwindSafe(work))
            .inspect_err(|_| tracing::error!("decoder panicked"))
            .ok()
            .filter(|answers| answers.len() == jobs.len())
    }

    /// A decoder that panicked is replaced, because its buffers may be in any state.
    fn whole<'d>(&self, decoder: &'d Mutex<Decoder>) -> MutexGuard<'d, Decoder> {
        let is_poisoned = decoder.is_poisoned();
        let mut guard = lock(decoder);
        if is_poisoned {
            *guard = Decoder::new(self.limits);
            decoder.clear_poison();
        }
        guard
    }
}

fn decode_jobs(decoder: &mut Decoder, jobs: &[Job]) -> Answers {
    decoder.decode_all(jobs.iter().map(|job| (&job.context, &job.compressed[..])))
}

fn answer(jobs: impl IntoIterator<Item = Job>, outcomes: impl IntoIterator<Item = PoolAnswer>) {
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        // The receiver is gone where the run was aborted.
        drop(job.sender.send(outcome));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use trailhouse_model::{BucketName, EventTime, ObjectKey, ObjectRef};

    use super::*;
    use crate::commit_object::decode_context;

    fn context() -> DecodeContext {
        let object = ObjectRef::new(BucketName::new("b"), ObjectKey::new("k"));
        decode_context(&object, EventTime::from_micros(0))
    }

    fn pool(work: fn(&mut Decoder, &[Job]) -> Answers) -> DecodePool {
        DecodePool::with_work(NonZeroUsize::MIN, DecodeLimits::default(), work).unwrap()
    }

    fn decode_or_panic(decoder: &mut Decoder, jobs: &[Job]) -> Answers {
        let answers = decode_jobs(decoder, jobs);
        assert!(jobs.iter().all(|job| !job.compressed.starts_with(b"bug")), "a bug in the decoder");
        answers
    }

    #[tokio::test]
    async fn a_panic_quarantines_its_object_and_the_pool_goes_on() {
        let pool = pool(decode_or_panic);
        for _ in 0..3 {
            let good = || pool.decode(context(), Bytes::from_static(b"{\"eventName\":\"A\"}"));
            let bad = pool.decode(context(), Bytes::from_static(b"bug"));
            let (one, error, other) = tokio::join!(good(), bad, good());
            let error = error.unwrap_err();
            assert!(matches!(error, PoolDecodeError::Panicked), "{error}");
            assert_eq!(error.reason(), QuarantineReason::NotCloudTrail);
            assert_eq!((one.unwrap().events.num_rows(), other.unwrap().events.num_rows()), (1, 1));
        }
    }

    #[tokio::test]
    async fn objects_that_wait_together_share_a_batch() {
        let pool = pool(decode_jobs);
        let body = Bytes::from_static(br#"{"Records":[{"eventName":"A"},{"eventName":"B"}]}"#);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let (pool, body) = (pool.clone(), body.clone());
            calls.spawn(async move { pool.decode(context(), body).await.unwrap().events });
        }
        let rows: Vec<EventRows> = calls.join_all().await;
        assert!(rows.iter().all(|rows| rows.num_rows() == 2));
        assert!(rows.iter().any(|rows| rows.batch().num_rows() > 2), "the thread was never behind");
    }
}
