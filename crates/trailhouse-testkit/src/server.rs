//! What the servers have in common: a process, a port, a request.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const STARTS_MAX: u32 = 3;
const READY_WITHIN: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(50);

/// A process that is ended when it is dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    name: &'static str,
    process: Child,
}

impl ServerProcess {
    /// Starts the program without input and output, and waits until it is ready.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        is_ready: impl Fn() -> bool,
    ) -> io::Result<Self> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self { name, process: quiet.spawn()? };
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN {
            if let Some(status) = server.process.try_wait()? {
                return Err(io::Error::other(format!("{} ended at once: {status}", server.name)));
            }
            if is_ready() {
                return Ok(server);
            }
            thread::sleep(READY_POLL);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("{name} does not listen")))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Nothing is left to do where the process is gone already.
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// Tries again where somebody took a free port before the server did.
pub(crate) fn start_again<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut last = None;
    for _ in 0..STARTS_MAX {
        match start() {
            Ok(server) => return Ok(server),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no server was started")))
}

/// Returns so many different ports of 127.0.0.1 that are free at the moment.
pub(crate) fn free_addresses<const N: usize>() -> io::Result<[SocketAddr; N]> {
    let mut listeners = Vec::new();
    let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    for address in &mut addresses {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *address = listener.local_addr()?;
        // All are held until all are known, or the same port would come twice.
        listeners.push(listener);
    }
    Ok(addresses)
}

/// Sends a request without a body and says whether it was answered with success.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(READY_WITHIN))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 2") && !answer.contains("\"error\""))
}
