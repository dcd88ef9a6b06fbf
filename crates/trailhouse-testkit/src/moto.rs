//! A moto server of one's own: S3 and SQS on loopback.

use std::{
    ffi::OsStr,
    io,
    net::{SocketAddr, TcpStream},
    process::Command,
};

use crate::server::{ServerProcess, free_addresses, request, start_again};

/// Names the Python that has `moto[server]`; tests that need moto are skipped without it.
pub const PYTHON_VARIABLE: &str = "TRAILHOUSE_TEST_PYTHON";

/// What moto runs as. Its queues delete a message by copying the list of all others, in many threads
/// and without their lock, so that deletions at the same time undo each other.
const SERVE: &str = "\
import sys
from moto.server import main
from moto.sqs.models import Queue
delete = Queue.delete_message
def delete_alone(queue, handle):
    with queue._messages_lock:
        return delete(queue, handle)
Queue.delete_message = delete_alone
main(sys.argv[1:])
";

/// A running moto server; dropping it ends the process.
#[derive(Debug)]
pub struct MotoServer {
    _process: ServerProcess,
    address: SocketAddr,
}

impl MotoServer {
    /// Starts a server with the Python of [`PYTHON_VARIABLE`]; `None` where it is not set.
    pub fn from_environment() -> Option<io::Result<Self>> {
        std::env::var_os(PYTHON_VARIABLE).map(|python| Self::start(&python))
    }

    /// Starts a server on a free port of 127.0.0.1 and waits until it listens.
    pub fn start(python: &OsStr) -> io::Result<Self> {
        start_again(|| Self::start_once(python))
    }

    /// Returns the endpoint URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, name: &str) -> io::Result<()> {
        match request(self.address, "PUT", &format!("/{name}"))? {
            true => Ok(()),
            false => Err(io::Error::other(format!("moto made no bucket {name}"))),
        }
    }

    fn start_once(python: &OsStr) -> io::Result<Self> {
        let [address] = free_addresses()?;
        let mut command = Command::new(python);
        command
            .args(["-c", SERVE, "-H"])
            .arg(address.ip().to_string())
            .arg("-p")
            .arg(address.port().to_string());
        let is_ready = || TcpStream::connect(address).is_ok();
        let process = ServerProcess::start("moto", &mut command, is_ready)?;
        Ok(Self { _process: process, address })
    }
}
