//! Reading the lists of a run that keeps a journal: how far, what the next run may compare; what is done already is
//! passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crc32fast::Hasher;
use headcount::list::{List, ListOptions, MAGIC_BYTES, is_compressed};
use headcount::{Error, Request};
use headcount_journal::{DoneSet, Extent, Journal, Reach};

use crate::inputs::{Input, Source, list};
use crate::terminal::Problem;

use super::copies::{Copies, checksum};
use super::expected::Expected;

/// With this field a server knows a request that comes again.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How far each list has been read, for the threads that write the journal, and where in them it has lost something.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    of_inputs: Mutex<BTreeMap<usize, Extent>>,
    changes: AtomicU64,
    /// What of the changes is in the journal.
    noted: AtomicU64,
    /// Where an earlier run may have sent what nothing is known of.
    lost: Option<Reach>,
    /// Bytes that were read so far of lists with such a place.
    read: Mutex<BTreeMap<usize, u64>>,
}

impl Extents {
    pub(super) fn with_lost(lost: Option<Reach>) -> Extents {
        Extents { lost, ..Extents::default() }
    }

    fn set(&self, number: usize, extent: Extent) {
        lock(&self.of_inputs).insert(number, extent);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Notes what has changed since the last time. Most often nothing has. To be called before what came of it is noted,
    /// while nobody else writes to the journal.
    pub(super) fn note(&self, journal: &mut Journal) -> Result<(), headcount_journal::Error> {
        let changes = self.changes.load(Ordering::Acquire);
        if changes == self.noted.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.noted.store(changes, Ordering::Relaxed);
        let news = std::mem::take(&mut *lock(&self.of_inputs));
        news.into_iter().try_for_each(|(number, extent)| journal.input(number, extent))
    }

    /// The place in a list up to which requests may have been sent of which nothing is known.
    fn end_of_lost(&self, number: usize) -> Option<u64> {
        match self.lost.as_ref()? {
            Reach::Lists(lists) => lists.get(&(number as u64)).copied(),
            Reach::Everything => None,
        }
    }

    /// Whether the request that was read last, of this input, may be one of them.
    fn may_be_lost(&self, number: usize, is_list: bool) -> bool {
        match &self.lost {
            None => false,
            Some(Reach::Everything) => true,
            Some(Reach::Lists(_)) if !is_list => true,
            Some(Reach::Lists(_)) => {
                let read = lock(&self.read).get(&number).copied().unwrap_or_default();
                self.end_of_lost(number).is_some_and(|end| read <= end + BEHIND_LOST)
            }
        }
    }
}

/// A last line without an end shows to be whole only when the next byte is read.
const BEHIND_LOST: u64 = 1;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an earlier run has left to do.
#[derive(Default)]
pub(crate) struct Rest {
    pub(crate) done: DoneSet,
    /// Not to be sent again.
    pub(crate) in_doubt: BTreeSet<u64>,
    /// Where nothing may be sent that is not safe to repeat. `None`: that does not matter.
    pub(crate) lost: Option<Arc<Extents>>,
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
    let (mut next_index, mut next_source) = (0, 0);
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
                    Some(Source::Url(request)) => {
                        next_source += 1;
                        Some(*request)
                    }
                    Some(Source::List(next)) => {
                        next_source += 1;
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
            let may_be_lost = |extents: &Arc<Extents>| {
                !request.is_safe() && extents.may_be_lost(next_source - 1, list.is_some())
            };
            let is_in_doubt =
                (rest.in_doubt.contains(&index) || rest.lost.as_ref().is_some_and(may_be_lost)) && !has_key();
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
        // What stands before that place must be told from what follows it.
        let end_of_lost = self.extents.end_of_lost(self.number).map(|end| end + BEHIND_LOST);
        let room = end_of_lost.and_then(|end| end.checked_sub(self.extent.bytes)).filter(|room| *room > 0);
        let longest =
            room.map_or(buffer.len(), |room| buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
        let count = self.bytes.read(&mut buffer[..longest])?;
        self.checksum.update(&buffer[..count]);
        self.extent.bytes += count as u64;
        self.extent.checksum = self.checksum.clone().finalize();
        self.extent.is_whole = count == 0;
        if end_of_lost.is_some() {
            lock(&self.extents.read).insert(self.number, self.extent.bytes);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the requests are in doubt, by their index.
    fn in_doubt(text: &'static str, method: http::Method, lost: Reach) -> Vec<bool> {
        let extents = Arc::new(Extents::with_lost(Some(lost)));
        let watched = Watched {
            bytes: Box::new(text.as_bytes()),
            number: 0,
            before: Extent::default(),
            extent: Extent::default(),
            checksum: Hasher::new(),
            extents: Arc::clone(&extents),
        };
        let mut lists = ListOptions::default();
        lists.method = Some(method);
        let list = list(Box::new(watched), "urls.txt", &lists).ok().map(Box::new);
        let rest = Rest { lost: Some(extents), ..Rest::default() };
        requests(list.map(Source::List).into_iter().collect(), rest)
            .map(|request| format!("{:?}", request.unwrap()).contains("is_in_doubt: true"))
            .collect()
    }

    #[test]
    fn what_may_be_lost_ends_where_the_list_had_been_read() {
        let text = "http://a/\nhttp://b/\nhttp://c/\nhttp://d/\n";
        let up_to = |bytes| Reach::Lists(BTreeMap::from([(0, bytes)]));
        for (bytes, count) in [(0, 0), (9, 1), (10, 1), (19, 2), (20, 2), (39, 4), (40, 4), (90, 4)] {
            let expected: Vec<bool> = (0..4).map(|index| index < count).collect();
            assert_eq!(in_doubt(text, http::Method::POST, up_to(bytes)), expected, "{bytes} bytes");
        }
        assert_eq!(in_doubt(text, http::Method::POST, Reach::Everything), [true; 4]);
        assert_eq!(in_doubt(text, http::Method::GET, Reach::Everything), [false; 4]);
        assert_eq!(in_doubt(text, http::Method::POST, Reach::Lists(BTreeMap::new())), [false; 4]);
    }
}
