//! A segment: lines with a checksum each. Writing one, reading them all, and telling the good from the damaged.

use std::io;

use crc32fast::Hasher;
use memchr::memchr;

use crate::done::HIGHEST;
use crate::storage::{StoredFile, TEMPORARY};

pub(crate) const MANIFEST: &str = "manifest";
pub(crate) const CHECKPOINT: &str = "checkpoint";
pub(crate) const ENDING: &str = "ended";
pub(crate) const SEGMENT: &str = "segment-";
pub(crate) const SET_ASIDE: &str = "set-aside-";
pub(crate) const SPOOL: &str = "spool-";

/// Eight digits of checksum, a blank, the kind, a blank.
const PREFIX: usize = 11;

/// Bytes read at once.
const WINDOW: usize = 1 << 20;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first line of a segment: the manifest, and as its index the length of the segment before.
    Header,
    /// The record of an input, which is done.
    Record,
    /// A record to show as long as there is no better one: the input is not done.
    Provisional,
    /// The input is to be done again. Its record stays until there is another.
    Reopened,
    /// The input is about to be worked on, which is not safe to repeat.
    Intent,
    /// How far an input list has been read.
    Input,
    /// Lines were lost before it, and what of the lists they may have been about.
    Lost,
    /// Of a checkpoint: what it covers.
    Covered,
    /// Of a checkpoint: ranges of what is done.
    Ranges,
    /// Of a checkpoint: a chunk of what is done, bit by bit.
    Bits,
    /// How a run ended; the last line of a checkpoint.
    End,
}

impl Kind {
    const LETTERS: &[(Kind, u8)] = &[
        (Kind::Header, b'h'),
        (Kind::Record, b'r'),
        (Kind::Provisional, b'p'),
        (Kind::Reopened, b'x'),
        (Kind::Intent, b'i'),
        (Kind::Input, b'f'),
        (Kind::Lost, b'l'),
        (Kind::Covered, b'c'),
        (Kind::Ranges, b'd'),
        (Kind::Bits, b'b'),
        (Kind::End, b'e'),
    ];

    fn letter(self) -> u8 {
        Kind::LETTERS.iter().find(|(kind, _)| *kind == self).map_or(b'?', |(_, letter)| *letter)
    }

    fn from_letter(letter: u8) -> Option<Kind> {
        Kind::LETTERS.iter().find(|(_, known)| *known == letter).map(|(kind, _)| *kind)
    }
}

/// What the checksums of a file begin with, so that lines of another journal or another segment, which a disk may bring
/// back after a power failure, are not taken for this one's.
#[derive(Clone, Debug)]
pub(crate) struct Seal(Hasher);

impl Seal {
    /// For what must be readable when nothing else is known.
    pub(crate) fn open() -> Seal {
        Seal(Hasher::new())
    }

    pub(crate) fn of(journal: u64, file: u32) -> Seal {
        let mut hasher = Hasher::new();
        hasher.update(&journal.to_le_bytes());
        hasher.update(&file.to_le_bytes());
        Seal(hasher)
    }

    pub(crate) fn of_checkpoint(journal: u64) -> Seal {
        Seal::of(journal, u32::MAX)
    }

    fn checksum(&self, text: &[u8]) -> u32 {
        let mut hasher = self.0.clone();
        hasher.update(text);
        hasher.finalize()
    }
}

/// A line that is as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) kind: Kind,
    pub(crate) index: u64,
    pub(crate) payload: &'a [u8],
}

/// Adds `CHECKSUM KIND INDEX PAYLOAD` with its line end.
pub(crate) fn write_line(text: &mut Vec<u8>, seal: &Seal, kind: Kind, index: u64, payload: &[u8]) {
    let start = text.len();
    text.extend_from_slice(b"00000000 ");
    text.extend_from_slice(&[kind.letter(), b' ']);
    write_number(text, index);
    if !payload.is_empty() {
        text.push(b' ');
        text.extend_from_slice(payload);
    }
    let checksum = seal.checksum(&text[start + 9..]);
    for (position, digit) in text[start..start + 8].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(checksum >> (28 - 4 * position) & 0xf) as usize];
    }
    text.push(b'\n');
}

/// Decimal digits, of which every line has some: formatting in general takes several times as long.
fn write_number(text: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[start..]);
}

/// Of decimal digits; `None` if they are none, or too many for an index.
fn parse_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let number = number * 10 + u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        (number < HIGHEST).then_some(number)
    })
}

/// A line without its end; `None` if it is damaged.
pub(crate) fn parse_line<'a>(line: &'a [u8], seal: &Seal) -> Option<Line<'a>> {
    parse_unchecked(line).filter(|_| checksum_of(line) == Some(seal.checksum(&line[9..])))
}

/// The checksum that a line bears.
fn checksum_of(line: &[u8]) -> Option<u32> {
    let mut checksum = 0;
    for digit in line.get(..8)? {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        checksum = checksum << 4 | u32::from(value);
    }
    Some(checksum)
}

/// The same without a look at the checksum.
fn parse_unchecked(line: &[u8]) -> Option<Line<'_>> {
    if line.len() <= PREFIX || line[8] != b' ' || line[10] != b' ' {
        return None;
    }
    let kind = Kind::from_letter(line[9])?;
    let rest = &line[PREFIX..];
    let end = memchr(b' ', rest).unwrap_or(rest.len());
    let index = parse_number(&rest[..end])?;
    let payload = rest.get(end + 1..).unwrap_or_default();
    Some(Line { kind, index, payload })
}

/// Where a line stands in its segment, its end included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// What is not as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flaws {
    /// Stretches that are no good lines.
    pub(crate) damaged: Vec<Place>,
    /// An unfinished line at the end.
    pub(crate) torn: Option<Place>,
    /// Bytes that are missing at the end, by what the next segment says.
    pub(crate) missing: u64,
}

impl Flaws {
    fn add(&mut self, place: Place) {
        match self.damaged.last_mut() {
            Some(last) if last.offset + last.length == place.offset => last.length += place.length,
            _ => self.damaged.push(place),
        }
    }
}

/// Reads a segment from its start, and calls `each` with every good line in order. Without a seal, checksums are not
/// compared: whoever fetches the lines by their places has to.
pub(crate) fn scan(
    file: &impl StoredFile,
    seal: Option<&Seal>,
    mut each: impl FnMut(Place, Line<'_>) -> io::Result<()>,
) -> io::Result<Flaws> {
    let header_seal = Seal::open();
    let mut flaws = Flaws::default();
    let mut window = vec![0; WINDOW];
    // The window holds `filled` bytes from `start` of the file on.
    let (mut start, mut filled) = (0_u64, 0_usize);
    loop {
        if filled == window.len() {
            // A line that is longer than the window.
            window.resize(2 * filled, 0);
        }
        let count = match file.read_at(&mut window[filled..], start + filled as u64) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        if count == 0 {
            break;
        }
        let (mut used, mut searched) = (0, filled);
        filled += count;
        while let Some(end) = memchr(b'\n', &window[searched..filled]) {
            let end = searched + end;
            let place = Place { offset: start + used as u64, length: (end + 1 - used) as u64 };
            let text = &window[used..end];
            let line = match (place.offset, seal) {
                (0, _) => parse_line(text, &header_seal).filter(|line| line.kind == Kind::Header),
                (_, Some(seal)) => parse_line(text, seal),
                (_, None) => parse_unchecked(text),
            };
            match line {
                Some(line) => each(place, line)?,
                None => flaws.add(place),
            }
            used = end + 1;
            searched = used;
        }
        window.copy_within(used..filled, 0);
        start += used as u64;
        filled -= used;
    }
    if filled > 0 {
        let place = Place { offset: start, length: filled as u64 };
        // A line that is whole but for its end was written with one.
        match seal.and_then(|seal| parse_line(&window[..filled - 1], seal)) {
            Some(_) => flaws.add(place),
            None => flaws.torn = Some(place),
        }
    }
    Ok(flaws)
}

/// Whether a journal makes files of this name.
pub(crate) fn is_known(name: &str) -> bool {
    let name = name.strip_suffix(TEMPORARY).unwrap_or(name);
    [MANIFEST, CHECKPOINT, ENDING].contains(&name)
        || [SEGMENT, SET_ASIDE, SPOOL].iter().any(|prefix| {
            name.strip_prefix(prefix)
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        })
}

pub(crate) fn segment_name(number: u32) -> String {
    format!("{SEGMENT}{number:06}")
}

/// The numbers of the segments among these names, in order. Other ways to write a number are no names of ours.
pub(crate) fn segment_numbers(names: &[String]) -> Vec<u32> {
    let number_of = |name: &String| {
        let number = name.strip_prefix(SEGMENT)?.parse().ok()?;
        (*name == segment_name(number)).then_some(number)
    };
    let mut numbers: Vec<u32> = names.iter().filter_map(number_of).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let seal = Seal::of(7, 1);
        let mut text = Vec::new();
        write_line(&mut text, &seal, Kind::Record, 17, b"{\"a b\":1}");
        write_line(&mut text, &seal, Kind::Reopened, 3, b"");
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let line = parse_line(lines[0], &seal).unwrap();
        assert_eq!((line.kind, line.index, line.payload), (Kind::Record, 17, &b"{\"a b\":1}"[..]));
        let line = parse_line(lines[1], &seal).unwrap();
        assert_eq!((line.kind, line.index, line.payload), (Kind::Reopened, 3, &b""[..]));
        assert!(parse_line(lines[0], &Seal::of(7, 2)).is_none(), "another segment's line");
        assert!(parse_line(lines[0], &Seal::of(8, 1)).is_none(), "another journal's line");
    }

    #[test]
    fn every_index_is_written_and_read_and_nothing_else_is_one() {
        for index in [0, 1, 9, 10, 99, 65_535, 1_000_000_000, HIGHEST - 1] {
            let mut text = Vec::new();
            write_number(&mut text, index);
            assert_eq!(text, index.to_string().as_bytes());
            assert_eq!(parse_number(&text), Some(index));
        }
        for text in [
            String::new(),
            "+1".into(),
            "-1".into(),
            "1a".into(),
            "/".into(),
            ":".into(),
            HIGHEST.to_string(),
            "9".repeat(40),
        ] {
            assert_eq!(parse_number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let seal = Seal::of(7, 1);
        let mut text = Vec::new();
        write_line(&mut text, &seal, Kind::Record, 17, b"{\"index\":17}");
        text.pop();
        for position in 0..text.len() {
            for change in 1..=255 {
                let mut changed = text.clone();
                changed[position] ^= change;
                assert!(parse_line(&changed, &seal).is_none(), "{position} {change}");
            }
        }
    }
}
