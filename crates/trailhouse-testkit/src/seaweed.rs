//! A SeaweedFS server of one's own: S3 on loopback, with checked signatures.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    moto::PYTHON_VARIABLE,
    server::{ServerProcess, free_addresses, request, start_again},
};

/// The only key that the server takes, with its secret; others are refused.
pub const ACCESS_KEY: (&str, &str) = ("testing", "testing");

const IDENTITIES: &str = r#"{"identities": [{
    "name": "tests",
    "credentials": [{"accessKey": "testing", "secretKey": "testing"}],
    "actions": ["Admin", "Read", "List", "Tagging", "Write"]
}]}"#;

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A running SeaweedFS; dropping it ends the process and deletes what it stored.
#[derive(Debug)]
pub struct SeaweedServer {
    // In this order: the folder goes once nothing writes to it any more.
    _process: ServerProcess,
    _folder: Folder,
    s3: SocketAddr,
    filer: SocketAddr,
}

impl SeaweedServer {
    /// Starts the `weed` beside the Python of [`PYTHON_VARIABLE`]; `None` where that is not set.
    pub fn from_environment() -> Option<io::Result<Self>> {
        let python = PathBuf::from(env::var_os(PYTHON_VARIABLE)?);
        Some(Self::start(python.with_file_name("weed").as_os_str()))
    }

    /// Starts a server on free ports of 127.0.0.1 and waits until it stores.
    pub fn start(weed: &OsStr) -> io::Result<Self> {
        start_again(|| Self::start_once(weed))
    }

    /// Returns the endpoint URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.s3)
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, name: &str) -> io::Result<()> {
        match request(self.filer, "POST", &format!("/buckets/{name}/"))? {
            true => Ok(()),
            false => Err(io::Error::other(format!("SeaweedFS made no bucket {name}"))),
        }
    }

    fn start_once(weed: &OsStr) -> io::Result<Self> {
        let folder = Folder::new()?;
        let identities = folder.0.join("identities.json");
        fs::write(&identities, IDENTITIES)?;
        let addresses = free_addresses::<8>()?;
        let [master, _, _, _, filer, _, s3, _] = addresses;
        let mut command = Command::new(weed);
        command.current_dir(&folder.0).arg("server");
        let places = ["dir", "filer.localSocket", "s3.localSocket"].into_iter();
        for (flag, name) in places.zip(["data", "filer.sock", "s3.sock"]) {
            command.arg(format!("-{flag}={}", folder.0.join(name).display()));
        }
        fs::create_dir(folder.0.join("data"))?;
        for (flag, address) in PORTS.iter().zip(addresses) {
            command.arg(format!("-{flag}={}", address.port()));
        }
        command.args(FLAGS).arg(format!("-s3.config={}", identities.display()));
        // Volumes can be had once the parts have found each other.
        let is_ready = || {
            request(master, "GET", "/dir/assign").unwrap_or(false)
                && request(filer, "GET", "/").unwrap_or(false)
                && request(s3, "GET", "/status").unwrap_or(false)
        };
        let process = ServerProcess::start("SeaweedFS", &mut command, is_ready)?;
        Ok(Self { _process: process, _folder: folder, s3, filer })
    }
}

const PORTS: [&str; 8] = [
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
];

/// Everything on loopback, nothing reported, small volumes.
const FLAGS: [&str; 10] = [
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-filer",
    "-s3",
    "-s3.iam=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=64",
    "-volume.max=16",
];

/// A folder that is deleted with everything in it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("trailhouse-weed-{}-{number}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        // What is left lies in the folder for temporary files.
        let _left = fs::remove_dir_all(path);
    }
}
