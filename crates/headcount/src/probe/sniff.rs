//! Whether an answer is HTML: by its Content-Type and, where that says nothing, by its first bytes.

/// How far the first tag may stand behind white space: the length of the resource header in the MIME Sniffing
/// Standard.
const SNIFFED: usize = 1445;

/// The openings by which the MIME Sniffing Standard knows HTML. It wants each followed by a space or `>`; any white
/// space will do here, since `<html` at the end of a line is no less HTML.
const OPENINGS: [&[u8]; 16] = [
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<script",
    b"<iframe",
    b"<h1",
    b"<div",
    b"<font",
    b"<table",
    b"<a",
    b"<style",
    b"<title",
    b"<body",
    b"<br",
    b"<b",
    b"<p",
];

/// Whether the body is to be read as HTML.
///
/// A declared type is believed: `text/html` and `application/xhtml+xml` are HTML, and no other type is, whatever its
/// bytes look like. Only where the type is missing, malformed, or one of the names servers use for "do not know"
/// (`unknown/unknown`, `application/unknown`, `*/*`) do the first bytes decide, by the MIME Sniffing Standard's list of
/// openings. An octet stream stays an octet stream: it is what servers say of downloads.
#[must_use]
pub fn is_html(content_type: Option<&str>, body: &[u8]) -> bool {
    // What nearly every page says, found without a search.
    if content_type.is_some_and(|text| text == "text/html" || text.starts_with("text/html;")) {
        return true;
    }
    match content_type.map(essence) {
        Some(essence) if is(essence, "text/html") || is_xhtml(content_type) => true,
        Some(essence) if is_known(essence) => false,
        _ => looks_like_html(body),
    }
}

/// Whether the declared type says that the markup is XML, where `<title/>` is a whole element.
pub(super) fn is_xhtml(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|content_type| {
        !content_type.starts_with("text/") && is(essence(content_type), "application/xhtml+xml")
    })
}

fn is(essence: &str, name: &str) -> bool {
    essence.eq_ignore_ascii_case(name)
}

/// The type without its parameters. Some servers send the header twice and some proxies join the two with a comma.
fn essence(content_type: &str) -> &str {
    content_type.split([';', ',']).next().unwrap_or_default().trim()
}

fn is_known(essence: &str) -> bool {
    let well_formed = essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty() && !essence.contains(' '));
    well_formed && !["unknown/unknown", "application/unknown", "*/*"].iter().any(|name| is(essence, name))
}

fn looks_like_html(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let start = body[..body.len().min(SNIFFED)].trim_ascii_start();
    start.starts_with(b"<!--")
        || OPENINGS.iter().any(|opening| {
            start.len() > opening.len()
                && start[..opening.len()].eq_ignore_ascii_case(opening)
                && (start[opening.len()] == b'>' || start[opening.len()].is_ascii_whitespace())
        })
}
