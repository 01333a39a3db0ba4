//! Bodies: plain pages, a quick way to write one, and pages in content codings, also broken and bombs.

use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compress, Compression, Crc, FlushCompress};

pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// How much a bomb is, unpacked.
pub(crate) const BOMB_BYTES: usize = 1 << 30;
/// How long the huge title is.
pub(crate) const HUGE_TITLE_BYTES: usize = 10_000_000;

/// A whole page. The title is taken as it stands, markup and all.
pub(crate) fn page(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body><h1>{title}</h1></body>\n</html>\n"
    )
}

/// Appends the whole answer for `/page/N`, of which only the digits are new.
pub(crate) fn append_page_answer(output: &mut Vec<u8>, number: &[u8]) {
    const BEFORE: &[u8] = b"<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Page ";
    const BETWEEN: &[u8] = b"</title></head>\n<body><h1>Page ";
    const AFTER: &[u8] = b"</h1></body>\n</html>\n";
    let length = BEFORE.len() + BETWEEN.len() + AFTER.len() + 2 * number.len();
    // The page is between 100 and 999 bytes long whatever the number.
    let digits = [length / 100, length / 10 % 10, length % 10].map(|digit| b"0123456789"[digit]);
    output.extend_from_slice(b"HTTP/1.1 200 OK\r\nServer: small-web\r\nContent-Type: ");
    output.extend_from_slice(HTML.as_bytes());
    output.extend_from_slice(b"\r\nContent-Length: ");
    output.extend_from_slice(&digits);
    output.extend_from_slice(b"\r\n\r\n");
    output.extend_from_slice(BEFORE);
    output.extend_from_slice(number);
    output.extend_from_slice(BETWEEN);
    output.extend_from_slice(number);
    output.extend_from_slice(AFTER);
}

pub(crate) fn gzip(body: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(body.as_bytes()).and_then(|()| encoder.finish());
    written.expect("a Vec takes what it is given")
}

pub(crate) fn deflate(body: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(body.as_bytes()).and_then(|()| encoder.finish());
    written.expect("a Vec takes what it is given")
}

/// A gzip stream that begins well and goes wrong in the middle.
pub(crate) fn corrupt_gzip() -> Vec<u8> {
    let words: String = (0..2000).map(|n| format!("word{} ", n * 7919 % 1000)).collect();
    let mut stream = gzip(&(page("The corrupt page") + &words));
    let middle = stream.len() / 2;
    stream[middle..middle + 64].fill(0xff);
    stream
}

/// A correct gzip stream of a page and then blanks, a thousandth of its size.
pub(crate) fn gzip_bomb() -> Bytes {
    static BOMB: OnceLock<Bytes> = OnceLock::new();
    BOMB.get_or_init(make_gzip_bomb).clone()
}

/// A page with a title of ten million bytes.
pub(crate) fn huge_title_page() -> Bytes {
    static PAGE: OnceLock<Bytes> = OnceLock::new();
    PAGE.get_or_init(|| {
        let title = "Huge ".repeat(HUGE_TITLE_BYTES / 5);
        format!("<!doctype html>\n<title>{title}</title>\n<p>The end.\n").into()
    })
    .clone()
}

/// Compresses one block and repeats it: a full flush makes blocks that know nothing of each other, so the
/// whole takes milliseconds to make.
fn make_gzip_bomb() -> Bytes {
    const BLOCK_BYTES: usize = 1 << 20;
    let mut first = page("The bomb").into_bytes();
    first.resize(BLOCK_BYTES, b' ');
    let blanks = vec![b' '; BLOCK_BYTES];
    let (first_block, blank_block) = (compress_block(&first), compress_block(&blanks));
    let mut checksum = Crc::new();
    checksum.update(&first);
    let mut of_blanks = Crc::new();
    of_blanks.update(&blanks);

    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    stream.extend_from_slice(&first_block);
    for _ in 1..BOMB_BYTES / BLOCK_BYTES {
        stream.extend_from_slice(&blank_block);
        checksum.combine(&of_blanks);
    }
    // An empty last block, for none of the others says that it is the last.
    stream.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    stream.extend_from_slice(&checksum.sum().to_le_bytes());
    stream.extend_from_slice(&checksum.amount().to_le_bytes());
    stream.into()
}

fn compress_block(content: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(content.len() / 2);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(content, &mut block, FlushCompress::Full).expect("room for the whole block");
    assert_eq!(compress.total_in(), content.len() as u64, "the block is compressed as a whole");
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_quick_page_is_the_page() {
        for number in ["7", "18446744073709551615"] {
            let mut output = Vec::new();
            append_page_answer(&mut output, number.as_bytes());
            let answer = String::from_utf8(output).unwrap();
            let (header, body) = answer.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, page(&format!("Page {number}")));
            assert!(header.ends_with(&format!("Content-Length: {}", body.len())));
        }
    }

    #[test]
    fn the_bomb_is_a_correct_stream_and_a_thousand_times_smaller() {
        let bomb = gzip_bomb();
        assert!(bomb.len() < BOMB_BYTES / 500, "{} bytes", bomb.len());
        let mut decoder = flate2::read::GzDecoder::new(&bomb[..]);
        let mut buffer = vec![0; 1 << 20];
        let mut total = 0;
        loop {
            match decoder.read(&mut buffer).unwrap() {
                0 => break,
                count => total += count,
            }
        }
        assert_eq!(total, BOMB_BYTES);
    }

    #[test]
    fn the_corrupt_page_cannot_be_decoded() {
        let stream = corrupt_gzip();
        let mut body = String::new();
        assert!(flate2::read::GzDecoder::new(&stream[..]).read_to_string(&mut body).is_err());
    }
}
