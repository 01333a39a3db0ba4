//! What the reference clients share: a list of pages, and whether an answer is the right one.

pub mod encrypted;

use std::cell::RefCell;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::rc::Rc;

use memchr::memmem;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::task::LocalSet;

/// What is still to be asked for, shared by the workers.
pub type List<T> = Rc<RefCell<std::vec::IntoIter<T>>>;

/// What a client is told: `FILE CONCURRENCY [AUTHORITY]`.
#[derive(Debug)]
pub struct Task {
    /// The pages to ask for.
    pub pages: Vec<Page>,
    /// Connections at once.
    pub concurrency: usize,
    /// Whose certificates are trusted.
    pub roots: RootCertStore,
}

/// One page of the list.
#[derive(Debug)]
pub struct Page {
    /// Whether it is asked for over TLS.
    pub is_encrypted: bool,
    /// The host with its port.
    pub authority: String,
    /// The path.
    pub path: String,
}

impl Task {
    /// Reads the command line and the list.
    ///
    /// # Errors
    /// Something is missing, or cannot be read.
    pub fn from_arguments() -> Result<Task, Box<dyn Error>> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [list, concurrency, rest @ ..] = arguments.as_slice() else {
            return Err("usage: FILE CONCURRENCY [AUTHORITY]".into());
        };
        let pages = fs::read_to_string(list)?.lines().filter_map(Page::parse).collect();
        let mut roots = RootCertStore::empty();
        for authority in rest {
            roots.add(CertificateDer::from_pem_file(authority)?)?;
        }
        Ok(Task { pages, concurrency: concurrency.parse()?, roots })
    }
}

/// Lets so many workers share a list, on this thread, and prints how many answers were right: each worker says how many
/// it had.
///
/// # Errors
/// A worker panicked, or standard output is gone.
#[expect(clippy::disallowed_methods, reason = "the clients that these stand for know no scopes")]
pub fn drive<T, W: Future<Output = usize> + 'static>(
    list: Vec<T>,
    concurrency: usize,
    work: impl Fn(List<T>) -> W,
) -> Result<(), Box<dyn Error>> {
    let list = Rc::new(RefCell::new(list.into_iter()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answered = LocalSet::new().block_on(&runtime, async {
        let workers: Vec<_> =
            (0..concurrency).map(|_| tokio::task::spawn_local(work(Rc::clone(&list)))).collect();
        let mut answered = 0;
        for worker in workers {
            answered += worker.await?;
        }
        Ok::<usize, Box<dyn Error>>(answered)
    })?;
    writeln!(std::io::stdout(), "{answered}")?;
    Ok(())
}

impl Page {
    fn parse(line: &str) -> Option<Page> {
        let (scheme, rest) = line.split_once("://")?;
        let (authority, path) = rest.split_once('/')?;
        Some(Page {
            is_encrypted: scheme == "https",
            authority: authority.to_owned(),
            path: format!("/{path}"),
        })
    }

    /// Whether this is the page that was asked for: its title bears its number.
    pub fn is(&self, status: u16, body: &[u8]) -> bool {
        let number = self.path.rsplit('/').next().unwrap_or_default();
        let title = memmem::find(body, b"<title>Page ").map(|start| &body[start + b"<title>Page ".len()..]);
        status == 200
            && title.is_some_and(|title| {
                title.strip_prefix(number.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'<'))
            })
    }
}
