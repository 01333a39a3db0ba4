//! A request: one input, what it means, and where it came from.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use url::Url;

use crate::credentials;
use crate::list::parse_address;
use crate::record::{Failure, Kind, Object, Phase};

/// One input of a run. Text becomes a request by the rules of list lines: `example.com` means
/// `https://example.com/`. Text that means no URL is a request too: its record will say `skipped`, and why.
///
/// A name and a password in a URL, as in `https://name:secret@example.com/`, are sent to that origin as Basic
/// authorization, over what the [`Config`](crate::Config) has of it. They are shown nowhere: records have
/// `https://***@example.com/` as input, and a URL without them.
///
/// ```
/// let request = headcount::Request::from("example.com:8443/health");
/// assert_eq!(request.url().unwrap().as_str(), "https://example.com:8443/health");
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) input: String,
    pub(crate) target: Result<Url, Failure>,
    /// What the name and password in its URL come to.
    pub(crate) authorization: Option<Box<HeaderValue>>,
    pub(crate) source: Option<Arc<str>>,
    pub(crate) line: Option<u64>,
    pub(crate) method: Method,
    pub(crate) headers: Option<Box<HeaderMap>>,
    pub(crate) body: Option<Box<Bytes>>,
    pub(crate) carried: Option<Arc<Object>>,
    pub(crate) index: Option<u64>,
    pub(crate) is_in_doubt: bool,
}

impl Request {
    /// A GET of what `input` means. Surrounding blanks are taken off.
    pub fn new(input: impl AsRef<str>) -> Request {
        let input = input.as_ref().trim();
        Request::with_target(input.to_owned(), parse_address(input))
    }

    /// The same from bytes that may not be text.
    pub fn from_bytes(input: &[u8]) -> Request {
        match std::str::from_utf8(input) {
            Ok(text) => Request::new(text),
            Err(reason) => {
                let message = format!("the text is not valid UTF-8: {reason}");
                let failure = Failure::new(Phase::Input, Kind::InvalidText, message);
                Request::with_target(String::from_utf8_lossy(input).into_owned(), Err(failure))
            }
        }
    }

    /// A name and a password in the URL are sent, and shown nowhere: neither the input nor the URL keeps them.
    pub(crate) fn with_target(mut input: String, mut target: Result<Url, Failure>) -> Request {
        let (shown, authorization) = match &mut target {
            Ok(url) => match credentials::take_out_of(url) {
                Some(authorization) => (credentials::redacted(&input), Some(Box::new(authorization))),
                None => (Cow::Borrowed(input.as_str()), None),
            },
            Err(_) => (credentials::redacted_in_no_url(&input), None),
        };
        if let Cow::Owned(shown) = shown {
            input = shown;
        }
        Request {
            input,
            target,
            authorization,
            source: None,
            line: None,
            method: Method::GET,
            headers: None,
            body: None,
            carried: None,
            index: None,
            is_in_doubt: false,
        }
    }

    /// Asks with another method. Only idempotent ones are repeated after a failure, but any after a 429.
    #[must_use]
    pub fn method(mut self, method: Method) -> Request {
        self.method = method;
        self
    }

    /// Header fields of this request, over those of the [`Config`](crate::Config) and over what its URL has of a name and
    /// a password. A redirect to another origin gets none of them.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Request {
        self.headers = Some(Box::new(headers));
        self
    }

    /// A body in the place of the [`Config`](crate::Config)'s, sent with its length. A redirect that changes the method
    /// drops it. One that would send it to another origin is not followed: the record says `redirect/denied`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Request {
        self.body = Some(Box::new(body.into()));
        self
    }

    /// What else the user has written beside the URL: it is carried into the record as it is.
    #[must_use]
    pub fn carry(mut self, fields: Object) -> Request {
        self.carried = Some(Arc::new(fields));
        self
    }

    /// Where the input stood, for its record: a source's name and a line counted from 1.
    #[must_use]
    pub fn at(mut self, source: Arc<str>, line: u64) -> Request {
        self.source = Some(source);
        self.line = Some(line);
        self
    }

    /// Its place in the run, for its record, where that is not its place among the requests given: a run that goes on
    /// leaves out what an earlier one has done. Give it to all requests of a run or to none.
    #[must_use]
    pub fn index(mut self, index: u64) -> Request {
        self.index = Some(index);
        self
    }

    /// It may have been sent by a run that was killed, and is not safe to repeat: it is not sent, and its record says
    /// `failed` with `policy/in_doubt`.
    #[must_use]
    pub fn in_doubt(mut self) -> Request {
        self.is_in_doubt = true;
        self
    }

    /// About how many bytes it keeps elsewhere.
    pub(crate) fn weight(&self) -> usize {
        let field = |(name, value): (&HeaderName, &HeaderValue)| 64 + name.as_str().len() + value.len();
        let headers =
            self.headers.as_ref().map_or(0, |headers| 128 + headers.iter().map(field).sum::<usize>());
        let body = self.body.as_ref().map_or(0, |body| body.len());
        let carried = self.carried.as_deref().map_or(0, object_weight);
        2 * self.input.len() + 128 + headers + body + carried
    }

    /// The text of the input, without surrounding blanks, and with `***` for a name and a password in it.
    pub fn input(&self) -> &str {
        &self.input
    }

    /// Whether its method is a safe one: asking again changes nothing.
    pub fn is_safe(&self) -> bool {
        self.method.is_safe()
    }

    /// The Authorization field that the name and password in its URL come to. To compare, not to show.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_deref()
    }

    /// The header fields of this request alone.
    pub fn own_headers(&self) -> Option<&HeaderMap> {
        self.headers.as_deref()
    }

    /// The URL that will be asked, without name and password, or why there is none.
    pub fn url(&self) -> Result<&Url, &Failure> {
        self.target.as_ref()
    }
}

fn object_weight(object: &Object) -> usize {
    object.iter().map(|(name, value)| 96 + name.len() + value_weight(value)).sum()
}

fn value_weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(|value| size_of::<Value>() + value_weight(value)).sum(),
        Value::Object(object) => object_weight(object),
    }
}

impl From<&str> for Request {
    fn from(input: &str) -> Request {
        Request::new(input)
    }
}

impl From<String> for Request {
    fn from(input: String) -> Request {
        Request::new(input)
    }
}

impl From<Url> for Request {
    fn from(url: Url) -> Request {
        Request::new(String::from(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_takes_with_it_weighs() {
        let long = "x".repeat(100_000);
        let headers = HeaderMap::from_iter([(http::header::COOKIE, HeaderValue::from_str(&long).unwrap())]);
        let fields = Object::from_iter([("a".to_owned(), serde_json::json!([{"b": long.as_str()}]))]);
        let plain = Request::new("example.com");
        for heavy in [plain.clone().headers(headers), plain.clone().body(long.clone()), plain.carry(fields)] {
            assert!((100_000..101_000).contains(&heavy.weight()), "{}", heavy.weight());
        }
    }
}
