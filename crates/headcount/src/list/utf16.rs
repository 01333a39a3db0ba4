//! Lists in UTF-16, as PowerShell's `>` writes them: known by their byte order mark, and read as UTF-8.

use std::io::{self, BufRead, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_16BE, UTF_16LE};

/// UTF-8 that is there at the most.
const BUFFER: usize = 16 << 10;

const LITTLE_ENDIAN: &[u8] = b"\xff\xfe";
const BIG_ENDIAN: &[u8] = b"\xfe\xff";

/// The byte order marks.
pub(super) const MARKS: [&[u8]; 2] = [LITTLE_ENDIAN, BIG_ENDIAN];

/// The encoding of text that begins like this, if it is UTF-16.
fn encoding(beginning: &[u8]) -> Option<&'static Encoding> {
    match () {
        () if beginning.starts_with(LITTLE_ENDIAN) => Some(UTF_16LE),
        () if beginning.starts_with(BIG_ENDIAN) => Some(UTF_16BE),
        () => None,
    }
}

/// The text, of which `beginning` shows the first bytes, as UTF-8.
pub(super) fn decoded(beginning: &[u8], text: impl BufRead + Send + 'static) -> Box<dyn BufRead + Send> {
    match encoding(beginning) {
        Some(encoding) => Box::new(Utf16 {
            text,
            decoder: encoding.new_decoder_with_bom_removal(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            taken: 0,
            decoded: 0,
            has_ended: false,
        }),
        None => Box::new(text),
    }
}

struct Utf16<R> {
    text: R,
    decoder: Decoder,
    buffer: Box<[u8]>,
    /// What was taken of the buffer, and how much of it holds text.
    taken: usize,
    decoded: usize,
    has_ended: bool,
}

impl<R: BufRead> BufRead for Utf16<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.decoded && !self.has_ended {
            let coded = self.text.fill_buf()?;
            let is_last = coded.is_empty();
            // What is no character becomes one that no URL holds.
            let (result, used, decoded, _) = self.decoder.decode_to_utf8(coded, &mut self.buffer, is_last);
            self.text.consume(used);
            (self.taken, self.decoded) = (0, decoded);
            self.has_ended = is_last && result == CoderResult::InputEmpty;
        }
        Ok(&self.buffer[self.taken..self.decoded])
    }

    fn consume(&mut self, amount: usize) {
        self.taken += amount;
    }
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut text = self.fill_buf()?;
        let count = text.read(target)?;
        self.consume(count);
        Ok(count)
    }
}
