//! Bytes that no well-behaved server sends, and halves of those that it does.

use bytes::Bytes;

use crate::pages;

pub(crate) const SSH_BANNER: &[u8] = b"SSH-2.0-OpenSSH_9.6p1 Small-Web\r\n";
/// What a web server says to plain HTTP, which a TLS client takes for a broken record.
pub(crate) const PLAIN_HTTP_ERROR: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// A fatal alert, handshake_failure, in a record of TLS 1.2.
pub(crate) const HANDSHAKE_FAILURE_ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];

pub(crate) const HALF_A_HEADER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: small-web\r\nContent-Ty";
pub(crate) const MALFORMED_STATUS_LINE: &[u8] = b"GOOD MORNING\r\nContent-Length: 0\r\n\r\n";
pub(crate) const WRONG_VERSION: &[u8] = b"HTTP/7.3 200 OK\r\nContent-Length: 0\r\n\r\n";
pub(crate) const HEADER_WITHOUT_COLON: &[u8] =
    b"HTTP/1.1 200 OK\r\nthis is no header field\r\nContent-Length: 0\r\n\r\n";
pub(crate) const TWO_LENGTHS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nfive.xx";
pub(crate) const BAD_LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: some\r\n\r\nsome";
pub(crate) const NOTHING: &[u8] = b"HTTP/1.1 204 No Content\r\nServer: small-web\r\n\r\n";
pub(crate) const START: &[u8] = b"HTTP/1.1 200 OK\r\nServer: small-web\r\n";
pub(crate) const CHUNKED_START: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: small-web\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
pub(crate) const INFORMATIONAL: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n\
    HTTP/1.1 102 Processing\r\n\r\n\
    HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n";

/// An answer with this page, and a length that may be a lie.
pub(crate) fn answer_with_length(page: &str, length: usize) -> Bytes {
    format!(
        "HTTP/1.1 200 OK\r\nServer: small-web\r\nContent-Type: {}\r\nContent-Length: {length}\r\n\r\n{page}",
        pages::HTML
    )
    .into()
}

/// The beginning of a chunked answer, up to the end of its first chunk.
pub(crate) fn first_chunk() -> Bytes {
    let page = pages::page("The first chunk");
    [CHUNKED_START, format!("{:x}\r\n{page}\r\n", page.len()).as_bytes()].concat().into()
}

/// A chunk of 64 KiB with its framing.
pub(crate) fn big_chunk() -> Bytes {
    let paragraph = "<p>And on it goes, and on, and on, and on and on and on and on.\n";
    let content = paragraph.repeat((64 << 10) / paragraph.len());
    format!("{:x}\r\n{content}\r\n", content.len()).into()
}

/// Many header fields, all alike.
pub(crate) fn many_fields(count: usize) -> Vec<u8> {
    b"X-And-So-On: and on, and on, and on, and on\r\n".repeat(count)
}

/// The body of an answer with both a length, of five, and chunks.
pub(crate) fn length_and_chunks() -> Bytes {
    let page = pages::page("The chunked reading");
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{page}\r\n0\r\n\r\n",
        page.len()
    )
    .into()
}

/// A page whose title clears the screen, sets the window's title, colours and turns the text around, once
/// in raw bytes and once as character references.
pub(crate) fn page_with_escapes() -> String {
    pages::page(
        "Begin\u{1b}[2J\u{1b}[31mred\u{1b}]0;owned\u{7}\u{9b}1m\u{202e}desrever\u{2066}\u{8}\u{7f}\
         &#27;[32m&#x1b;]8;;http://127.0.0.1/&#7;&#x202e;End",
    )
}
