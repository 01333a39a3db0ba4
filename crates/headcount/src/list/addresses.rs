//! The addresses of a list, one after another. Pages of one host often stand together: what precedes their paths, which is
//! most of the work of parsing a URL, is parsed once.

use url::Url;

use super::address::LONGEST_PATH;
use crate::Request;

/// Makes requests of the texts of a list, as [`Request::from_bytes`] does.
#[derive(Default)]
pub(super) struct Addresses {
    /// Scheme, host and port of the last address, as they were written.
    origin: Vec<u8>,
    /// The last address; `None` if it cannot be used again.
    base: Option<Url>,
}

impl Addresses {
    pub(super) fn request(&mut self, text: &[u8]) -> Request {
        if let Some((text, url)) = self.neighbour(text) {
            return Request::with_target(text.to_owned(), Ok(url));
        }
        let request = Request::from_bytes(text);
        self.remember(text, &request);
        request
    }

    /// What the text means, if it differs from the last address in its path only.
    fn neighbour<'t>(&self, text: &'t [u8]) -> Option<(&'t str, Url)> {
        let base = self.base.as_ref()?;
        let path = text.strip_prefix(self.origin.as_slice())?;
        // A path that begins with two slashes names another host when it is joined. No byte becomes more than three.
        let is_plain = path.first() == Some(&b'/')
            && !matches!(path.get(1), Some(b'/' | b'\\'))
            && is_graphic(path)
            && path.len() < LONGEST_PATH / 3;
        if !is_plain {
            return None;
        }
        let url = base.join(std::str::from_utf8(path).ok()?).ok()?;
        Some((std::str::from_utf8(text).ok()?, url))
    }

    fn remember(&mut self, text: &[u8], request: &Request) {
        self.base = None;
        if let Some(origin) = origin(text)
            && let Ok(url) = request.url()
        {
            self.origin.clear();
            self.origin.extend_from_slice(origin);
            self.base = Some(url.clone());
        }
    }
}

/// What precedes the path, if there is one behind a scheme and a host without a name and a password.
fn origin(text: &[u8]) -> Option<&[u8]> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let host = text[colon..].strip_prefix(b"://")?;
    let length = host.iter().position(|byte| b"/\\?#@".contains(byte))?;
    let origin = &text[..colon + 3 + length];
    (host[length] == b'/' && length > 0 && is_graphic(origin)).then_some(origin)
}

/// Whether all of it is visible ASCII. Everything is looked at, many bytes at a time.
fn is_graphic(text: &[u8]) -> bool {
    text.iter().fold(true, |so_far, byte| so_far & byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_stands_before_changes_no_address(
            texts in proptest::collection::vec(
                (
                    "https?|HTTP|ftp|x y|",
                    "://|:/|:",
                    "a\\.example|A\\.example|a\\.example:80|a\\.example:443|me:x@a\\.example|127\\.1|\\[::1\\]:81|é\\.example|",
                    "/|//|/\\\\|\\\\|\\?|#|",
                    "[ -~]{0,6}|\\.\\./b|[\\t\\r é%#?/\\\\]{1,4}",
                ),
                1..6,
            )
        ) {
            let mut addresses = Addresses::default();
            for (scheme, colon, host, slash, rest) in texts {
                let text = format!("{scheme}{colon}{host}{slash}{rest}");
                let (found, expected) = (addresses.request(text.as_bytes()), Request::from_bytes(text.as_bytes()));
                prop_assert_eq!(format!("{found:?}"), format!("{expected:?}"));
            }
        }
    }

    #[test]
    fn a_path_that_is_too_long_is_found_beside_another_too() {
        let mut addresses = Addresses::default();
        for (length, is_url) in [(1, true), (LONGEST_PATH - 1, true), (LONGEST_PATH, false), (1, true)] {
            let text = format!("http://a.example/{}", "x".repeat(length));
            assert_eq!(addresses.request(text.as_bytes()).url().is_ok(), is_url, "{length}");
        }
    }

    #[test]
    fn only_what_may_differ_in_its_path_alone_is_used_again() {
        let after = |first: &str, second: &str| {
            let mut addresses = Addresses::default();
            addresses.request(first.as_bytes());
            addresses.neighbour(second.as_bytes()).map(|(_, url)| url.to_string())
        };
        assert_eq!(
            after("http://A.example:80/b?c#d", "http://A.example:80/x?y"),
            Some("http://a.example/x?y".into())
        );
        for (first, second) in [
            ("http://a.example/b", "http://a.example//other.example/"),
            ("http://a.example/b", "http://a.example.other.example/"),
            ("http://a.example/b", "http://a.example"),
            ("http://a.example?b", "http://a.example/"),
            ("http://me:secret@a.example/b", "http://me:secret@a.example/c"),
            ("http://a.example/b", "http://a.example/c\td"),
        ] {
            assert_eq!(after(first, second), None, "{second} after {first}");
        }
    }
}
