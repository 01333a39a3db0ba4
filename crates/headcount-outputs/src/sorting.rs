//! Sorting more than memory holds: what is too much goes in sorted runs to a nameless file, from which it is merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Bytes that are held in memory: of what comes, and later of what is read back.
const MEMORY: usize = 16 << 20;

/// Bytes read at once of a run, as long as there are not very many of them.
const LARGEST_READ: usize = 64 << 10;
const SMALLEST_READ: usize = 4 << 10;

/// Takes what is to be sorted. What has the same key stays in the order in which it came.
pub(crate) struct Sorter<T, K> {
    key: fn(&T) -> K,
    memory: usize,
    /// What came since the last run, as JSON, and where in it each stands.
    held: Vec<u8>,
    places: Vec<(K, Range<usize>)>,
    runs: Vec<Range<u64>>,
    file: Option<File>,
}

/// What was sorted. It can be gone through more than once.
pub(crate) struct Sorted<T, K> {
    key: fn(&T) -> K,
    held: Arc<[u8]>,
    places: Arc<[Range<usize>]>,
    runs: Vec<Range<u64>>,
    file: Option<Arc<Mutex<File>>>,
}

impl<T: Serialize + DeserializeOwned, K: Ord> Sorter<T, K> {
    pub(crate) fn new(key: fn(&T) -> K) -> Sorter<T, K> {
        Sorter::holding(MEMORY, key)
    }

    /// One that holds no more than so many bytes in memory.
    pub(crate) fn holding(memory: usize, key: fn(&T) -> K) -> Sorter<T, K> {
        Sorter { key, memory, held: Vec::new(), places: Vec::new(), runs: Vec::new(), file: None }
    }

    pub(crate) fn add(&mut self, item: &T) -> Result<(), Error> {
        let start = self.held.len();
        serde_json::to_writer(&mut self.held, item).map_err(|error| cannot(error.into()))?;
        self.places.push(((self.key)(item), start..self.held.len()));
        let bytes = self.held.len() + self.places.len() * size_of::<(K, Range<usize>)>();
        if bytes < self.memory { Ok(()) } else { self.write_run().map_err(cannot) }
    }

    pub(crate) fn finish(mut self) -> Sorted<T, K> {
        self.places.sort_by(|(one, _), (other, _)| one.cmp(other));
        Sorted {
            key: self.key,
            held: self.held.into(),
            places: self.places.into_iter().map(|(_, place)| place).collect(),
            runs: self.runs,
            file: self.file.map(|file| Arc::new(Mutex::new(file))),
        }
    }

    fn write_run(&mut self) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        let start = self.runs.last().map_or(0, |run| run.end);
        let mut end = start;
        self.places.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut writer = BufWriter::with_capacity(LARGEST_READ, &file);
        for (_, place) in self.places.drain(..) {
            let text = &self.held[place];
            let length = u32::try_from(text.len()).map_err(io::Error::other)?;
            writer.write_all(&length.to_le_bytes())?;
            writer.write_all(text)?;
            end += 4 + u64::from(length);
        }
        writer.flush()?;
        drop(writer);
        self.held.clear();
        self.runs.push(start..end);
        self.file = Some(file);
        Ok(())
    }
}

impl<T: DeserializeOwned, K: Ord> Sorted<T, K> {
    pub(crate) fn iter(&self) -> Merged<T, K> {
        let at_once = (MEMORY / self.runs.len().max(1)).clamp(SMALLEST_READ, LARGEST_READ);
        let mut sources: Vec<Source> = Vec::with_capacity(self.runs.len() + 1);
        if let Some(file) = &self.file {
            sources.extend(self.runs.iter().map(|run| {
                Source::File(Run {
                    file: file.clone(),
                    left: run.clone(),
                    at_once,
                    read: Vec::new(),
                    used: 0,
                })
            }));
        }
        // The last run is what never had to go to the file.
        sources.push(Source::Memory { held: self.held.clone(), places: self.places.clone(), next: 0 });
        let unread = (0..sources.len()).collect();
        Merged { key: self.key, sources, unread, first: BinaryHeap::new() }
    }
}

/// Everything in its order.
pub(crate) struct Merged<T, K> {
    key: fn(&T) -> K,
    sources: Vec<Source>,
    /// Those of whose next piece nothing is known.
    unread: Vec<usize>,
    first: BinaryHeap<Reverse<First<T, K>>>,
}

/// The first piece of a source that is not given out yet.
struct First<T, K> {
    key: K,
    source: usize,
    item: T,
}

enum Source {
    File(Run),
    Memory { held: Arc<[u8]>, places: Arc<[Range<usize>]>, next: usize },
}

/// A run in the file, of which a part has been read.
struct Run {
    file: Arc<Mutex<File>>,
    left: Range<u64>,
    at_once: usize,
    read: Vec<u8>,
    used: usize,
}

impl<T: DeserializeOwned, K: Ord> Merged<T, K> {
    fn try_next(&mut self) -> io::Result<Option<T>> {
        while let Some(source) = self.unread.pop() {
            if let Some(text) = self.sources[source].next()? {
                let item = serde_json::from_slice(&text)?;
                self.first.push(Reverse(First { key: (self.key)(&item), source, item }));
            }
        }
        let Some(Reverse(First { source, item, .. })) = self.first.pop() else { return Ok(None) };
        self.unread.push(source);
        Ok(Some(item))
    }
}

impl<T: DeserializeOwned, K: Ord> Iterator for Merged<T, K> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Result<T, Error>> {
        self.try_next().map_err(cannot).transpose()
    }
}

impl Source {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Source::File(run) => run.next(),
            Source::Memory { held, places, next } => {
                let place = places.get(*next).cloned();
                *next += 1;
                Ok(place.map(|place| held[place].to_vec()))
            }
        }
    }
}

impl Run {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.used == self.read.len() && self.left.is_empty() {
            return Ok(None);
        }
        let mut length = [0; 4];
        length.copy_from_slice(self.take(4)?);
        let length = u32::from_le_bytes(length) as usize;
        self.take(length).map(|text| Some(text.to_vec()))
    }

    /// The next bytes, which are there: the file is nobody else's.
    fn take(&mut self, count: usize) -> io::Result<&[u8]> {
        let have = self.read.len() - self.used;
        if have < count {
            self.read.drain(..self.used);
            let left = usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX);
            let more = self.at_once.max(count - have).min(left);
            self.read.resize(have + more, 0);
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(self.left.start))?;
            file.read_exact(&mut self.read[have..])?;
            self.left.start += more as u64;
            self.used = 0;
        }
        let start = self.used;
        self.used += count;
        Ok(&self.read[start..self.used])
    }
}

impl<T, K: Ord> Ord for First<T, K> {
    /// Of equal keys, that of the earlier run came first.
    fn cmp(&self, other: &First<T, K>) -> std::cmp::Ordering {
        (&self.key, self.source).cmp(&(&other.key, other.source))
    }
}

impl<T, K: Ord> PartialOrd for First<T, K> {
    fn partial_cmp(&self, other: &First<T, K>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T, K: Ord> PartialEq for First<T, K> {
    fn eq(&self, other: &First<T, K>) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T, K: Ord> Eq for First<T, K> {}

fn cannot(error: io::Error) -> Error {
    Error::writing(&std::env::temp_dir(), error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_fits_into_memory_the_order_is_the_same(
            items in prop::collection::vec((0..20u8, ".{0,30}"), 0..200),
            memory in 1..4_000usize,
        ) {
            let mut sorter = Sorter::holding(memory, |(key, _): &(u8, String)| *key);
            items.iter().try_for_each(|item| sorter.add(item)).unwrap();
            let sorted = sorter.finish();
            let mut expected = items;
            expected.sort_by_key(|(key, _)| *key);
            for _ in 0..2 {
                prop_assert_eq!(&sorted.iter().collect::<Result<Vec<_>, _>>().unwrap(), &expected);
            }
        }
    }

    #[test]
    fn a_piece_may_be_larger_than_what_is_read_at_once() {
        let mut sorter = Sorter::holding(1, |text: &String| text.len());
        for length in [3, 3 * LARGEST_READ, 0, LARGEST_READ] {
            sorter.add(&"x".repeat(length)).unwrap();
        }
        let lengths: Vec<_> = sorter.finish().iter().map(|text| text.unwrap().len()).collect();
        assert_eq!(lengths, [0, 3, LARGEST_READ, 3 * LARGEST_READ]);
    }
}
