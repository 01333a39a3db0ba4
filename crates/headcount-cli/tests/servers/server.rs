//! A server's process, with a folder of its own and a port of loopback. It ends with its test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use crate::harness::wait_until;

/// How long a server may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A folder in which a server finds what it needs.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        // Servers may leave their rights before they read what is theirs.
        let for_all = fs::Permissions::from_mode(0o755);
        Place { folder: tempfile::Builder::new().permissions(for_all).tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Starts a server here, and waits until it listens.
    pub(crate) fn start(self, command: &mut Command, port: u16) -> Server {
        let log = fs::File::create(self.path("said")).unwrap();
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        wait_until("a server that listens", || {
            if let Some(status) = child.try_wait().unwrap() {
                let said = BufReader::new(fs::File::open(self.path("said")).unwrap());
                panic!("{command:?} ended, {status}: {:?}", said.lines().collect::<Vec<_>>());
            }
            TcpStream::connect(address).is_ok()
        });
        Server { child, place: self, address }
    }
}

pub(crate) struct Server {
    child: Child,
    pub(crate) place: Place,
    pub(crate) address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked, it ends its children too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < PATIENCE {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has at the moment, and that no other test will get: one after another, below those that the kernel gives
/// to who connects.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 16_384;
    const COUNT: u32 = 16_384;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Another run beside this one begins elsewhere.
        let number = std::process::id().wrapping_mul(97).wrapping_add(GIVEN.fetch_add(1, Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + number).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// A program of the system's, also one that only its administrator usually calls.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}
