//! Which indices are done: a set of a hundred million numbers in little memory.

/// Indices in a chunk. Whole chunks, which are most of them in a list that is worked off in order, take no memory.
pub(crate) const CHUNK: u64 = 1 << 16;

/// No index is as high: it bounds what a forged journal can make us allocate.
pub(crate) const HIGHEST: u64 = 1 << 36;

const WORDS: usize = (CHUNK / 64) as usize;

/// A chunk with more ranges than this is shorter as bits.
const MOST_RANGES: usize = 1_000;

/// A part of the set.
pub(crate) enum Piece<'a> {
    /// First and last.
    Range(u64, u64),
    /// The number of a chunk, and its bits.
    Bits(u64, &'a [u64; WORDS]),
}

/// An index that no journal has.
#[derive(Debug, PartialEq)]
pub(crate) struct OutOfBounds;

/// A set of indices.
#[derive(Clone, Debug, Default)]
pub struct DoneSet {
    chunks: Vec<Chunk>,
    count: u64,
}

#[derive(Clone, Debug, Default)]
enum Chunk {
    #[default]
    Empty,
    Some(Box<Bits>),
    Full,
}

#[derive(Clone, Debug)]
struct Bits {
    words: [u64; WORDS],
    count: u64,
}

impl DoneSet {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether `index` is one of them.
    pub fn contains(&self, index: u64) -> bool {
        match self.chunks.get((index / CHUNK) as usize) {
            None | Some(Chunk::Empty) => false,
            Some(Chunk::Full) => true,
            Some(Chunk::Some(bits)) => {
                let (word, mask) = place(index);
                bits.words[word] & mask != 0
            }
        }
    }

    /// The ranges, first and last, in order.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        let chunks = self.chunks.iter().enumerate();
        let mut chunk_ranges = chunks.flat_map(|(number, chunk)| ranges_of(number, chunk)).peekable();
        std::iter::from_fn(move || {
            let (first, mut last) = chunk_ranges.next()?;
            while let Some((_, later)) = chunk_ranges.next_if(|(next, _)| *next == last + 1) {
                last = later;
            }
            Some((first, last))
        })
    }

    /// Returns whether it is new.
    ///
    /// # Panics
    /// If `index` is not below [`HIGHEST`].
    pub(crate) fn insert(&mut self, index: u64) -> bool {
        assert!(index < HIGHEST, "an index of {index}");
        let chunk = self.chunk(index);
        if matches!(chunk, Chunk::Empty) {
            *chunk = Chunk::Some(Box::new(Bits { words: [0; WORDS], count: 0 }));
        }
        let Chunk::Some(bits) = chunk else { return false };
        let (word, mask) = place(index);
        let is_new = bits.words[word] & mask == 0;
        bits.words[word] |= mask;
        bits.count += u64::from(is_new);
        if bits.count == CHUNK {
            *chunk = Chunk::Full;
        }
        self.count += u64::from(is_new);
        is_new
    }

    /// # Errors
    /// The range is none, or goes too high.
    pub(crate) fn insert_range(&mut self, first: u64, last: u64) -> Result<(), OutOfBounds> {
        if first > last || last >= HIGHEST {
            return Err(OutOfBounds);
        }
        let mut index = first;
        while index <= last {
            let end_of_chunk = index - index % CHUNK + (CHUNK - 1);
            if index.is_multiple_of(CHUNK) && end_of_chunk <= last {
                let had = match std::mem::replace(self.chunk(index), Chunk::Full) {
                    Chunk::Empty => 0,
                    Chunk::Some(bits) => bits.count,
                    Chunk::Full => CHUNK,
                };
                self.count += CHUNK - had;
                index = end_of_chunk + 1;
            } else {
                self.insert(index);
                index += 1;
            }
        }
        Ok(())
    }

    /// A chunk as [`Piece::Bits`] has it, in hexadecimal digits; `None` if they are none.
    pub(crate) fn insert_bits(&mut self, chunk: u64, digits: &[u8]) -> Option<()> {
        let digits = std::str::from_utf8(digits).ok()?;
        if digits.len() != 16 * WORDS || !digits.is_ascii() || chunk >= HIGHEST / CHUNK {
            return None;
        }
        for number in 0..WORDS {
            let word = u64::from_str_radix(&digits[16 * number..16 * (number + 1)], 16).ok()?;
            for bit in (0..64).filter(|bit| word >> bit & 1 == 1) {
                self.insert(chunk * CHUNK + number as u64 * 64 + bit);
            }
        }
        Some(())
    }

    /// How many chunks it takes, whatever is in them.
    pub(crate) fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    /// All of it, in the shortest form.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.chunks.iter().enumerate().flat_map(|(number, chunk)| {
            let bits = match chunk {
                Chunk::Some(bits) if ranges_of(number, chunk).count() > MOST_RANGES => Some(bits),
                _ => None,
            };
            let ranges = ranges_of(number, chunk).take(if bits.is_some() { 0 } else { usize::MAX });
            let bits = bits.map(|bits| Piece::Bits(number as u64, &bits.words));
            bits.into_iter().chain(ranges.map(|(first, last)| Piece::Range(first, last)))
        })
    }

    fn chunk(&mut self, index: u64) -> &mut Chunk {
        let number = (index / CHUNK) as usize;
        if number >= self.chunks.len() {
            self.chunks.resize_with(number + 1, Chunk::default);
        }
        &mut self.chunks[number]
    }

    /// Returns whether it was there.
    pub(crate) fn remove(&mut self, index: u64) -> bool {
        if !self.contains(index) {
            return false;
        }
        let chunk = &mut self.chunks[(index / CHUNK) as usize];
        if matches!(chunk, Chunk::Full) {
            *chunk = Chunk::Some(Box::new(Bits { words: [u64::MAX; WORDS], count: CHUNK }));
        }
        if let Chunk::Some(bits) = chunk {
            let (word, mask) = place(index);
            bits.words[word] &= !mask;
            bits.count -= 1;
            self.count -= 1;
        }
        true
    }
}

/// The ranges of one chunk.
fn ranges_of(number: usize, chunk: &Chunk) -> impl Iterator<Item = (u64, u64)> {
    let start = number as u64 * CHUNK;
    let mut next = 0;
    std::iter::from_fn(move || {
        let (first, last) = match chunk {
            Chunk::Empty => return None,
            Chunk::Full if next == 0 => (0, CHUNK - 1),
            Chunk::Full => return None,
            Chunk::Some(bits) => {
                let first = bits.next(next, true)?;
                (first, bits.next(first, false).unwrap_or(CHUNK) - 1)
            }
        };
        next = last + 1;
        Some((start + first, start + last))
    })
}

impl Bits {
    /// The first position from `from` on whose bit is `is_set`.
    fn next(&self, from: u64, is_set: bool) -> Option<u64> {
        let mut position = from;
        while position < CHUNK {
            let word = self.words[(position / 64) as usize];
            let word = if is_set { word } else { !word } >> (position % 64);
            if word != 0 {
                return Some(position + u64::from(word.trailing_zeros()));
            }
            position = (position / 64 + 1) * 64;
        }
        None
    }
}

fn place(index: u64) -> (usize, u64) {
    ((index % CHUNK / 64) as usize, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(steps in prop::collection::vec((0..3_u64, 0..3 * CHUNK, 0..2_000_u64), 0..40)) {
            let (mut set, mut model) = (DoneSet::default(), BTreeSet::new());
            for (what, first, length) in steps {
                match what {
                    0 => prop_assert_eq!(set.insert(first), model.insert(first)),
                    1 => prop_assert_eq!(set.remove(first), model.remove(&first)),
                    _ => {
                        set.insert_range(first, first + 40 * length).unwrap();
                        model.extend(first..=first + 40 * length);
                    }
                }
            }
            prop_assert_eq!(set.len(), model.len() as u64);
            let listed: Vec<u64> = set.ranges().flat_map(|(first, last)| first..=last).collect();
            prop_assert!(model.iter().copied().eq(listed));
            let ranges: Vec<_> = set.ranges().collect();
            let mut copy = DoneSet::default();
            for piece in set.pieces() {
                match piece {
                    Piece::Range(first, last) => copy.insert_range(first, last).unwrap(),
                    Piece::Bits(chunk, words) => {
                        let digits: String = words.iter().map(|word| format!("{word:016x}")).collect();
                        copy.insert_bits(chunk, digits.as_bytes()).unwrap();
                    }
                }
            }
            prop_assert!(copy.ranges().eq(ranges.iter().copied()));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", ranges);
        }
    }

    #[test]
    fn what_is_done_in_order_takes_no_memory() {
        let mut set = DoneSet::default();
        for index in 0..3 * CHUNK {
            set.insert(index);
        }
        assert!(set.chunks.iter().all(|chunk| matches!(chunk, Chunk::Full)));
        assert_eq!(set.ranges().collect::<Vec<_>>(), [(0, 3 * CHUNK - 1)]);
    }
}
