//! Titles and charsets: any bytes have a title or none, of bounded length, and the same in a hurry.

use headcount::probe::{HEAD, TITLE_LIMIT, is_html, title, title_nowait};

use crate::head_and_body;

/// A Content-Type (an empty line: none), a line end, and the page.
pub fn titles(data: &[u8]) {
    let (content_type, body) = head_and_body(data);
    let content_type = (!content_type.is_empty()).then_some(content_type);
    let found = title(body, content_type);
    if let Some(found) = &found {
        assert!(is_html(content_type, body), "what is no page has no title");
        assert!(!found.is_empty() && found.chars().count() <= TITLE_LIMIT, "{found:?}");
        assert!(!found.starts_with(' ') && !found.ends_with(' ') && !found.contains("  "), "{found:?}");
    }
    match title_nowait(body, content_type) {
        Ok(hasty) => assert_eq!(hasty, found),
        Err(_) => assert!(body.len() > HEAD),
    }
}
