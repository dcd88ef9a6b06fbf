//! S3 and SQS in this process, on loopback: as much of both as an ingester uses, with faults.
//!
//! Where a test needs thousands of processes or a fault at will; whether the real wire protocols
//! are met is shown with [`MotoServer`](crate::MotoServer). One queue, any bucket.

mod http;
mod queue;
mod s3;
mod sqs;

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use self::{
    http::{Request, Response},
    queue::Queue,
};
use crate::random::Random;

const QUEUE_PATH: &str = "/000000000000/trail";
const SLOW_MS_MAX: u64 = 150;

/// How many of a thousand requests meet a fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultMenu {
    /// Are answered with an error of the server, nothing done.
    pub refused: u16,
    /// Are done and answered with an error of the server all the same.
    pub answer_lost: u16,
    /// Are told to slow down.
    pub throttled: u16,
    /// Are answered late.
    pub slow: u16,
    /// Get half of the body (objects only).
    pub truncated: u16,
    /// Delete some of the messages of the call only.
    pub partial_delete: u16,
    /// Get messages that others hold (receives only).
    pub delivered_twice: u16,
}

impl FaultMenu {
    /// Some of everything.
    pub fn stormy() -> Self {
        Self {
            refused: 20,
            answer_lost: 20,
            throttled: 20,
            slow: 60,
            truncated: 40,
            partial_delete: 150,
            delivered_twice: 150,
        }
    }
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Wait to be received.
    pub waiting: usize,
    /// Are held by somebody.
    pub leased: usize,
}

/// What has happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that came.
    pub requests: u64,
    /// Messages that were sent.
    pub messages: u64,
    /// Messages that were handed out, each time counted.
    pub deliveries: u64,
    /// Faults that were served.
    pub faults: u64,
}

/// A running stand-in; dropping it ends it.
#[derive(Debug)]
pub struct CloudStandIn {
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told when a message may have become visible.
    changed: Condvar,
    ended: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// Bodies by bucket and key, as in `bucket/key`.
    objects: HashMap<String, Arc<[u8]>>,
    queue: Queue,
    faults: FaultMenu,
    /// How long an answer with an object takes.
    latency: Duration,
    random: Random,
    counts: Counts,
}

/// What a request meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Refused,
    AnswerLost,
    Throttled,
    Slow(Duration),
    Truncated,
}

impl CloudStandIn {
    /// Starts a stand-in on a free port of 127.0.0.1.
    pub fn start(seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = State {
            objects: HashMap::new(),
            queue: Queue::default(),
            faults: FaultMenu::default(),
            latency: Duration::ZERO,
            random: Random::new(seed),
            counts: Counts::default(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { shared, address })
    }

    /// Returns the endpoint URL of both services.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the URL of the queue.
    pub fn queue_url(&self) -> String {
        format!("{}{QUEUE_PATH}", self.url())
    }

    /// Stores an object.
    pub fn put_object(&self, bucket: &str, key: &str, body: &[u8]) {
        self.shared.lock().objects.insert(format!("{bucket}/{key}"), body.into());
    }

    /// Sends a message and returns its id.
    pub fn send(&self, body: &str) -> String {
        let mut state = self.shared.lock();
        state.counts.messages += 1;
        let id = state.queue.send(body);
        self.shared.changed.notify_all();
        id
    }

    /// Ends all leases, as if their time had run out.
    pub fn expire_leases(&self) {
        self.shared.lock().queue.expire_leases();
        self.shared.changed.notify_all();
    }

    /// Sets the faults of the requests to come.
    pub fn set_faults(&self, faults: FaultMenu) {
        self.shared.lock().faults = faults;
    }

    /// Sets how long each answer with an object takes from now on, however many are asked for.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.lock().latency = latency;
    }

    /// Returns how many messages there are.
    pub fn depth(&self) -> Depth {
        self.shared.lock().queue.depth()
    }

    /// Returns what has happened so far.
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts
    }
}

impl Drop for CloudStandIn {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The listener looks up when somebody calls.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        // An answer is written in pieces; each would wait until the one before is acknowledged.
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let shared = Arc::clone(shared);
        // Ends when the client hangs up.
        thread::spawn(move || http::serve(&stream, |request| shared.answer(request)));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the lock is over anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Response {
        let fault = {
            let mut state = self.lock();
            state.counts.requests += 1;
            state.draw_fault()
        };
        let is_queue = request.method == "POST";
        match fault {
            Some(Fault::Refused) => failure(is_queue, 500, "InternalError"),
            Some(Fault::Throttled) if is_queue => failure(true, 400, "RequestThrottled"),
            Some(Fault::Throttled) => failure(false, 503, "SlowDown"),
            Some(Fault::AnswerLost) => {
                drop(self.perform(request, is_queue));
                failure(is_queue, 500, "InternalError")
            }
            Some(Fault::Slow(delay)) => {
                thread::sleep(delay);
                self.perform(request, is_queue)
            }
            Some(Fault::Truncated) if !is_queue => {
                Response { is_cut_off: true, ..self.perform(request, is_queue) }
            }
            Some(Fault::Truncated) | None => self.perform(request, is_queue),
        }
    }

    fn perform(&self, request: &Request, is_queue: bool) -> Response {
        if is_queue {
            return sqs::answer(self, request);
        }
        let (latency, response) = {
            let state = self.lock();
            (state.latency, s3::answer(&state, request))
        };
        thread::sleep(latency);
        response
    }
}

impl State {
    fn draw_fault(&mut self) -> Option<Fault> {
        let menu = self.faults;
        let random = &mut self.random;
        let fault = if random.per_mille(menu.refused) {
            Some(Fault::Refused)
        } else if random.per_mille(menu.answer_lost) {
            Some(Fault::AnswerLost)
        } else if random.per_mille(menu.throttled) {
            Some(Fault::Throttled)
        } else if random.per_mille(menu.slow) {
            Some(Fault::Slow(Duration::from_millis(random.between(1, SLOW_MS_MAX))))
        } else if random.per_mille(menu.truncated) {
            Some(Fault::Truncated)
        } else {
            None
        };
        self.counts.faults += u64::from(fault.is_some());
        fault
    }
}

fn failure(is_queue: bool, status: u16, code: &str) -> Response {
    if is_queue { sqs::refusal(status, code) } else { s3::refusal(status, code) }
}
