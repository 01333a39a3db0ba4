//! Names and passwords: taken out of URLs before anybody can show them, and made what a request carries.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "***";

/// The Authorization field of a name and a password (RFC 7617). It is marked as sensitive: it is not shown.
pub fn basic_authorization(name: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> HeaderValue {
    let pair = [name.as_ref(), b":", password.as_ref()].concat();
    let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::from_str(&value).expect("base64 holds no control characters");
    value.set_sensitive(true);
    value
}

/// Leaves the URL without name and password, and returns what is to be sent in their place.
pub(crate) fn take_out_of(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let value = basic_authorization(decoded(url.username()), decoded(url.password().unwrap_or_default()));
    // Refused only by URLs that cannot have any.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    Some(value)
}

/// The text of a URL without the name and the password in it.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    let start = authority_start(text);
    let authority = &text[start..];
    hide(text, start, start + authority.find(['/', '\\', '?', '#']).unwrap_or(authority.len()))
}

/// The same for what was meant as a URL, or a row with one in it, and is none: a password in it may hold anything, so more
/// is hidden.
pub(crate) fn redacted_in_no_url(text: &str) -> Cow<'_, str> {
    let start = match text.split_once("://") {
        Some((_, behind)) => text.len() - behind.len(),
        None => authority_start(text),
    };
    match start {
        0 if text.starts_with("mailto:") => Cow::Borrowed(text),
        start => hide(text, start, text.len()),
    }
}

/// Where the host stands, with what precedes it, if the text is a URL.
fn authority_start(text: &str) -> usize {
    let behind_scheme = match text.split_once(':') {
        Some((scheme, rest)) if rest.starts_with(['/', '\\']) && !scheme.contains(['/', '?', '#', '@']) => {
            rest
        }
        _ => text,
    };
    // Any number of slashes will do, as in browsers.
    text.len() - behind_scheme.trim_start_matches(['/', '\\']).len()
}

fn hide(text: &str, start: usize, end: usize) -> Cow<'_, str> {
    match text[start..end].rfind('@') {
        Some(at) => Cow::Owned(format!("{}{REDACTED}{}", &text[..start], &text[start + at..])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_host_is_not_shown() {
        let cases = [
            ("https://me:secret@a.example/x?y", "https://***@a.example/x?y"),
            ("me:secret@a.example", "***@a.example"),
            ("https:///me:secret@a.example/", "https:///***@a.example/"),
            ("https:\\\\me:secret@a.example\\", "https:\\\\***@a.example\\"),
            ("//me:se@cret@a.example", "//***@a.example"),
            ("https://token@a.example/@b", "https://***@a.example/@b"),
            ("https://a.example/@b", "https://a.example/@b"),
            ("a.example?to=b@c", "a.example?to=b@c"),
            ("https://a.example:80/", "https://a.example:80/"),
        ];
        for (text, expected) in cases {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }

    #[test]
    fn in_what_is_no_url_a_password_may_hold_anything() {
        let cases = [
            ("https://me:se/cr#et@a.example/", "https://***@a.example/"),
            ("https://a.example:port/", "https://a.example:port/"),
            ("mailto:me@a.example", "mailto:me@a.example"),
            ("me:secret@a.example:port/", "***@a.example:port/"),
            ("me:se/cr#et@a.example", "***@a.example"),
            ("a.example:port/", "a.example:port/"),
            (r#"{"url": "https://me:se/cret@a.example/", "#, r#"{"url": "https://***@a.example/", "#),
        ];
        for (text, expected) in cases {
            assert_eq!(redacted_in_no_url(text), expected, "{text}");
        }
    }

    #[test]
    fn name_and_password_are_decoded_before_they_are_sent() {
        let mut url = Url::parse("https://m%C3%A9:a%3Ab@a.example/").unwrap();
        let value = take_out_of(&mut url).unwrap();
        assert_eq!((url.as_str(), value.as_bytes()), ("https://a.example/", &b"Basic bcOpOmE6Yg=="[..]));
        assert!(value.is_sensitive() && take_out_of(&mut url).is_none());
    }
}
