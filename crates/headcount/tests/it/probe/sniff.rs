//! Which answers are HTML.

use headcount::probe::{is_html, title};

const PAGE: &[u8] = b"<!DOCTYPE html><title>x</title>";

#[test]
fn declared_html_is_html_whatever_the_bytes() {
    for content_type in [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        " text/html ;charset=x",
        "application/xhtml+xml",
        "text/html, text/html",
    ] {
        assert!(is_html(Some(content_type), b"no tag at all"), "{content_type}");
    }
}

#[test]
fn another_declared_type_is_never_html() {
    for content_type in [
        "image/png",
        "image/svg+xml",
        "application/json",
        "application/octet-stream",
        "text/plain",
        "text/htmlx",
        "application/pdf",
    ] {
        assert!(!is_html(Some(content_type), PAGE), "{content_type}");
        assert_eq!(title(PAGE, Some(content_type)), None);
    }
}

#[test]
fn unknown_types_are_sniffed() {
    for content_type in [
        None,
        Some(""),
        Some("html"),
        Some("unknown/unknown"),
        Some("application/unknown"),
        Some("*/*"),
        Some("; charset=utf-8"),
    ] {
        assert_eq!(title(PAGE, content_type).as_deref(), Some("x"), "{content_type:?}");
        for html in [
            "  \r\n<html>",
            "<HTML\nlang=en>",
            "<!doctype HTML>",
            "<!-- note --><p>",
            "<Title>x</title>",
            "\u{feff}<head>",
            "<p class=x>",
            "<br>",
        ] {
            assert!(is_html(content_type, html.as_bytes()), "{content_type:?} {html}");
        }
        for other in [
            "",
            "<",
            "<html",
            "<htmlx>",
            "hello <html>",
            "{\"a\": 1}",
            "\u{89}PNG\r\n",
            "<?xml version=\"1.0\"?><feed>",
            "<svg>",
            "%PDF-",
        ] {
            assert!(!is_html(content_type, other.as_bytes()), "{content_type:?} {other}");
        }
    }
}
