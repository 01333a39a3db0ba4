//! A journal as it is found on the disk: what it holds, what of it is damaged, and making it fit to go on.

use std::io;

use crate::Error;
use crate::manifest::{FORMAT, Manifest};
use crate::segment::{
    CHECKPOINT, ENDING, Flaws, Kind, MANIFEST, Place, SET_ASIDE, Seal, is_known, parse_line, scan,
    segment_name, segment_numbers, write_line,
};
use crate::state::{State, read_checkpoint};
use crate::storage::{Storage, StoredFile, TEMPORARY, read_all, replace, temporary, write_all};

/// The index of a line that says what was lost of its own segment, which was written anew.
const MENDED: u64 = 1;

/// What a folder holds.
#[derive(Debug)]
pub enum Found {
    /// No record was written yet, or none was committed that a power failure has left.
    Nothing,
    /// Something was written, and nothing of it can be read. As far as can be seen it was never committed.
    Unreadable(Unreadable),
    /// A run that has not come to its end.
    Unfinished(Box<Unfinished>),
    /// A run that had come to its end, and was killed before it had removed its journal.
    Ended(String),
}

/// What may be a journal, or what a power failure has left of one's beginning.
#[derive(Debug)]
pub struct Unreadable {
    /// The files, each as a whole.
    pub damage: Vec<Damage>,
}

/// A journal that can be gone on with.
#[derive(Debug)]
pub struct Unfinished {
    /// What it is the journal of.
    pub manifest: Manifest,
    /// What is done and what is not.
    pub state: State,
    /// What of it cannot be read.
    pub damage: Vec<Damage>,
    /// Every segment there is.
    pub(crate) segments: Vec<u32>,
    /// Those that a checkpoint covers, with their lengths.
    pub(crate) covered: Vec<(u32, u64)>,
    /// Of the records in the covered segments.
    pub(crate) covered_record_bytes: u64,
    flaws: Vec<(u32, Flaws)>,
}

/// A part of a journal that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file's name.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// The end of a line that was never finished, as a kill or a power failure leaves it.
    pub is_torn: bool,
}

impl Damage {
    fn of_file(name: &str, length: u64) -> Damage {
        Damage { file: name.to_owned(), offset: 0, length, is_torn: false }
    }
}

/// Looks at a journal and changes nothing. With `is_thorough`, checkpoints are not believed and every line is read.
///
/// # Errors
/// It cannot be read, nothing can be made of it ([`Error::is_damaged`]), or a newer version wrote it
/// ([`Error::is_version`]).
pub fn look<S: Storage>(storage: &S, is_thorough: bool) -> Result<Found, Error> {
    let cannot = |error| Error::io("cannot read the journal", error);
    let names = storage.names().map_err(cannot)?;
    let segments = segment_numbers(&names);
    let mut damage = Vec::new();
    if names.iter().any(|name| name == ENDING) {
        let text = read(storage, ENDING).map_err(cannot)?;
        match only_line(&text, Kind::End).and_then(|payload| String::from_utf8(payload).ok()) {
            Some(ending) => return Ok(Found::Ended(ending)),
            // The records are still there unless it was being removed, and can be gone on with.
            None => damage.push(Damage::of_file(ENDING, text.len() as u64)),
        }
    }
    let Some(manifest) = find_manifest(storage, &names, &segments, &mut damage).map_err(cannot)? else {
        return without_manifest(storage, &names, &segments, damage);
    };
    if manifest.format != FORMAT {
        return Err(Error::version(manifest.format));
    }
    let mut found = Unfinished {
        manifest,
        state: State::default(),
        damage,
        segments,
        covered: Vec::new(),
        covered_record_bytes: 0,
        flaws: Vec::new(),
    };
    if !is_thorough && names.iter().any(|name| name == CHECKPOINT) {
        found.read_checkpoint(storage).map_err(cannot)?;
    }
    found.read_segments(storage).map_err(cannot)?;
    Ok(Found::Unfinished(Box::new(found)))
}

fn without_manifest(
    storage: &impl Storage,
    names: &[String],
    segments: &[u32],
    mut damage: Vec<Damage>,
) -> Result<Found, Error> {
    // The manifest takes its place with the first commit. Before that, a power failure may leave anything.
    let was_committed = names.iter().any(|name| name == MANIFEST || name == CHECKPOINT);
    if was_committed && !segments.is_empty() {
        return Err(Error::damaged("neither the manifest nor its copies in the segments can be read"));
    }
    for number in segments {
        let name = segment_name(*number);
        let length = storage.open(&name).and_then(|file| file.length());
        match length.map_err(|error| Error::io("cannot read the journal", error))? {
            0 => {}
            length => damage.push(Damage::of_file(&name, length)),
        }
    }
    Ok(if damage.is_empty() { Found::Nothing } else { Found::Unreadable(Unreadable { damage }) })
}

impl Unreadable {
    /// Gives the files other names, under which nobody takes them for parts of the journal that begins there now. Killed
    /// half-way, it can be done again.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_aside(&self, storage: &impl Storage) -> Result<(), Error> {
        let set_aside = || -> io::Result<()> {
            for damage in &self.damage {
                storage.rename(&damage.file, &free_name(&storage.names()?))?;
            }
            storage.sync_folder()
        };
        set_aside().map_err(|error| Error::io("cannot set aside what cannot be read", error))
    }
}

impl Unfinished {
    fn read_checkpoint(&mut self, storage: &impl Storage) -> io::Result<()> {
        let text = read(storage, CHECKPOINT)?;
        let Some((covered, state)) = read_checkpoint(&text, &Seal::of_checkpoint(self.manifest.id)) else {
            self.damage.push(Damage::of_file(CHECKPOINT, text.len() as u64));
            return Ok(());
        };
        for (number, length) in &covered.segments {
            // Something else has been at the segments: all are read.
            if !self.segments.contains(number) || storage.open(&segment_name(*number))?.length()? != *length {
                return Ok(());
            }
        }
        self.covered = covered.segments;
        self.covered_record_bytes = state.record_bytes;
        self.state = state;
        Ok(())
    }

    fn read_segments(&mut self, storage: &impl Storage) -> io::Result<()> {
        let covered = self.covered.last();
        let mut before =
            covered.map(|(number, length)| Before { number: *number, length: *length, is_mended: false });
        for number in self.open_segments() {
            let file = storage.open(&segment_name(number))?;
            let state = &mut self.state;
            let one_before = before.filter(|before| before.number + 1 == number);
            let (mut end, mut missing, mut is_mended) = (0, 0, false);
            let flaws = scan(&file, Some(&Seal::of(self.manifest.id, number)), |place, line| {
                match line.kind {
                    Kind::Header if place.offset == 0 && number > 0 => {
                        missing = one_before.map_or(line.index, |before| before.missing_of(line.index));
                    }
                    Kind::Lost => is_mended |= line.index == MENDED,
                    _ => {}
                }
                if place.offset > end || (place.offset == 0 && missing > 0) {
                    state.lose();
                }
                end = place.offset + place.length;
                state.apply(line);
                Ok(())
            })?;
            if flaws.damaged.last().is_some_and(|last| last.offset >= end) {
                state.lose();
            }
            if missing > 0 {
                self.note_missing(number - 1, one_before.map_or(0, |before| before.length), missing);
            }
            before = Some(Before { number, length: end, is_mended });
            let torn = flaws.torn.iter().map(|place| (place, true));
            let flawed = flaws.damaged.iter().map(|place| (place, false)).chain(torn);
            self.damage.extend(flawed.map(|(place, is_torn)| Damage {
                file: segment_name(number),
                offset: place.offset,
                length: place.length,
                is_torn,
            }));
            if flaws != Flaws::default() {
                self.flaws.push((number, flaws));
            }
        }
        self.state.end_losing();
        Ok(())
    }

    /// Bytes at the end of a segment that the next one has seen are not there.
    fn note_missing(&mut self, number: u32, offset: u64, length: u64) {
        self.damage.push(Damage { file: segment_name(number), offset, length, is_torn: false });
        match self.flaws.last_mut() {
            Some((last, flaws)) if *last == number => flaws.missing = length,
            _ => self.flaws.push((number, Flaws { missing: length, ..Flaws::default() })),
        }
    }

    /// The segments that no checkpoint covers.
    pub(crate) fn open_segments(&self) -> Vec<u32> {
        let is_covered = |number: &u32| self.covered.iter().any(|(covered, _)| covered == number);
        self.segments.iter().copied().filter(|number| !is_covered(number)).collect()
    }

    /// Cuts off what is torn and sets aside what is damaged, so that it is met once only. Killed half-way, it can be
    /// done again.
    pub(crate) fn repair(&mut self, storage: &impl Storage) -> io::Result<()> {
        for name in storage.names()?.iter().filter(|name| name.ends_with(TEMPORARY) && is_known(name)) {
            storage.remove(name)?;
        }
        // A list that is longer by now may have more names than the manifest: it is written anew in any case.
        replace(storage, MANIFEST, &head(&self.manifest, 0))?;
        for (number, flaws) in std::mem::take(&mut self.flaws) {
            if flaws.damaged.is_empty() && flaws.missing == 0 {
                let file = storage.open(&segment_name(number))?;
                file.set_length(flaws.torn.map_or(file.length()?, |torn| torn.offset))?;
                file.sync()?;
            } else {
                self.set_aside(storage, number, &flaws.damaged)?;
            }
        }
        for damage in &self.damage {
            if damage.file == CHECKPOINT || damage.file == ENDING {
                storage.remove(&damage.file)?;
            }
        }
        storage.sync_folder()
    }

    /// Copies the damaged stretches of a segment to a file of their own, and writes the segment anew without them, and with
    /// a line that says what they may have been about. One that is missing is made.
    fn set_aside(&mut self, storage: &impl Storage, number: u32, damaged: &[Place]) -> io::Result<()> {
        let name = segment_name(number);
        if !self.segments.contains(&number) {
            drop(storage.create(&name)?);
            self.segments.push(number);
            self.segments.sort_unstable();
        }
        let file = storage.open(&name)?;
        let content = read_all(&file)?;
        let mut aside = Vec::new();
        for Place { offset, length } in damaged {
            aside.extend_from_slice(format!("{length} bytes from {offset} of {name}:\n").as_bytes());
            aside.extend_from_slice(&content[*offset as usize..(offset + length) as usize]);
            aside.push(b'\n');
        }
        if !damaged.is_empty() {
            let aside_file = storage.create(&free_name(&storage.names()?))?;
            write_all(&aside_file, &aside, 0)?;
            aside_file.sync()?;
        }
        let length_before = match number.checked_sub(1).filter(|before| self.segments.contains(before)) {
            Some(before) => storage.open(&segment_name(before))?.length()?,
            None => 0,
        };
        let mut kept = head(&self.manifest, length_before);
        let seal = Seal::of(self.manifest.id, number);
        if let Some(lost) = self.state.lost() {
            write_line(&mut kept, &seal, Kind::Lost, MENDED, crate::state::json(lost).as_bytes());
        }
        scan(&file, Some(&seal), |place, line| {
            if line.kind != Kind::Header {
                kept.extend_from_slice(
                    &content[place.offset as usize..(place.offset + place.length) as usize],
                );
            }
            Ok(())
        })?;
        replace(storage, &name, &kept)
    }
}

/// What was found of the segment before.
#[derive(Clone, Copy)]
struct Before {
    number: u32,
    /// Up to the end of its last good line.
    length: u64,
    is_mended: bool,
}

impl Before {
    /// Bytes that it lacks, by what the next one says of its length. Of one that was mended it is known.
    fn missing_of(self, length: u64) -> u64 {
        if self.is_mended { 0 } else { length.saturating_sub(self.length) }
    }
}

/// The line that says what it is the journal of, and how long the segment before is.
pub(crate) fn head(manifest: &Manifest, length_before: u64) -> Vec<u8> {
    let mut head = Vec::new();
    write_line(
        &mut head,
        &Seal::open(),
        Kind::Header,
        length_before,
        crate::state::json(manifest).as_bytes(),
    );
    head
}

/// A name for something that is set aside.
pub(crate) fn free_name(names: &[String]) -> String {
    let mut free = (0..).map(|number| format!("{SET_ASIDE}{number}"));
    free.find(|name| !names.contains(name)).unwrap_or_default()
}

/// The manifest, or what was to take its place, or one of its copies at the head of the segments.
fn find_manifest(
    storage: &impl Storage,
    names: &[String],
    segments: &[u32],
    damage: &mut Vec<Damage>,
) -> io::Result<Option<Manifest>> {
    if names.iter().any(|name| name == MANIFEST) {
        let text = read(storage, MANIFEST)?;
        match manifest_of(&text) {
            Some(manifest) => return Ok(Some(manifest)),
            None => damage.push(Damage::of_file(MANIFEST, text.len() as u64)),
        }
    }
    let unfinished = temporary(MANIFEST);
    if names.contains(&unfinished)
        && let Some(manifest) = manifest_of(&read(storage, &unfinished)?)
    {
        return Ok(Some(manifest));
    }
    for number in segments.iter().rev() {
        let mut head = None;
        let file = storage.open(&segment_name(*number))?;
        let mut text = vec![0; 1 << 20];
        let count = file.read_at(&mut text, 0)?;
        if let Some(end) = memchr::memchr(b'\n', &text[..count]) {
            head = manifest_of(&text[..=end]);
        }
        if head.is_some() {
            return Ok(head);
        }
    }
    Ok(None)
}

fn manifest_of(text: &[u8]) -> Option<Manifest> {
    serde_json::from_slice(&only_line(text, Kind::Header)?).ok()
}

/// The payload of a file of one line.
pub(crate) fn only_line(text: &[u8], kind: Kind) -> Option<Vec<u8>> {
    let line = parse_line(text.strip_suffix(b"\n")?, &Seal::open())?;
    (line.kind == kind).then(|| line.payload.to_vec())
}

fn read(storage: &impl Storage, name: &str) -> io::Result<Vec<u8>> {
    read_all(&storage.open(name)?)
}
