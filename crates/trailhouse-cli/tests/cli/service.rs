//! A running `trailhouse watch`: its lines, its pages, its signals; and a network that hangs.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    support::{Run, command, finish},
    watch::{BUCKET, Scene},
};

/// Far beyond what a step takes.
const TRIES_MAX: u32 = 6_000;
const TRY_INTERVAL: Duration = Duration::from_millis(10);

/// Waits for something that is about to happen, and fails loudly where it does not.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut has_come: impl FnMut() -> bool) {
    for _ in 0..TRIES_MAX {
        if has_come() {
            return;
        }
        thread::sleep(TRY_INTERVAL);
    }
    panic!("this does not come: {what}");
}

/// The program as a service.
pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
}

impl Service {
    /// Starts it with metrics on a free port; it takes signals from then on.
    pub(crate) fn start(scene: &Scene, endpoint: &str, flags: &[&str]) -> Self {
        let mut command = command(&["watch", "--queue-url", &scene.queue_url]);
        command.arg("--lake").arg(scene.lake()).args(["--endpoint-url", endpoint]);
        command.args(["--metrics", "127.0.0.1:0"]).args(flags);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut service = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        // Byte by byte, so that the rest of the stream is still there at the end.
        let stderr = service.child.stderr.as_mut().unwrap();
        let mut said = String::new();
        let marker = "Metrics at http://";
        while !said.contains(marker) || !said.ends_with("/metrics") {
            let mut byte = [0];
            assert_eq!(stderr.read(&mut byte).unwrap(), 1, "it ended: {said}");
            said.push(char::from(byte[0]));
        }
        let (_, url) = said.split_once(marker).unwrap();
        service.address = url.trim_end_matches("/metrics").parse().unwrap();
        service
    }

    /// Asks for a page; the status and the body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
        }
        let mut body = String::new();
        reader.read_to_string(&mut body).unwrap();
        (head[9..12].parse().unwrap(), body)
    }

    /// Reads one metric that has no labels.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200);
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in:\n{text}")).parse().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn wait(self) -> Run {
        finish(self.child)
    }
}

/// Stands between the program and its endpoint, and passes nothing on where it is told to.
pub(crate) struct SlowNetwork {
    address: SocketAddr,
    stalls_downloads: Arc<AtomicBool>,
    stalls_everything: Arc<AtomicBool>,
}

impl SlowNetwork {
    /// Listens until the test ends.
    pub(crate) fn before(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target: SocketAddr = endpoint.trim_start_matches("http://").parse().unwrap();
        let (downloads, everything) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let flags = (Arc::clone(&downloads), Arc::clone(&everything));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(target).unwrap());
                let (answers, back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (downloads, everything) = (Arc::clone(&flags.0), Arc::clone(&flags.1));
                let get = format!("GET /{BUCKET}/").into_bytes();
                thread::spawn(move || {
                    pass_on(client, server, |request| {
                        everything.load(Ordering::SeqCst)
                            || (downloads.load(Ordering::SeqCst) && request.starts_with(&get))
                    });
                });
                thread::spawn(move || pass_on(answers, back, |_| false));
            }
        });
        Self { address, stalls_downloads: downloads, stalls_everything: everything }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn stall_downloads(&self) {
        self.stalls_downloads.store(true, Ordering::SeqCst);
    }

    pub(crate) fn stall_everything(&self) {
        self.stalls_everything.store(true, Ordering::SeqCst);
    }
}

/// Copies until one side closes. What is stalled is never passed on.
fn pass_on(mut from: TcpStream, mut to: TcpStream, stalls: impl Fn(&[u8]) -> bool) {
    let mut chunk = vec![0; 64 * 1024];
    let mut is_stalled = false;
    while let Ok(length) = from.read(&mut chunk) {
        is_stalled |= stalls(&chunk[..length]);
        if length == 0 || (!is_stalled && to.write_all(&chunk[..length]).is_err()) {
            break;
        }
    }
    // The other side may be gone already.
    let _closed = to.shutdown(std::net::Shutdown::Write);
}
