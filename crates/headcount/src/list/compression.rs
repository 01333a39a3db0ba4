//! Compressed lists, known by their first bytes, whatever they are called.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

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

/// The list as text. Reads no more of it than it takes to tell, so that a pipe is answered line by line.
pub(super) fn decompressed(bytes: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut bytes = BufReader::with_capacity(BUFFER, bytes);
    let mut beginning = Vec::new();
    while [GZIP, ZSTD].iter().any(|magic| magic.len() > beginning.len() && magic.starts_with(&beginning)) {
        if (&mut bytes).take(1).read_to_end(&mut beginning)? == 0 {
            break;
        }
    }
    let is_gzip = beginning.starts_with(GZIP);
    let is_zstd = beginning.starts_with(ZSTD);
    let whole = Cursor::new(beginning).chain(bytes);
    Ok(match (is_gzip, is_zstd) {
        (true, _) => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole))),
        (_, true) => Box::new(BufReader::with_capacity(BUFFER, zstd::Decoder::with_buffer(whole)?)),
        _ => Box::new(whole),
    })
}
