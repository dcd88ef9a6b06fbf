//! A moto server of one's own: S3 and SQS on loopback.

use std::{
    ffi::OsStr,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Names the Python that has `moto[server]`; tests that need moto are skipped without it.
pub const PYTHON_VARIABLE: &str = "TRAILHOUSE_TEST_PYTHON";

const STARTS_MAX: u32 = 3;
const READY_WITHIN: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(50);

/// A running moto server; dropping it ends the process.
#[derive(Debug)]
pub struct MotoServer {
    process: Child,
    address: SocketAddr,
}

impl MotoServer {
    /// Starts a server with the Python of [`PYTHON_VARIABLE`]; `None` where it is not set.
    pub fn from_environment() -> Option<io::Result<Self>> {
        std::env::var_os(PYTHON_VARIABLE).map(|python| Self::start(&python))
    }

    /// Starts a server on a free port of 127.0.0.1 and waits until it listens.
    pub fn start(python: &OsStr) -> io::Result<Self> {
        let mut last = None;
        // Somebody may take the free port before the server does.
        for _ in 0..STARTS_MAX {
            match Self::start_once(python) {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("moto was not started")))
    }

    /// Returns the endpoint URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn start_once(python: &OsStr) -> io::Result<Self> {
        let address = free_address()?;
        let process = Command::new(python)
            .args(["-m", "moto.server", "-H"])
            .arg(address.ip().to_string())
            .arg("-p")
            .arg(address.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self { process, address };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN {
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("moto ended at once: {status}")));
            }
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            thread::sleep(READY_POLL);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "moto does not listen"))
    }
}

impl Drop for MotoServer {
    fn drop(&mut self) {
        // Nothing is left to do where the process is gone already.
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
