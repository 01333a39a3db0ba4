//! From text to URL: the rules by which a list's line, or an argument, names what to ask.

use url::Url;

use crate::record::{Failure, Kind, Phase};

/// Bytes of a path with its query that can be sent.
pub(super) const LONGEST_PATH: usize = 65_534;

/// Text with `://` behind its scheme is absolute. `name:digits` is a host with its port; any other `word:` is a
/// scheme that is not supported. All else gets `https://`. Surrounding blanks do not count.
pub(crate) fn parse_address(text: &str) -> Result<Url, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(invalid("the text is empty"));
    }
    if holds_blanks(text) {
        return Err(invalid("a URL holds no blanks; write them as %20"));
    }
    let url = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) && rest.starts_with("//") => {
            if !is_supported(scheme) {
                return Err(unsupported(scheme));
            }
            Url::parse(text)
        }
        Some((scheme, rest)) if is_scheme(scheme) && !starts_with_port(rest) => {
            if is_supported(scheme) {
                return Err(invalid(format_args!("// is missing behind {scheme}:")));
            }
            return Err(unsupported(scheme));
        }
        Some((scheme, rest)) if rest.starts_with("//") && !scheme.contains(['/', '?', '#']) => {
            return Err(invalid(format_args!("{scheme:?} cannot be a scheme")));
        }
        _ => Url::parse(&format!("https://{text}")),
    };
    let url = url.map_err(invalid)?;
    if url[url::Position::BeforePath..].len() > LONGEST_PATH {
        return Err(invalid(format_args!("path and query are longer than {LONGEST_PATH} bytes")));
    }
    Ok(url)
}

/// Nearly all text is ASCII, which is looked through many bytes at a time.
fn holds_blanks(text: &str) -> bool {
    match text.is_ascii() {
        true => text.bytes().fold(false, |found, byte| found | matches!(byte, b'\t'..=b'\r' | b' ')),
        false => text.chars().any(char::is_whitespace),
    }
}

/// What a URL's scheme must be to be asked.
pub(crate) fn is_supported(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn starts_with_port(rest: &str) -> bool {
    let behind = rest.trim_start_matches(|character: char| character.is_ascii_digit());
    behind.len() < rest.len() && (behind.is_empty() || behind.starts_with(['/', '?', '#']))
}

fn invalid(reason: impl std::fmt::Display) -> Failure {
    Failure::new(Phase::Input, Kind::InvalidUrl, format!("not a URL: {reason}"))
}

fn unsupported(scheme: &str) -> Failure {
    let message = format!("the scheme {scheme:?} is not supported; http:// and https:// are");
    Failure::new(Phase::Input, Kind::UnsupportedScheme, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(text: &str) -> String {
        match parse_address(text) {
            Ok(url) => url.into(),
            Err(failure) => failure.kind.to_string(),
        }
    }

    #[test]
    fn text_names_what_a_person_would_expect() {
        let cases = [
            ("http://example.com", "http://example.com/"),
            ("HTTPS://Example.COM/A", "https://example.com/A"),
            ("example.com", "https://example.com/"),
            ("  example.com/a?b=c  ", "https://example.com/a?b=c"),
            ("localhost:8080", "https://localhost:8080/"),
            ("localhost:8080/x", "https://localhost:8080/x"),
            ("localhost:8080?x", "https://localhost:8080/?x"),
            ("[::1]:8080/x", "https://[::1]:8080/x"),
            ("192.0.2.1", "https://192.0.2.1/"),
            ("//example.com/x", "https://example.com/x"),
            ("example.com/?next=https://other.example/", "https://example.com/?next=https://other.example/"),
            ("bücher.example", "https://xn--bcher-kva.example/"),
            ("ftp://example.com", "unsupported_scheme"),
            ("mailto:someone@example.com", "unsupported_scheme"),
            ("javascript:alert(1)", "unsupported_scheme"),
            ("example.com:port", "unsupported_scheme"),
            ("tel:5551234", "invalid_url"),
            ("http:/example.com", "invalid_url"),
            ("https:example.com", "invalid_url"),
            ("http:8080/", "https://http:8080/"),
            ("http://", "invalid_url"),
            ("http://[::1", "invalid_url"),
            ("https://example.com:99999/", "invalid_url"),
            ("http://exa mple.com", "invalid_url"),
            ("1http://example.com/", "invalid_url"),
            ("\"http://example.com/\"", "invalid_url"),
            ("two words", "invalid_url"),
            ("a.example/\u{b}", "https://a.example/"),
            ("a.example/\u{b}b", "invalid_url"),
            ("http://a.example/b\u{a0}c", "invalid_url"),
            ("", "invalid_url"),
        ];
        for (text, expected) in cases {
            assert_eq!(meaning(text), expected, "{text:?}");
        }
    }
}
