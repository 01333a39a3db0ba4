//! Jobs put aside: read ahead, but too many to keep in memory. They lie in nameless temporary files, in pieces that are
//! written and read as a whole.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::job::Job;
use crate::{Config, Request};

/// A file takes pieces up to this many bytes; when the last of them was read, it goes.
const LONGEST_FILE: u64 = 64 << 20;

/// What was put aside, by its key.
pub(super) struct Aside {
    /// Times are written as microseconds since then.
    begun: Instant,
    pieces: HashMap<u64, Piece>,
    writing: Option<Rc<File>>,
    length: u64,
    /// Names of lists, which stand with every line: written as numbers.
    sources: Vec<Arc<str>>,
    buffer: Vec<u8>,
}

struct Piece {
    file: Rc<File>,
    start: u64,
    length: usize,
    /// What is not written: the few requests with header fields of their own, whole.
    kept: HashMap<u64, Request>,
}

impl Aside {
    pub(super) fn new(begun: Instant) -> Aside {
        Aside {
            begun,
            pieces: HashMap::new(),
            writing: None,
            length: 0,
            sources: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Writes jobs that have not begun. An error leaves nothing behind, and gives them back.
    pub(super) fn put(&mut self, key: u64, jobs: Vec<Job>) -> Result<(), (Vec<Job>, io::Error)> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        for job in &jobs {
            self.encode(job, &mut buffer);
        }
        let written = self.append(&buffer);
        let length = buffer.len();
        self.buffer = buffer;
        match written {
            Ok((file, start)) => {
                let kept = jobs
                    .into_iter()
                    .filter(|job| !is_plain(&job.request))
                    .map(|job| (job.index, job.request))
                    .collect();
                self.pieces.insert(key, Piece { file, start, length, kept });
                Ok(())
            }
            Err(error) => Err((jobs, error)),
        }
    }

    /// Reads back what was put aside under a key, in order.
    pub(super) fn take(&mut self, key: u64, config: &Config) -> io::Result<Vec<Job>> {
        let Some(mut piece) = self.pieces.remove(&key) else {
            return Err(io::Error::other("nothing was put aside under that key"));
        };
        let mut bytes = vec![0; piece.length];
        (&*piece.file).seek(SeekFrom::Start(piece.start))?;
        (&*piece.file).read_exact(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let mut jobs = Vec::new();
        while !rest.is_empty() {
            jobs.push(self.decode(&mut rest, &mut piece.kept, config)?);
        }
        Ok(jobs)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<(Rc<File>, u64)> {
        let file = match &self.writing {
            Some(file) if self.length < LONGEST_FILE => Rc::clone(file),
            _ => {
                let file = Rc::new(tempfile::tempfile()?);
                self.length = 0;
                Rc::clone(self.writing.insert(file))
            }
        };
        let start = self.length;
        (&*file).seek(SeekFrom::Start(start))?;
        (&*file).write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok((file, start))
    }

    /// When it was read, `index`, `line + 1` or 0, `source + 1` or 0, then method and input, each with its length.
    fn encode(&mut self, job: &Job, bytes: &mut Vec<u8>) {
        let request = &job.request;
        let source = request.source.as_ref().map_or(0, |source| self.number(source) + 1);
        let since = job.waiting_since.saturating_duration_since(self.begun).as_micros() as u64;
        for number in [since, job.index, request.line.map_or(0, |line| line + 1), source] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let input = if is_plain(request) { request.input.as_str() } else { "" };
        for text in [request.method.as_str(), input] {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
    }

    fn decode(&self, rest: &mut &[u8], kept: &mut HashMap<u64, Request>, config: &Config) -> io::Result<Job> {
        let since = self.begun + Duration::from_micros(number(rest)?);
        let index = number(rest)?;
        let line = number(rest)?;
        let source = number(rest)?;
        let method = text(rest)?;
        let input = text(rest)?;
        let request = match kept.remove(&index) {
            Some(request) => request,
            None => {
                let method = Method::from_bytes(method.as_bytes()).map_err(|_| damaged())?;
                let mut request = Request::new(input).method(method);
                request.line = line.checked_sub(1);
                request.source =
                    source.checked_sub(1).and_then(|number| self.sources.get(number as usize).cloned());
                request
            }
        };
        let url = request.url().map_err(|_| damaged())?.clone();
        Ok(Job::new(index, request, url, config, since))
    }

    fn number(&mut self, source: &Arc<str>) -> u64 {
        // Lists come one after another: the last is the likeliest.
        let known = self.sources.iter().rposition(|known| known == source);
        known.unwrap_or_else(|| {
            self.sources.push(Arc::clone(source));
            self.sources.len() - 1
        }) as u64
    }
}

/// Whether its text says all of it.
fn is_plain(request: &Request) -> bool {
    request.headers.is_none()
}

fn number(rest: &mut &[u8]) -> io::Result<u64> {
    let (bytes, behind) = rest.split_first_chunk().ok_or_else(damaged)?;
    *rest = behind;
    Ok(u64::from_le_bytes(*bytes))
}

fn text<'b>(rest: &mut &'b [u8]) -> io::Result<&'b str> {
    let length = usize::try_from(number(rest)?).map_err(|_| damaged())?;
    let (bytes, behind) = rest.split_at_checked(length).ok_or_else(damaged)?;
    *rest = behind;
    std::str::from_utf8(bytes).map_err(|_| damaged())
}

fn damaged() -> io::Error {
    io::Error::other("what was put aside does not read as it was written")
}
