//! Compressed lists, known by their first bytes, whatever they are called.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::utf16;

/// Bytes read at once from a list.
const BUFFER: usize = 64 << 10;

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// Bytes by which a compressed list is known.
pub const MAGIC_BYTES: usize = 4;

/// Whether a list that begins with these bytes, [`MAGIC_BYTES`] of them, is compressed.
pub fn is_compressed(beginning: &[u8]) -> bool {
    beginning.starts_with(GZIP) || beginning.starts_with(ZSTD)
}

/// The list as text in UTF-8. Reads no more of it than it takes to tell, so that a pipe is answered line by line.
pub(super) fn decompressed(bytes: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let (beginning, whole) = begun(BufReader::with_capacity(BUFFER, bytes), &[GZIP, ZSTD])?;
    match () {
        () if beginning.starts_with(GZIP) => {
            as_utf8(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole)))
        }
        () if beginning.starts_with(ZSTD) => {
            as_utf8(BufReader::with_capacity(BUFFER, zstd::Decoder::with_buffer(whole)?))
        }
        () => as_utf8(whole),
    }
}

fn as_utf8(text: impl BufRead + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let (beginning, whole) = begun(text, &utf16::MARKS)?;
    Ok(utf16::decoded(&beginning, whole))
}

/// Bytes of which the first were read, and stand before the rest again.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// As many of the first bytes as it takes to know whether they are one of these, and all bytes.
fn begun<R: BufRead>(mut bytes: R, known: &[&[u8]]) -> io::Result<(Vec<u8>, Whole<R>)> {
    let mut beginning = Vec::new();
    while known.iter().any(|magic| magic.len() > beginning.len() && magic.starts_with(&beginning)) {
        if (&mut bytes).take(1).read_to_end(&mut beginning)? == 0 {
            break;
        }
    }
    Ok((beginning.clone(), Cursor::new(beginning).chain(bytes)))
}
