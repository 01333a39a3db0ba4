//! A page's encoding, decided as the Encoding and HTML Standards do: byte order mark, Content-Type, the page's own
//! declaration, and where there is none, a guess.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use memchr::{memchr, memmem};

use super::attributes::{Attributes, is_space};
use super::markup::Scanner;

/// How many bytes a guess looks at. The detector takes up to a tenth of a microsecond for each, and a title with a
/// paragraph behind it is enough to tell the encodings apart.
pub(super) const GUESSED_FROM: usize = 1024;

/// How far the standard's prescan reads for a declaration.
const PRESCANNED: usize = 1024;

/// How far a declaration is looked for that the prescan did not reach. A browser, when it comes to a `<meta charset>`
/// later, decodes the page again; those that long scripts push back stand within this.
const LATE: usize = 8 * 1024;

/// The encoding that a byte order mark or the Content-Type gives, and the length of the mark.
pub(super) fn declared_outside(
    body: &[u8],
    content_type: Option<&str>,
) -> Option<(&'static Encoding, usize)> {
    Encoding::for_bom(body).or_else(|| {
        // What nearly every page says, found without a search.
        if content_type.is_some_and(|text| text.eq_ignore_ascii_case("text/html; charset=utf-8")) {
            return Some((UTF_8, 0));
        }
        let label = charset_parameter(content_type?)?;
        Some((Encoding::for_label(label.as_bytes())?, 0))
    })
}

/// The encoding that the page itself declares in ASCII: in a `<meta>` or an XML declaration.
pub(super) fn declared_inside(body: &[u8], xml: bool) -> Option<&'static Encoding> {
    let start = &body[..body.len().min(PRESCANNED)];
    prescan(start)
        .or_else(|| xml_declaration(start))
        // XML without a declaration is UTF-8, and never looks for a meta.
        .or_else(|| if xml { Some(UTF_8) } else { late_meta(&body[..body.len().min(LATE)]) })
}

/// The encoding of an XML declaration that itself stands in UTF-16, without a byte order mark.
pub(super) fn declared_in_utf_16(body: &[u8]) -> Option<&'static Encoding> {
    if body.starts_with(b"<\0?\0x\0") {
        Some(UTF_16LE)
    } else if body.starts_with(b"\0<\0?\0x") {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// The likeliest encoding of bytes that are not all ASCII and declare nothing.
///
/// Browsers do not let a page from the network be UTF-8 by a guess, so that authors see their omission. Whoever checks
/// a list of pages is not their author, and valid UTF-8 is hardly ever anything else; so here it may be. The same goes
/// for ISO-2022-JP, which browsers shun because a script could hide in it: nothing is run here. `bytes` may end within
/// a character.
pub(super) fn guess(bytes: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_some() => {}
        _ if memchr(0x1B, bytes).is_none() => return UTF_8,
        _ => {}
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, false);
    detector.guess(None, Utf8Detection::Allow)
}

/// A whole body as text, whatever kind it is of. What is no text in its encoding becomes U+FFFD.
pub(super) fn decode<'b>(body: &'b [u8], xml: bool, content_type: Option<&str>) -> Cow<'b, str> {
    let encoding = match declared_outside(body, content_type) {
        Some((encoding, mark)) => return encoding.decode_without_bom_handling(&body[mark..]).0,
        None if std::str::from_utf8(body).is_ok() => UTF_8,
        None => declared_in_utf_16(body)
            .or_else(|| declared_inside(body, xml))
            .unwrap_or_else(|| guess(&body[..body.len().min(GUESSED_FROM)])),
    };
    encoding.decode_without_bom_handling(body).0
}

fn charset_parameter(content_type: &str) -> Option<&str> {
    let mut rest = content_type.split_once(';')?.1;
    loop {
        let name_end = rest.find([';', '='])?;
        let name = rest[..name_end].trim();
        let mut value = &rest[name_end + 1..];
        if rest.as_bytes()[name_end] == b';' {
            rest = value;
            continue;
        }
        let quoted = value.strip_prefix('"');
        value = quoted.unwrap_or(value);
        let end = value.find(if quoted.is_some() { '"' } else { ';' }).unwrap_or(value.len());
        if name.eq_ignore_ascii_case("charset") {
            return Some(&value[..end]);
        }
        rest = value[end..].split_once(';')?.1;
    }
}

/// The standard's "prescan a byte stream to determine its encoding". It knows no scripts, only comments and tags.
fn prescan(bytes: &[u8]) -> Option<&'static Encoding> {
    let mut position = 0;
    loop {
        let start = position + memchr(b'<', &bytes[position..])?;
        let rest = &bytes[start..];
        let name = &rest[1..];
        position = if rest.starts_with(b"<!--") {
            // The dashes that open a comment may be those that close it.
            start + 2 + memmem::find(&rest[2..], b"-->")? + 3
        } else if name.len() > 4
            && name[..4].eq_ignore_ascii_case(b"meta")
            && (is_space(name[4]) || name[4] == b'/')
        {
            let attributes = Attributes::new(bytes, start + 5);
            let end = attributes.clone().finish()?;
            if let Some(encoding) = meta_encoding(attributes) {
                return Some(encoding);
            }
            end.position
        } else if name.strip_prefix(b"/").unwrap_or(name).first().is_some_and(u8::is_ascii_alphabetic) {
            let length = rest.iter().position(|&byte| is_space(byte) || byte == b'>')?;
            Attributes::new(bytes, start + length).finish()?.position
        } else if matches!(name.first(), Some(b'!' | b'/' | b'?')) {
            start + memchr(b'>', rest)? + 1
        } else {
            start + 1
        };
    }
}

fn late_meta(bytes: &[u8]) -> Option<&'static Encoding> {
    Scanner::new(bytes, false).filter(|tag| tag.is("meta")).find_map(|tag| meta_encoding(tag.attributes))
}

fn meta_encoding(attributes: Attributes<'_>) -> Option<&'static Encoding> {
    let (mut pragma, mut content, mut charset) = (None, None, None);
    for (name, value) in attributes {
        // Of an attribute that is given twice the first counts.
        if name.eq_ignore_ascii_case(b"http-equiv") {
            pragma.get_or_insert(value.eq_ignore_ascii_case(b"content-type"));
        } else if name.eq_ignore_ascii_case(b"content") {
            content.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"charset") {
            charset.get_or_insert(value);
        }
    }
    let label = match charset {
        Some(label) => label,
        None if pragma == Some(true) => charset_in_content(content?)?,
        None => return None,
    };
    Encoding::for_label(label).map(readable_in_ascii).map(|encoding| {
        // Pages that declare it mean the control characters' places to be filled somehow; the standard says how.
        if encoding == X_USER_DEFINED { WINDOWS_1252 } else { encoding }
    })
}

/// A declaration that could be read as ASCII is not in UTF-16, whatever it says.
fn readable_in_ascii(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding }
}

/// The charset named in the `content` of a `<meta http-equiv>`.
fn charset_in_content(content: &[u8]) -> Option<&[u8]> {
    let mut rest = content;
    loop {
        let found = rest.windows(7).position(|window| window.eq_ignore_ascii_case(b"charset"))?;
        rest = rest[found + 7..].trim_ascii_start();
        let Some(value) = rest.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        return match value.first()? {
            quote @ (b'"' | b'\'') => Some(&value[1..1 + memchr(*quote, &value[1..])?]),
            _ => value.split(|&byte| is_space(byte) || byte == b';').next(),
        };
    }
}

/// The encoding of `<?xml version="1.0" encoding="..."?>`, which browsers heed in HTML too.
fn xml_declaration(bytes: &[u8]) -> Option<&'static Encoding> {
    let declaration = bytes.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..memchr(b'>', declaration)?];
    let value = &declaration[memmem::find(declaration, b"encoding")? + 8..];
    let value = value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let quote = *value.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let label = &value[1..1 + memchr(quote, &value[1..])?];
    Encoding::for_label(label).map(readable_in_ascii)
}
