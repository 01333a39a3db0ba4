//! Where a redirect leads, and with which method.

use http::{HeaderValue, Method, StatusCode};
use url::Url;

use crate::credentials;
use crate::list::is_supported;
use crate::record::{Failure, Kind, Phase};

/// Whether an answer of this status sends elsewhere, if it has a Location.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads.
pub(crate) struct Target {
    /// Without fragment, name and password.
    pub(crate) url: Url,
    /// The name and password that stood in it, for this URL alone.
    pub(crate) authorization: Option<HeaderValue>,
}

/// What `location` means on the page `from`. A fragment is kept back: it is not sent.
pub(crate) fn target(from: &Url, location: &[u8]) -> Result<Target, Failure> {
    // Servers send raw UTF-8 and worse in Location; browsers take it.
    let location = String::from_utf8_lossy(location);
    let location = location.trim();
    let mut target = from.join(location).map_err(|reason| {
        let shown = credentials::redacted_in_no_url(location);
        let message = format!("redirected to {:?}, which is not a URL: {reason}", shortened(&shown));
        Failure::new(Phase::Redirect, Kind::InvalidUrl, message)
    })?;
    let authorization = credentials::take_out_of(&mut target);
    if !is_supported(target.scheme()) {
        let message =
            format!("redirected to {:?}, which is neither http nor https", shortened(target.as_str()));
        return Err(Failure::new(Phase::Redirect, Kind::UnsupportedScheme, message));
    }
    target.set_fragment(None);
    Ok(Target { url: target, authorization })
}

/// The next request's method, as the Fetch standard has it (section 4.4, "HTTP-redirect fetch").
pub(crate) fn method(status: StatusCode, method: &Method) -> Method {
    match status.as_u16() {
        303 if method != Method::HEAD => Method::GET,
        301 | 302 if method == Method::POST => Method::GET,
        _ => method.clone(),
    }
}

fn shortened(text: &str) -> &str {
    let end = text.char_indices().nth(200).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read_as_browsers_read_them() {
        let from = Url::parse("http://a.example/b/c?d#e").unwrap();
        let cases: [(&[u8], &str); 10] = [
            (b"http://b.example/x#frag", "http://b.example/x"),
            (b"/x", "http://a.example/x"),
            (b"x", "http://a.example/b/x"),
            (b"?x", "http://a.example/b/c?x"),
            (b"//b.example", "http://b.example/"),
            (b" /x ", "http://a.example/x"),
            (b"/\xc3\xa9", "http://a.example/%C3%A9"),
            (b"//me:secret@b.example/x", "http://b.example/x"),
            (b"ftp://a.example/", "unsupported_scheme"),
            (b"http://[", "invalid_url"),
        ];
        for (location, expected) in cases {
            let found = match target(&from, location) {
                Ok(target) => String::from(target.url),
                Err(failure) => failure.kind.to_string(),
            };
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(location));
        }
    }

    #[test]
    fn only_a_post_or_a_303_becomes_a_get() {
        let after = |status: u16, method_before: Method| {
            method(StatusCode::from_u16(status).unwrap(), &method_before)
        };
        assert_eq!(after(301, Method::POST), Method::GET);
        assert_eq!(after(302, Method::PUT), Method::PUT);
        assert_eq!(after(303, Method::PUT), Method::GET);
        assert_eq!(after(303, Method::HEAD), Method::HEAD);
        assert_eq!(after(307, Method::POST), Method::POST);
        assert_eq!(after(308, Method::DELETE), Method::DELETE);
    }
}
