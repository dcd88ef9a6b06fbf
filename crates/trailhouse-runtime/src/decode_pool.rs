//! Threads that inflate and parse. Nothing of that runs on the threads of the async runtime.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;
use trailhouse_decode::{DecodeContext, DecodeError, DecodeLimits, DecodedObject, Decoder};
use trailhouse_model::QuarantineReason;

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

/// A fixed set of threads with one decoder each. Clones share them.
#[derive(Clone)]
pub struct DecodePool {
    threads: Arc<ThreadPool>,
    /// One for each thread, locked by no other.
    decoders: Arc<[Mutex<Decoder>]>,
    limits: DecodeLimits,
}

impl DecodePool {
    /// Starts the threads.
    pub fn new(threads: NonZeroUsize, limits: DecodeLimits) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .thread_name(|index| format!("decode-{index}"))
            // A panic is answered to whoever waits for the object; it must not end the process.
            .panic_handler(|_| tracing::error!("decoder panicked"))
            .build()?;
        let decoders = (0..threads.get()).map(|_| Mutex::new(Decoder::new(limits)));
        Ok(Self { threads: Arc::new(pool), decoders: decoders.collect(), limits })
    }

    /// Starts one thread for each processor.
    pub fn for_this_machine(limits: DecodeLimits) -> Result<Self, ThreadPoolBuildError> {
        Self::new(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN), limits)
    }

    /// Returns the number of threads.
    pub fn threads(&self) -> usize {
        self.decoders.len()
    }

    /// Decodes one object. A dropped call is decoded all the same and its result is lost.
    pub async fn decode(
        &self,
        context: DecodeContext,
        compressed: Bytes,
    ) -> Result<DecodedObject, PoolDecodeError> {
        self.run(move |decoder| decoder.decode(&context, &compressed)).await
    }

    /// Does the work on one of the threads, with its decoder. A panic is an answer like any other.
    async fn run(
        &self,
        work: impl FnOnce(&mut Decoder) -> Result<DecodedObject, DecodeError> + Send + 'static,
    ) -> Result<DecodedObject, PoolDecodeError> {
        let (sender, receiver) = oneshot::channel();
        let decoders = Arc::clone(&self.decoders);
        let limits = self.limits;
        self.threads.spawn(move || {
            if sender.is_closed() {
                return;
            }
            let index = rayon::current_thread_index().unwrap_or(0);
            let Some(decoder) = decoders.get(index) else {
                return;
            };
            let outcome = work_with(decoder, limits, work);
            // The receiver is gone where the run was aborted.
            drop(sender.send(outcome));
        });
        match receiver.await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(PoolDecodeError::Panicked),
        }
    }
}

/// A decoder that panicked is replaced, because its buffers may be in any state.
fn work_with(
    decoder: &Mutex<Decoder>,
    limits: DecodeLimits,
    work: impl FnOnce(&mut Decoder) -> Result<DecodedObject, DecodeError>,
) -> Result<DecodedObject, DecodeError> {
    let is_poisoned = decoder.is_poisoned();
    let mut guard = decoder.lock().unwrap_or_else(PoisonError::into_inner);
    if is_poisoned {
        *guard = Decoder::new(limits);
        decoder.clear_poison();
    }
    work(&mut guard)
}

#[cfg(test)]
mod tests {
    use trailhouse_model::{BucketName, EventTime, ObjectKey, ObjectRef};

    use super::*;
    use crate::commit_object::decode_context;

    #[tokio::test]
    async fn a_panic_quarantines_its_object_and_the_pool_goes_on() {
        let pool = DecodePool::new(NonZeroUsize::MIN, DecodeLimits::default()).unwrap();
        let object = ObjectRef::new(BucketName::new("b"), ObjectKey::new("k"));
        let context = decode_context(&object, EventTime::from_micros(0));
        for _ in 0..3 {
            let outcome = pool.run(|_| panic!("a bug in the decoder")).await;
            let error = outcome.unwrap_err();
            assert!(matches!(error, PoolDecodeError::Panicked), "{error}");
            assert_eq!(error.reason(), QuarantineReason::NotCloudTrail);
            let body = Bytes::from_static(br#"{"Records":[{"eventName":"CreateUser"}]}"#);
            let decoded = pool.decode(context, body).await.unwrap();
            assert_eq!(decoded.events.num_rows(), 1);
        }
    }
}
