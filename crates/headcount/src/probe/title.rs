//! The page's title: the text of its first HTML `<title>` element, as a browser shows it.

use std::borrow::Cow;

use encoding_rs::{CoderResult, Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};
use html5gum::{State, Token, Tokenizer};
use memchr::memchr;

use super::attributes::find_byte;
use super::charset;
use super::markup::{Scanner, find_end_tag};
use super::sniff::{is_html, is_xhtml};

/// The most characters a title has; the rest is cut off. A thousand are more than anyone reads or compares, and take at
/// most 4,000 bytes of a record, so that a hostile page cannot blow up a report.
pub const TITLE_LIMIT: usize = 1_000;

/// How much of a body [`title_nowait`] looks at: as much as stays below half a millisecond whatever it holds.
pub const HEAD: usize = 12 * 1024;

/// How much markup one title is read from, the white space before it aside. A thousand characters fit even if each is
/// written `&#x4e2d;`; a title padded beyond that ends here.
const SOURCE_LIMIT: usize = 10 * 1024;

/// The length of the longest name of a character, `CounterClockwiseContourIntegral`.
const LONGEST_NAME: usize = 31;

/// How far a page in an encoding that must be decoded before its tags can be seen is decoded at first. Nearly every
/// title ends within it.
const DECODED_FIRST: usize = 16 * 1024;

/// How far such a page is decoded at most.
const DECODED_AT_MOST: usize = 1024 * 1024;

/// The page's title, as a browser would show it: decoded, with its character references resolved and its ASCII white
/// space collapsed. `None` if the answer is not HTML (see [`is_html`](super::is_html())), has no title or an empty one.
///
/// The encoding is that of the byte order mark, else of `content_type`, else of the page's `<meta>` or XML declaration,
/// else a guess. The title is that of the first HTML element: those of SVG images, in comments, scripts, templates and
/// attributes are none. As in a browser, one that stands in the page's body will do.
///
/// The body may be cut anywhere. A title whose end tag was not seen is returned as far as it goes, as a browser shows
/// it while the page still loads: for whoever reads the record half a title says more than none, and that the body was
/// cut, the record says elsewhere. What is returned then is always the beginning of the whole title: a character, a
/// reference or an end tag that the cut went through is left out. (Where the encoding has to be guessed or is declared
/// behind the cut, that holds only if the cut did not change the guess.) A title is cut at [`TITLE_LIMIT`] characters.
///
/// The text is what the page says: control characters in it, whether plain or by reference, are for whoever prints it
/// to escape.
///
/// In UTF-16 and ISO-2022-JP, which have to be decoded before tags can be told, a title is looked for in the first 1 MiB.
///
/// This takes time in proportion to the body, some 13 milliseconds for 1 MiB of hostile markup; on an event loop
/// call [`title_nowait`].
#[must_use]
pub fn title(body: &[u8], content_type: Option<&str>) -> Option<String> {
    read(body, content_type).title
}

/// The same as [`title`], if the first [`HEAD`] bytes of the body settle it, and within half a millisecond.
///
/// # Errors
///
/// [`Undecided`] if they do not: then call [`title`] where it may take its time. Few pages come to that: those longer
/// than [`HEAD`] without a title in it.
pub fn title_nowait(body: &[u8], content_type: Option<&str>) -> Result<Option<String>, Undecided> {
    let reading = read(&body[..body.len().min(HEAD)], content_type);
    if reading.settled || body.len() <= HEAD { Ok(reading.title) } else { Err(Undecided) }
}

/// The beginning of the body does not settle what the title is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecided;

impl std::fmt::Display for Undecided {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the beginning of the body does not settle its title")
    }
}

impl std::error::Error for Undecided {}

/// What some bytes say about the title.
struct Reading {
    title: Option<String>,
    /// More bytes would not change it.
    settled: bool,
}

impl Reading {
    const NOT_HTML: Reading = Reading { title: None, settled: true };
    const NOTHING_YET: Reading = Reading { title: None, settled: false };
}

fn read(body: &[u8], content_type: Option<&str>) -> Reading {
    if !is_html(content_type, body) {
        return Reading::NOT_HTML;
    }
    let xml = is_xhtml(content_type);
    match charset::declared_outside(body, content_type) {
        Some((encoding, mark)) => read_declared(&body[mark..], encoding, xml),
        None => read_undeclared(body, xml),
    }
}

fn read_declared(body: &[u8], encoding: &'static Encoding, xml: bool) -> Reading {
    if encoding == REPLACEMENT {
        // Such encodings can hide scripts. Browsers show one replacement character instead of the page.
        return Reading::NOT_HTML;
    }
    if [UTF_16LE, UTF_16BE, ISO_2022_JP].contains(&encoding) {
        return read_decoded(body, encoding, xml);
    }
    match locate(body, xml) {
        Some(place) => {
            Reading { title: text(place.source(body), place.closed, encoding), settled: place.closed }
        }
        None => Reading::NOTHING_YET,
    }
}

/// Reads a page in whose encoding the bytes of tags can be part of other characters.
fn read_decoded(body: &[u8], encoding: &'static Encoding, xml: bool) -> Reading {
    for limit in [DECODED_FIRST, DECODED_AT_MOST] {
        let page = decode_open(&body[..body.len().min(limit)], encoding);
        let page = page.as_bytes();
        let place = locate(page, xml);
        let is_last = body.len() <= limit || limit == DECODED_AT_MOST;
        match place {
            Some(place) if place.closed || is_last => {
                return Reading {
                    title: text(place.source(page), place.closed, UTF_8),
                    settled: place.closed,
                };
            }
            _ if is_last => break,
            _ => {}
        }
    }
    Reading::NOTHING_YET
}

/// Reads a page whose encoding is known neither from a byte order mark nor from its Content-Type. Most titles are
/// ASCII, for which no encoding has to be found.
fn read_undeclared(body: &[u8], xml: bool) -> Reading {
    if let Some(encoding) = charset::declared_in_utf_16(body) {
        return read_decoded(body, encoding, xml);
    }
    let Some(mark) = find_mark(body, 0) else { return Reading::NOTHING_YET };
    // An escape may begin ISO-2022-JP, whose characters are made of quotes, brackets and the like.
    let escape = |bytes| memchr(0x1B, bytes);
    let mut declared = None;
    if let Some(start) = escape(&body[..mark]) {
        declared = charset::declared_inside(body, xml);
        if declared.unwrap_or_else(|| guess(body, start)) == ISO_2022_JP {
            return read_decoded(body, ISO_2022_JP, xml);
        }
    }
    let Some(place) = locate(body, xml) else { return Reading::NOTHING_YET };
    let source = place.source(body);
    if source.is_ascii() && escape(source).is_none() {
        return Reading { title: text(source, place.closed, UTF_8), settled: place.closed };
    }
    let encoding =
        declared.or_else(|| charset::declared_inside(body, xml)).unwrap_or_else(|| guess(body, place.start));
    let reading = if encoding == ISO_2022_JP || encoding == REPLACEMENT {
        read_declared(body, encoding, xml)
    } else {
        Reading { title: text(source, place.closed, encoding), settled: place.closed }
    };
    let guess_settled = place.start + charset::GUESSED_FROM <= body.len();
    Reading { settled: reading.settled && guess_settled, ..reading }
}

/// A guess from what stands at `start` and behind it.
fn guess(body: &[u8], start: usize) -> &'static Encoding {
    charset::guess(&body[start..body.len().min(start + charset::GUESSED_FROM)])
}

/// Where the title's text stands.
struct Place {
    start: usize,
    /// Just behind the `<` of its end tag, if that was seen: only with it can be decoded what a character left
    /// incomplete before it comes to.
    end: usize,
    /// Its end tag was seen.
    closed: bool,
}

impl Place {
    fn source<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..self.end]
    }
}

fn locate(bytes: &[u8], xml: bool) -> Option<Place> {
    let mut mark = find_mark(bytes, 0)?;
    for tag in Scanner::new(bytes, xml) {
        if tag.is("title") && !tag.in_template {
            if tag.empty {
                return Some(Place { start: tag.end, end: tag.end, closed: true });
            }
            let padding = &bytes[tag.end..];
            let start = bytes.len() - padding.trim_ascii_start().len();
            let limit = bytes.len().min(start + SOURCE_LIMIT);
            let end_tag = find_end_tag(&bytes[..limit], start, b"title");
            return Some(Place {
                start,
                end: end_tag.as_ref().map_or(limit, |end_tag| end_tag.start + 1),
                closed: end_tag.is_some(),
            });
        }
        if tag.start > mark {
            mark = find_mark(bytes, tag.start)?;
        }
    }
    None
}

/// The first place at or behind `from` where a title might begin.
fn find_mark(bytes: &[u8], from: usize) -> Option<usize> {
    let mut position = from;
    loop {
        position = find_byte(bytes, position, b'<')?;
        let name = bytes.get(position + 1..position + 6)?;
        // Most tags are told apart by their first letter, and this is done for each tag of a page without a title.
        if name[0] | 0x20 == b't' && name.eq_ignore_ascii_case(b"title") {
            return Some(position);
        }
        position += 1;
    }
}

fn text(source: &[u8], closed: bool, encoding: &'static Encoding) -> Option<String> {
    let decoded = match closed {
        true => encoding.decode_without_bom_handling(source).0,
        false => Cow::Owned(decode_open(source, encoding)),
    };
    let whole =
        if closed { decoded.strip_suffix('<').unwrap_or(&decoded) } else { without_torn_end(&decoded) };
    let title = if whole.contains('&') { collapse(&resolve(whole)) } else { collapse(whole) };
    Some(title).filter(|title| !title.is_empty())
}

/// Decodes bytes that may end within a character, which is then left out.
fn decode_open(bytes: &[u8], encoding: &'static Encoding) -> String {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or_default();
    let mut text = String::with_capacity(capacity);
    let (result, _, _) = decoder.decode_to_string(bytes, &mut text, false);
    debug_assert_eq!(result, CoderResult::InputEmpty, "the buffer was made large enough");
    text
}

/// Leaves out what, at the end of a text that goes on, could be half a character reference or half an end tag.
fn without_torn_end(text: &str) -> &str {
    let mut text = text;
    if let Some(start) = text.rfind('<') {
        let end_tag = b"</title";
        let tail = &text.as_bytes()[start..];
        if tail.len() <= end_tag.len() && tail.eq_ignore_ascii_case(&end_tag[..tail.len()]) {
            text = &text[..start];
        }
    }
    match text.rfind('&') {
        Some(start) if could_go_on(&text[start + 1..]) => &text[..start],
        _ => text,
    }
}

/// Whether more text could still change which character these, behind a `&`, refer to.
fn could_go_on(reference: &str) -> bool {
    match reference.strip_prefix('#') {
        Some(number) => number.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        None => reference.len() <= LONGEST_NAME && reference.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    }
}

/// Resolves character references as they are resolved in a title, with or without their semicolon.
fn resolve(text: &str) -> String {
    let mut tokenizer = Tokenizer::new(text);
    // Within a title nothing but its end tag is a tag, and that one is not in the text.
    tokenizer.set_state(State::RcData);
    let mut resolved = String::with_capacity(text.len());
    for token in tokenizer {
        match token {
            Ok(Token::String(string)) => resolved.push_str(&String::from_utf8_lossy(&string)),
            Ok(_) => {}
            Err(never) => match never {},
        }
    }
    resolved
}

fn collapse(text: &str) -> String {
    let mut title = String::with_capacity(text.len().min(TITLE_LIMIT));
    let mut room = TITLE_LIMIT;
    for word in text.split_ascii_whitespace() {
        if !title.is_empty() {
            if room < 2 {
                break;
            }
            title.push(' ');
            room -= 1;
        }
        if word.len() <= room && word.is_ascii() && !word.contains('\0') {
            title.push_str(word);
            room -= word.len();
            continue;
        }
        for character in word.chars().take(room) {
            title.push(if character == '\0' { char::REPLACEMENT_CHARACTER } else { character });
            room -= 1;
        }
    }
    title
}
