//! What the lines of a journal add up to, and the checkpoint, which saves reading them all again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::done::{CHUNK, DoneSet, Piece};
use crate::manifest::Extent;
use crate::segment::{Kind, Line, Seal, parse_line, write_line};

/// Ranges in a line of a checkpoint.
const RANGES_IN_A_LINE: usize = 1_000;

/// About as long is a line of a checkpoint that has a chunk bit by bit.
const BITS_LINE: usize = CHUNK as usize / 4 + 32;

/// What is known once lines were read.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) done: DoneSet,
    pub(crate) intents: BTreeSet<u64>,
    pub(crate) inputs: BTreeMap<u64, Extent>,
    /// Of all records, with a line end each.
    pub(crate) record_bytes: u64,
    pub(crate) has_reopened: bool,
    /// No record has an index from here on.
    pub(crate) end: u64,
    /// Where intents may have been among lines that were lost.
    lost: Option<Reach>,
    /// Lines were lost, and nothing after them says yet how far the lists had been read.
    is_losing: bool,
}

/// How far into the lists something goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// As many bytes of each list, by its number.
    Lists(BTreeMap<u64, u64>),
    /// Nobody knows.
    Everything,
}

impl Reach {
    fn extend(&mut self, other: Reach) {
        match (&mut *self, other) {
            (Reach::Lists(bytes), Reach::Lists(others)) => {
                for (number, other) in others {
                    let bytes = bytes.entry(number).or_default();
                    *bytes = other.max(*bytes);
                }
            }
            _ => *self = Reach::Everything,
        }
    }
}

impl State {
    /// The inputs that have their record.
    pub fn done(&self) -> &DoneSet {
        &self.done
    }

    /// The inputs whose work may have begun and that have no record.
    pub fn in_doubt(&self) -> &BTreeSet<u64> {
        &self.intents
    }

    /// Where work may have begun of which nothing is known, since lines were lost.
    pub fn lost(&self) -> Option<&Reach> {
        self.lost.as_ref()
    }

    /// How far each list has been read, by its number.
    pub fn inputs(&self) -> &BTreeMap<u64, Extent> {
        &self.inputs
    }

    /// Whether some input was to be done again, so that it has more than one record line.
    pub fn has_reopened(&self) -> bool {
        self.has_reopened
    }

    pub(crate) fn apply(&mut self, line: Line<'_>) {
        if matches!(line.kind, Kind::Record | Kind::Provisional) {
            self.end = self.end.max(line.index + 1);
        }
        match line.kind {
            Kind::Record => {
                self.intents.remove(&line.index);
                // A second record of an input takes the place of the first.
                self.has_reopened |= !self.done.insert(line.index);
                self.record_bytes += line.payload.len() as u64 + 1;
            }
            Kind::Reopened => self.has_reopened |= self.done.remove(line.index),
            Kind::Intent => {
                self.intents.insert(line.index);
            }
            Kind::Input => {
                if let Ok(extent) = serde_json::from_slice::<Extent>(line.payload) {
                    let known = self.inputs.entry(line.index).or_default();
                    // A run that goes on reads what is known from the beginning.
                    if extent.reach() > known.reach() {
                        *known = extent;
                    }
                    // What was lost came before, and so was about no more than this.
                    self.settle_lost();
                }
            }
            Kind::Lost => {
                if let Ok(reach) = serde_json::from_slice(line.payload) {
                    self.add_lost(reach);
                }
            }
            _ => {}
        }
    }

    /// Lines were lost here.
    pub(crate) fn lose(&mut self) {
        self.is_losing = true;
    }

    /// There is nothing more to say how far what was lost goes.
    pub(crate) fn end_losing(&mut self) {
        if self.is_losing {
            self.add_lost(Reach::Everything);
        }
    }

    fn settle_lost(&mut self) {
        if self.is_losing {
            let lists = self.inputs.iter().map(|(number, extent)| (*number, extent.bytes));
            self.add_lost(Reach::Lists(lists.collect()));
        }
    }

    fn add_lost(&mut self, reach: Reach) {
        self.is_losing = false;
        match &mut self.lost {
            Some(lost) => lost.extend(reach),
            None => self.lost = Some(reach),
        }
    }
}

/// Which segments a checkpoint stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Covered {
    /// Number and length of each.
    pub(crate) segments: Vec<(u32, u64)>,
    record_bytes: u64,
    has_reopened: bool,
    end: u64,
}

/// The text of a checkpoint over `segments`.
pub(crate) fn write_checkpoint(state: &State, segments: Vec<(u32, u64)>, seal: &Seal) -> Vec<u8> {
    // Growing would take twice its memory, and what is not written to takes none.
    let mut text = Vec::with_capacity(state.done.chunk_count() * BITS_LINE);
    let mut lines = 0;
    let mut add = |kind, index, payload: &[u8]| {
        write_line(&mut text, seal, kind, index, payload);
        lines += 1;
    };
    let covered = Covered {
        segments,
        record_bytes: state.record_bytes,
        has_reopened: state.has_reopened,
        end: state.end,
    };
    add(Kind::Covered, 0, json(&covered).as_bytes());
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for piece in state.done.pieces() {
        match piece {
            Piece::Range(first, last) => {
                ranges.push((first, last));
                if ranges.len() == RANGES_IN_A_LINE {
                    add(Kind::Ranges, 0, json(&std::mem::take(&mut ranges)).as_bytes());
                }
            }
            Piece::Bits(chunk, words) => {
                let digits: String = words.iter().map(|word| format!("{word:016x}")).collect();
                add(Kind::Bits, chunk, digits.as_bytes());
            }
        }
    }
    add(Kind::Ranges, 0, json(&ranges).as_bytes());
    for index in &state.intents {
        add(Kind::Intent, *index, b"");
    }
    for (number, extent) in &state.inputs {
        add(Kind::Input, *number, json(extent).as_bytes());
    }
    if let Some(lost) = &state.lost {
        add(Kind::Lost, 0, json(lost).as_bytes());
    }
    write_line(&mut text, seal, Kind::End, lines, b"");
    text
}

/// What a checkpoint says; `None` if any of it is damaged.
pub(crate) fn read_checkpoint(text: &[u8], seal: &Seal) -> Option<(Covered, State)> {
    let mut state = State::default();
    let mut covered: Option<Covered> = None;
    let mut lines = text.strip_suffix(b"\n")?.split(|byte| *byte == b'\n');
    for number in 0.. {
        let line = parse_line(lines.next()?, seal)?;
        match line.kind {
            Kind::Covered => covered = Some(serde_json::from_slice(line.payload).ok()?),
            Kind::Ranges => {
                let ranges: Vec<(u64, u64)> = serde_json::from_slice(line.payload).ok()?;
                for (first, last) in ranges {
                    state.done.insert_range(first, last).ok()?;
                }
            }
            Kind::Bits => state.done.insert_bits(line.index, line.payload)?,
            Kind::Intent | Kind::Input | Kind::Lost => state.apply(line),
            Kind::End if line.index == number && lines.next().is_none() => break,
            _ => return None,
        }
    }
    let covered = covered?;
    state.record_bytes = covered.record_bytes;
    state.has_reopened = covered.has_reopened;
    state.end = covered.end;
    Some((covered, state))
}

/// The types here have nothing that JSON lacks.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
