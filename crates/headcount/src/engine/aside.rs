//! Jobs put aside: read ahead, but too many to keep in memory. They lie in nameless temporary files, in pieces that are
//! written and read as a whole.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
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
    writing: Option<Rc<Spill>>,
    /// Bytes in all files, and the most that they may be.
    on_disk: Rc<Cell<u64>>,
    most_on_disk: u64,
    /// Names of lists, which stand with every line: written as numbers.
    sources: Vec<Arc<str>>,
    buffer: Vec<u8>,
}

/// One file.
struct Spill {
    file: File,
    length: Cell<u64>,
    on_disk: Rc<Cell<u64>>,
}

impl Drop for Spill {
    fn drop(&mut self) {
        self.on_disk.set(self.on_disk.get() - self.length.get());
    }
}

struct Piece {
    file: Rc<Spill>,
    start: u64,
    length: usize,
}

impl Aside {
    pub(super) fn new(begun: Instant, most_on_disk: u64) -> Aside {
        Aside {
            begun,
            pieces: HashMap::new(),
            writing: None,
            on_disk: Rc::default(),
            most_on_disk,
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
                self.pieces.insert(key, Piece { file, start, length });
                Ok(())
            }
            Err(error) => Err((jobs, error)),
        }
    }

    /// Reads back what was put aside under a key, in order.
    pub(super) fn take(&mut self, key: u64, config: &Config) -> io::Result<Vec<Job>> {
        let Some(piece) = self.pieces.remove(&key) else {
            return Err(io::Error::other("nothing was put aside under that key"));
        };
        let mut bytes = vec![0; piece.length];
        let mut file = &piece.file.file;
        file.seek(SeekFrom::Start(piece.start))?;
        file.read_exact(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let mut jobs = Vec::new();
        while !rest.is_empty() {
            jobs.push(self.decode(&mut rest, config)?);
        }
        Ok(jobs)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<(Rc<Spill>, u64)> {
        let length = bytes.len() as u64;
        if self.on_disk.get() + length > self.most_on_disk {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let spill = match &self.writing {
            Some(spill) if spill.length.get() < LONGEST_FILE => Rc::clone(spill),
            _ => {
                let file = tempfile::tempfile()?;
                let spill = Spill { file, length: Cell::new(0), on_disk: Rc::clone(&self.on_disk) };
                Rc::clone(self.writing.insert(Rc::new(spill)))
            }
        };
        let start = spill.length.get();
        let mut file = &spill.file;
        file.seek(SeekFrom::Start(start))?;
        file.write_all(bytes)?;
        spill.length.set(start + length);
        self.on_disk.set(self.on_disk.get() + length);
        Ok((spill, start))
    }

    /// When it was read, `index`, `line + 1` or 0, `source + 1` or 0, then method, input, credentials, header fields, body
    /// and what is carried, each with its length, and 0 where there is none.
    fn encode(&mut self, job: &Job, bytes: &mut Vec<u8>) {
        let request = &job.request;
        let source = request.source.as_ref().map_or(0, |source| self.number(source) + 1);
        let since = job.waiting_since.saturating_duration_since(self.begun).as_micros() as u64;
        for number in [since, job.index, request.line.map_or(0, |line| line + 1), source] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        put_block(request.method.as_str().as_bytes(), bytes);
        put_block(request.input.as_bytes(), bytes);
        put_block(request.authorization.as_deref().map_or(&[], HeaderValue::as_bytes), bytes);
        put_block(&request.headers.as_deref().map(header_lines).unwrap_or_default(), bytes);
        put_block(request.body.as_deref().unwrap_or(&Bytes::new()), bytes);
        let carried =
            request.carried.as_ref().map(|object| serde_json::to_vec(object).expect("JSON is JSON"));
        put_block(&carried.unwrap_or_default(), bytes);
    }

    fn decode(&self, rest: &mut &[u8], config: &Config) -> io::Result<Job> {
        let since = self.begun + Duration::from_micros(number(rest)?);
        let index = number(rest)?;
        let line = number(rest)?;
        let source = number(rest)?;
        let method = Method::from_bytes(block(rest)?).map_err(|_| damaged())?;
        let mut request = Request::from_bytes(block(rest)?).method(method);
        request.authorization = some(block(rest)?).map(authorization_of).transpose()?;
        request.line = line.checked_sub(1);
        request.source = source.checked_sub(1).and_then(|number| self.sources.get(number as usize).cloned());
        if let Some(lines) = some(block(rest)?) {
            request = request.headers(headers_of(lines)?);
        }
        if let Some(body) = some(block(rest)?) {
            request = request.body(body.to_vec());
        }
        if let Some(object) = some(block(rest)?) {
            request = request.carry(serde_json::from_slice(object).map_err(|_| damaged())?);
        }
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

fn put_block(block: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(block.len() as u64).to_le_bytes());
    bytes.extend_from_slice(block);
}

/// As HTTP/1 has them: a field a line. Neither names nor values can hold a line's end.
fn header_lines(headers: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in headers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.push(b':');
        lines.extend_from_slice(value.as_bytes());
        lines.push(b'\n');
    }
    lines
}

fn headers_of(lines: &[u8]) -> io::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let colon = memchr::memchr(b':', line).ok_or_else(damaged)?;
        let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| damaged())?;
        let value = HeaderValue::from_bytes(&line[colon + 1..]).map_err(|_| damaged())?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn authorization_of(value: &[u8]) -> io::Result<Box<HeaderValue>> {
    let mut value = HeaderValue::from_bytes(value).map_err(|_| damaged())?;
    value.set_sensitive(true);
    Ok(Box::new(value))
}

fn some(block: &[u8]) -> Option<&[u8]> {
    (!block.is_empty()).then_some(block)
}

fn number(rest: &mut &[u8]) -> io::Result<u64> {
    let (bytes, behind) = rest.split_first_chunk().ok_or_else(damaged)?;
    *rest = behind;
    Ok(u64::from_le_bytes(*bytes))
}

fn block<'b>(rest: &mut &'b [u8]) -> io::Result<&'b [u8]> {
    let length = usize::try_from(number(rest)?).map_err(|_| damaged())?;
    let (bytes, behind) = rest.split_at_checked(length).ok_or_else(damaged)?;
    *rest = behind;
    Ok(bytes)
}

fn damaged() -> io::Error {
    io::Error::other("what was put aside does not read as it was written")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn what_is_put_aside_comes_back_whole() {
        let config = Config::default();
        let mut headers = HeaderMap::new();
        headers.append("accept-language", HeaderValue::from_static("de: x"));
        headers.append("accept-language", HeaderValue::from_bytes(b"\xff\t").unwrap());
        let serde_json::Value::Object(carried) = json!({"id": 7, "note": "a\nb"}) else { unreachable!() };
        let requests = [
            Request::new("a.example/1"),
            Request::new("a.example/2").method(Method::POST).body("x\ny").at("list.csv".into(), 3),
            Request::new("a.example/3").headers(headers).carry(carried),
            Request::new("http://me:secret@a.example/4"),
        ];
        let jobs = requests.iter().enumerate().map(|(index, request)| {
            let url = request.url().unwrap().clone();
            Job::new(index as u64, request.clone(), url, &config, Instant::now())
        });
        let mut aside = Aside::new(Instant::now(), u64::MAX);
        assert!(aside.put(1, jobs.collect()).is_ok());
        let back = aside.take(1, &config).unwrap();
        for (index, (job, request)) in back.iter().zip(&requests).enumerate() {
            assert_eq!(job.index, index as u64);
            assert_eq!(format!("{:?}", job.request), format!("{request:?}"));
            assert_eq!(job.request.authorization, request.authorization);
        }
        assert_eq!(back.len(), requests.len());
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_on_the_disk() {
        let config = Config::default();
        let jobs = |count: u64| {
            let request = Request::new("a.example/1");
            let url = request.url().unwrap().clone();
            (0..count)
                .map(|index| Job::new(index, request.clone(), url.clone(), &config, Instant::now()))
                .collect::<Vec<_>>()
        };
        let mut aside = Aside::new(Instant::now(), 100_000);
        let mut taken = 0;
        let given_back = loop {
            match aside.put(taken, jobs(100)) {
                Ok(()) => taken += 1,
                Err((jobs, _)) => break jobs.len(),
            }
        };
        assert!(taken > 3 && given_back == 100, "{taken} pieces, {given_back} jobs back");
        aside.writing = None;
        for key in 0..taken {
            assert_eq!(aside.take(key, &config).unwrap().len(), 100);
        }
        assert!(aside.put(taken, jobs(100)).is_ok(), "what was read again has made room");
    }
}
