//! Reading the lists of a run that keeps a journal: how far, what the next run may compare; what is done already is
//! passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crc32fast::Hasher;
use headcount::list::{List, ListOptions, MAGIC_BYTES, is_compressed};
use headcount::{Error, Request};
use headcount_journal::{DoneSet, Extent};

use crate::inputs::{Input, Source, list};
use crate::terminal::Problem;

use super::copies::{Copies, checksum};
use super::expected::Expected;

/// With this field a server knows a request that comes again.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How far each list has been read, for the thread that writes the journal.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    of_inputs: Mutex<BTreeMap<usize, Extent>>,
    changes: AtomicU64,
}

impl Extents {
    fn set(&self, number: usize, extent: Extent) {
        self.of_inputs.lock().unwrap_or_else(PoisonError::into_inner).insert(number, extent);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// What has changed since this was asked with the same `seen`. Most often nothing has.
    pub(crate) fn news(&self, seen: &mut u64) -> Option<BTreeMap<usize, Extent>> {
        let changes = self.changes.load(Ordering::Acquire);
        if changes == *seen {
            return None;
        }
        *seen = changes;
        Some(std::mem::take(&mut self.of_inputs.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// What an earlier run has left to do.
#[derive(Default)]
pub(crate) struct Rest {
    pub(crate) done: DoneSet,
    /// Not to be sent again.
    pub(crate) in_doubt: BTreeSet<u64>,
    /// What the lists must have, as far as that is not known by how far they were read.
    pub(crate) expected: Option<Expected>,
}

/// Makes ready what is to be read. `read_before` says how far an earlier run has come with each input, of which it had
/// `inputs_before`; of an input that cannot be read twice there is a copy.
pub(crate) fn sources(
    inputs: Vec<Input>,
    inputs_before: usize,
    lists: &ListOptions,
    read_before: &BTreeMap<u64, Extent>,
    copies: &mut Copies<'_>,
    extents: &Arc<Extents>,
) -> Result<Vec<Source>, Problem> {
    let is_longer = inputs.len() > inputs_before;
    let mut sources = Vec::new();
    for (number, input) in inputs.into_iter().enumerate() {
        let before = read_before.get(&(number as u64)).copied().unwrap_or_default();
        // Only the end of everything may grow: else all that follows would have other places.
        let may_grow = number + 1 == inputs_before && !is_longer;
        let watch = |bytes: Box<dyn Read + Send>| Watched {
            bytes,
            number,
            before,
            extent: Extent::default(),
            checksum: Hasher::new(),
            extents: Arc::clone(extents),
        };
        let (name, bytes): (String, Box<dyn Read + Send>) = match input {
            Input::Url(request) => {
                sources.push(Source::Url(Box::new(lists.complete(request))));
                continue;
            }
            Input::File { file, name } if file.metadata().is_ok_and(|metadata| metadata.is_file()) => {
                compare(&file, &name, before, may_grow)?;
                (name, Box::new(file))
            }
            Input::File { file, name } => {
                let bytes = copies.reading(number, Box::new(file), &name, before)?;
                (name, Box::new(bytes))
            }
            Input::Standard => {
                let bytes = copies.reading(number, Box::new(io::stdin()), "standard input", before)?;
                ("-".to_owned(), Box::new(bytes))
            }
        };
        sources.push(Source::List(Box::new(list(watch(bytes), &name, lists)?)));
    }
    Ok(sources)
}

/// The requests of all sources, one after another, read as they are needed, without those that are done.
pub(crate) fn requests(
    sources: Vec<Source>,
    mut rest: Rest,
) -> impl Iterator<Item = Result<Request, Error>> + Send {
    let mut sources = sources.into_iter();
    let mut list: Option<Box<List>> = None;
    let mut next_index = 0;
    std::iter::from_fn(move || {
        loop {
            let index = next_index;
            let is_done = rest.done.contains(index);
            let request = match &mut list {
                Some(lines) if is_done && rest.expected.is_none() => match lines.pass_over() {
                    Some(Ok(())) => None,
                    Some(Err(error)) => return Some(Err(error)),
                    None => {
                        list = None;
                        continue;
                    }
                },
                Some(lines) => match lines.next() {
                    Some(Ok(request)) => Some(request),
                    Some(Err(error)) => return Some(Err(error)),
                    None => {
                        list = None;
                        continue;
                    }
                },
                None => match sources.next() {
                    Some(Source::Url(request)) => Some(*request),
                    Some(Source::List(next)) => {
                        list = Some(next);
                        continue;
                    }
                    None => {
                        let expected = rest.expected.take()?;
                        let is_short = index < expected.count();
                        return is_short.then(|| Err(another_list(index, "is missing")));
                    }
                },
            };
            next_index += 1;
            let Some(request) = request else { continue };
            match rest.expected.as_mut().map(|expected| expected.is_next(&request)) {
                None | Some(Ok(true)) => {}
                Some(Ok(false)) => return Some(Err(another_list(index, "is not what the output has there"))),
                Some(Err(error)) => {
                    return Some(Err(Error::input(format!("cannot compare the lists: {error}"))));
                }
            }
            if is_done {
                continue;
            }
            let has_key = || request.own_headers().is_some_and(|fields| fields.contains_key(IDEMPOTENCY_KEY));
            let is_in_doubt = rest.in_doubt.contains(&index) && !has_key();
            let request = request.index(index);
            return Some(Ok(if is_in_doubt { request.in_doubt() } else { request }));
        }
    })
}

fn another_list(index: u64, how: &str) -> Error {
    Error::input(format!("input {index} {how}: is this another list?"))
}

/// A list whose reading is noted.
struct Watched {
    bytes: Box<dyn Read + Send>,
    number: usize,
    /// How far an earlier run had read it, which is known.
    before: Extent,
    extent: Extent,
    checksum: Hasher,
    extents: Arc<Extents>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        self.checksum.update(&buffer[..count]);
        self.extent.bytes += count as u64;
        self.extent.checksum = self.checksum.clone().finalize();
        self.extent.is_whole = count == 0;
        if self.extent.reach() > self.before.reach() {
            self.extents.set(self.number, self.extent);
        }
        Ok(count)
    }
}

/// Whether a list still begins as an earlier run has read it.
fn compare(mut file: &File, name: &str, before: Extent, may_grow: bool) -> Result<(), Problem> {
    let cannot =
        |error: io::Error| Problem::usage(format!("cannot read {name}: {error}"), "look at who may read it");
    let (checksum, last) = checksum(&mut file.take(before.bytes)).map_err(cannot)?;
    if checksum != before.checksum {
        return Err(Problem::usage(
            format!("{name} has changed within the {} bytes that the journal's run had read", before.bytes),
            "put the list back as it was, or start afresh with --restart",
        ));
    }
    let mut next = [0];
    if before.is_whole && file.read(&mut next).map_err(cannot)? > 0 {
        let is_line_longer = before.bytes > 0 && last != Some(b'\n') && next != *b"\n";
        let what = match () {
            // Where its last line ends cannot be seen.
            () if is_compressed(&beginning(file).map_err(cannot)?) => "it is compressed",
            () if is_line_longer => "its last line is longer",
            () if !may_grow => "other inputs follow it",
            () => "",
        };
        if !what.is_empty() {
            return Err(Problem::usage(
                format!("{name} has grown since the journal's run had read it, and {what}"),
                "put the list back as it was, or start afresh with --restart",
            ));
        }
    }
    file.rewind().map_err(cannot)
}

/// The bytes by which a compressed list is known.
fn beginning(mut file: &File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut beginning = Vec::new();
    file.take(MAGIC_BYTES as u64).read_to_end(&mut beginning)?;
    Ok(beginning)
}
