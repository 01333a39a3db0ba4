//! Rows of CSV and TSV: bounded in length, and each with the line where it begins.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{LONGEST_ROW, LOOKED_AT_OF_A_BAD_ROW};

/// Cells of a row, at most.
const MOST_CELLS: usize = 16_384;

/// Why a row cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is passed over to its end, but not kept.
    TooLong,
    /// The list ends within quotes.
    OpenQuote,
}

/// Reads RFC 4180 as spreadsheets and databases write it: quoted cells may hold the delimiter, doubled quotes and line
/// ends. Blank lines are passed over.
pub(super) struct RowReader<R> {
    reader: R,
    core: Reader,
    first_line: u64,
    last_line: u64,
    cells: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    count: usize,
    beginning: Vec<u8>,
    fault: Option<Fault>,
}

impl<R: BufRead> RowReader<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> RowReader<R> {
        RowReader {
            reader,
            core: ReaderBuilder::new().delimiter(delimiter).build(),
            first_line: 1,
            last_line: 1,
            cells: vec![0; 1_024],
            filled: 0,
            ends: vec![0; 64],
            count: 0,
            beginning: Vec::new(),
            fault: None,
        }
    }

    /// Where the row begins that was read last, or that could not be read.
    pub(super) fn first_line(&self) -> u64 {
        self.first_line
    }

    /// Where it ends.
    pub(super) fn last_line(&self) -> u64 {
        self.last_line
    }

    /// How many cells the row has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Why the row cannot be used; it has no cells then.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// The cell of this number, unquoted.
    pub(super) fn cell(&self, number: usize) -> &[u8] {
        let begin = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.cells[begin..self.ends[number]]
    }

    /// The beginning of the row as it stands in the list.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// Reads the next row. `None` is the end of the list.
    pub(super) fn read(&mut self) -> io::Result<Option<()>> {
        while self.read_any()?.is_some() {
            let is_blank = self.count == 1 && self.beginning.trim_ascii().is_empty();
            if self.fault.is_some() || !is_blank || !self.cell(0).trim_ascii().is_empty() {
                return Ok(Some(()));
            }
        }
        Ok(None)
    }

    /// The same, with rows that hold nothing but blanks.
    fn read_any(&mut self) -> io::Result<Option<()>> {
        self.beginning.clear();
        (self.filled, self.count, self.fault) = (0, 0, None);
        self.first_line = self.core.line();
        let mut has_begun = false;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let is_at_end = available.is_empty();
            if is_at_end && !has_begun {
                return Ok(None);
            }
            let line_ends = available.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let input = match (is_at_end, has_begun) {
                // A line end that the list may lack. What takes it for text is within quotes.
                (true, _) => b"\n",
                // The parser passes over empty lines; alone, so that it can be seen where the row begins.
                (false, false) if line_ends > 0 => &available[..line_ends],
                _ => available,
            };
            has_begun |= line_ends == 0;
            let (result, read, written, ended) =
                self.core.read_record(input, &mut self.cells[self.filled..], &mut self.ends[self.count..]);
            if has_begun {
                let room = LOOKED_AT_OF_A_BAD_ROW - self.beginning.len();
                self.beginning.extend_from_slice(&input[..read.min(room)]);
                self.last_line = self.core.line() - u64::from(input[..read].ends_with(b"\n"));
            }
            if !is_at_end {
                self.reader.consume(read);
            }
            (self.filled, self.count) = (self.filled + written, self.count + ended);
            match result {
                ReadRecordResult::InputEmpty if is_at_end => {
                    self.refuse(Fault::OpenQuote);
                    return Ok(Some(()));
                }
                ReadRecordResult::InputEmpty if !has_begun => self.first_line = self.core.line(),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if grow(&mut self.cells, LONGEST_ROW) => {}
                ReadRecordResult::OutputEndsFull if grow(&mut self.ends, MOST_CELLS) => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    self.refuse(Fault::TooLong);
                }
                ReadRecordResult::Record | ReadRecordResult::End => {
                    if self.fault.is_some() {
                        (self.filled, self.count) = (0, 0);
                    }
                    return Ok(Some(()));
                }
            }
        }
    }

    /// The row is no use, and what was read of it need not be kept.
    fn refuse(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
        (self.filled, self.count) = (0, 0);
    }
}

/// Twice as much room, up to the most there may be. `false` if it is that already.
fn grow<T: Clone + Default>(buffer: &mut Vec<T>, most: usize) -> bool {
    let room = most.min(2 * buffer.len());
    let grows = room > buffer.len();
    buffer.resize(room, T::default());
    grows
}
