//! A store that fails as stores over a network do, by a seed.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};

/// What may happen to a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// It is carried out, and the answer is lost.
    LostAnswer,
    /// It is carried out, the answer is lost, and a repeated request meets its own object: 412.
    OwnWriteTaken,
    /// It is not carried out, and the answer is that of a key that is taken: 409.
    Conflict,
    /// It is not carried out: 500.
    ServerError,
    /// It is carried out after others have gone on.
    Slow,
    /// The answer is a timeout, and it is carried out some requests later.
    Zombie,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] = [
        Self::LostAnswer,
        Self::OwnWriteTaken,
        Self::Conflict,
        Self::ServerError,
        Self::Slow,
        Self::Zombie,
    ];
}

/// Puts that fail are one in so many.
const PUTS_PER_FAULT: u64 = 3;
/// Reads that fail are one in so many.
const READS_PER_FAULT: u64 = 20;
/// Requests before which a put of the past is carried out are one in so many.
const REQUESTS_PER_ZOMBIE: u64 = 4;

#[derive(Debug)]
struct Plan {
    random: u64,
    zombies: VecDeque<(Path, PutPayload, PutOptions)>,
    struck: BTreeMap<Fault, u32>,
}

impl Plan {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.next().is_multiple_of(number)
    }

    fn fault(&mut self) -> Option<Fault> {
        if !self.one_in(PUTS_PER_FAULT) {
            return None;
        }
        let count = u64::try_from(Fault::ALL.len()).unwrap();
        let fault = Fault::ALL[usize::try_from(self.next() % count).unwrap()];
        *self.struck.entry(fault).or_default() += 1;
        Some(fault)
    }
}

/// The store; faults strike while it is armed.
#[derive(Debug, Clone)]
pub(crate) struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Mutex<Plan>>,
    armed: Arc<AtomicBool>,
}

impl FaultyStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, seed: u64) -> Self {
        let plan = Plan { random: seed, zombies: VecDeque::new(), struck: BTreeMap::new() };
        Self { inner, plan: Arc::new(Mutex::new(plan)), armed: Arc::default() }
    }

    pub(crate) fn arm(&self, armed: bool) {
        self.armed.store(armed, Ordering::SeqCst);
    }

    /// Carries out all puts that still wait.
    pub(crate) async fn land_all(&self) {
        loop {
            let next = self.plan.lock().unwrap().zombies.pop_front();
            let Some((path, payload, options)) = next else { return };
            let _nobody_listens = self.inner.put_opts(&path, payload, options).await;
        }
    }

    pub(crate) fn struck(&self) -> BTreeMap<Fault, u32> {
        self.plan.lock().unwrap().struck.clone()
    }

    fn is_armed(&self) -> bool {
        self.armed.load(Ordering::SeqCst)
    }

    /// Lets a put of the past land, perhaps.
    async fn haunt(&self) {
        let landing = {
            let mut plan = self.plan.lock().unwrap();
            if plan.one_in(REQUESTS_PER_ZOMBIE) { plan.zombies.pop_front() } else { None }
        };
        if let Some((path, payload, options)) = landing {
            let _nobody_listens = self.inner.put_opts(&path, payload, options).await;
        }
    }

    async fn before_read(&self) -> Result<()> {
        if !self.is_armed() {
            return Ok(());
        }
        self.haunt().await;
        if self.plan.lock().unwrap().one_in(READS_PER_FAULT) { Err(failed("500")) } else { Ok(()) }
    }
}

fn failed(what: &'static str) -> Error {
    Error::Generic { store: "faulty", source: what.into() }
}

fn taken(path: &Path) -> Error {
    Error::AlreadyExists { path: path.to_string(), source: "taken".into() }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStore")
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if !self.is_armed() {
            return self.inner.put_opts(location, payload, options).await;
        }
        self.haunt().await;
        let fault = self.plan.lock().unwrap().fault();
        match fault {
            None => self.inner.put_opts(location, payload, options).await,
            Some(Fault::LostAnswer) => {
                let _answer = self.inner.put_opts(location, payload, options).await;
                Err(failed("timed out"))
            }
            Some(Fault::OwnWriteTaken) => {
                let _answer = self.inner.put_opts(location, payload, options).await;
                Err(taken(location))
            }
            Some(Fault::Conflict) => Err(taken(location)),
            Some(Fault::ServerError) => Err(failed("500")),
            Some(Fault::Slow) => {
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                self.inner.put_opts(location, payload, options).await
            }
            Some(Fault::Zombie) => {
                let late = (location.clone(), payload, options);
                self.plan.lock().unwrap().zombies.push_back(late);
                Err(failed("timed out"))
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.before_read().await?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.before_read().await?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
