//! JSON lines: an object a line, which says what to ask and how. What else it holds is carried into the record.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use serde_json::value::RawValue;

use super::bounded_lines::{BoundedLines, Line};
use super::{LONGEST_ROW, ListOptions, bad_row, beginning, parse_address};
use crate::Request;
use crate::credentials::REDACTED;
use crate::record::Object;

/// Values within values that are carried. Whoever reads a record must be able to go as deep, and a little deeper.
const DEEPEST: usize = 64;

/// Names that say how to ask. The URL's is the user's choice.
const METHOD: &str = "method";
const HEADERS: &str = "headers";
const BODY: &str = "body";

/// Blank lines are passed over. A line that is no object, or whose object does not say what to ask, becomes a `skipped`
/// record.
pub(super) struct JsonLines<R> {
    lines: BoundedLines<R>,
    /// The name of the field that holds the URL.
    url: String,
}

/// The fields of a row, as they are written.
type Fields = BTreeMap<String, Box<RawValue>>;

impl<R: BufRead> JsonLines<R> {
    pub(super) fn new(reader: R, url: &str) -> JsonLines<R> {
        JsonLines { lines: BoundedLines::new(reader, LONGEST_ROW), url: url.to_owned() }
    }

    pub(super) fn line(&self) -> u64 {
        self.lines.number()
    }

    pub(super) fn pass_over(&mut self) -> io::Result<Option<()>> {
        Ok(self.read()?.map(drop))
    }

    pub(super) fn next(&mut self, source: &Arc<str>, options: &ListOptions) -> io::Result<Option<Request>> {
        let Some(line) = self.read()? else { return Ok(None) };
        Ok(Some(self.request(line, options).at(Arc::clone(source), self.lines.number())))
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        while let Some(line) = self.lines.read()? {
            if !self.lines.trimmed().is_empty() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    fn request(&self, line: Line, options: &ListOptions) -> Request {
        let text = self.lines.trimmed();
        let bad = |shown: String, reason: String| options.complete(bad_row(shown, reason));
        if line == Line::TooLong {
            return bad(without_secrets(text), format!("it is longer than {LONGEST_ROW} bytes"));
        }
        let mut fields = match serde_json::from_slice::<Fields>(text) {
            Ok(fields) => fields,
            Err(error) => return bad(without_secrets(text), not_an_object(text, &error)),
        };
        let Some(url) = fields.remove(&self.url) else {
            return bad(without_secrets(text), format!("it has no {:?}", self.url));
        };
        let Ok(url) = serde_json::from_str::<String>(url.get()) else {
            return bad(without_secrets(text), format!("its {:?} is no text", self.url));
        };
        meaning(&url, fields, options).unwrap_or_else(|reason| bad(url.trim().to_owned(), reason))
    }
}

/// The request of a row whose URL is known. `Err` says what is wrong, without any value: it may be a secret.
fn meaning(url: &str, mut fields: Fields, options: &ListOptions) -> Result<Request, String> {
    let method = present(fields.remove(METHOD)).map(|value| own_method(&value)).transpose()?;
    let headers = present(fields.remove(HEADERS)).map(|value| own_headers(&value)).transpose()?;
    let mut headers = headers.unwrap_or_default();
    let mut request = options.complete(Request::new(url));
    if let Some(value) = present(fields.remove(BODY)) {
        request = request.body(own_body(&value, &mut headers)?);
        if options.method.is_none() {
            request = request.method(Method::POST);
        }
    }
    if let Some(method) = method {
        request = request.method(method);
    }
    if !headers.is_empty() {
        request = request.headers(headers);
    }
    let mut carried = Object::new();
    for (name, value) in fields {
        match serde_json::from_str::<Value>(value.get()) {
            Ok(value) if depth(&value) <= DEEPEST => carried.insert(name, value),
            Ok(_) => return Err(format!("its {name:?} is nested deeper than {DEEPEST} levels")),
            Err(_) => return Err(format!("its {name:?} cannot be carried into the record")),
        };
    }
    Ok(if carried.is_empty() { request } else { request.carry(carried) })
}

/// A field that is there and not `null`.
fn present(value: Option<Box<RawValue>>) -> Option<Box<RawValue>> {
    value.filter(|value| value.get() != "null")
}

fn own_method(value: &RawValue) -> Result<Method, String> {
    let text: String = serde_json::from_str(value.get()).map_err(|_| "its method is no text".to_owned())?;
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT) => {
            Err("its method is CONNECT, which asks for a tunnel, not for an answer".to_owned())
        }
        Ok(method) => Ok(method),
        Err(_) => Err("its method is no single word, such as GET or POST".to_owned()),
    }
}

fn own_headers(value: &RawValue) -> Result<HeaderMap, String> {
    let fields: Object = serde_json::from_str(value.get())
        .map_err(|_| "its headers are no object of names and values".to_owned())?;
    let mut headers = HeaderMap::new();
    for (name, values) in fields {
        let wrong = |what: &str| format!("its header {name:?} {what}");
        let values = match values {
            Value::String(value) => vec![value],
            Value::Array(values) => {
                let texts = values.into_iter().map(|value| match value {
                    Value::String(value) => Ok(value),
                    _ => Err(wrong("has a value that is no text")),
                });
                texts.collect::<Result<_, _>>()?
            }
            _ => return Err(wrong("is neither text nor an array of texts")),
        };
        let header =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("has a name that is no token"))?;
        for value in values {
            let mut value = HeaderValue::from_str(value.trim())
                .map_err(|_| wrong("has control characters in its value"))?;
            value.set_sensitive(true);
            headers.try_append(&header, value).map_err(|_| "it has too many headers".to_owned())?;
        }
    }
    Ok(headers)
}

/// Text is sent as it is, all else as JSON, which the request then says that it is.
fn own_body(value: &RawValue, headers: &mut HeaderMap) -> Result<Bytes, String> {
    if value.get().starts_with('"') {
        let text: Result<String, _> = serde_json::from_str(value.get());
        return text.map(Bytes::from).map_err(|_| "its body is no text that can be sent".to_owned());
    }
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    Ok(Bytes::copy_from_slice(value.get().as_bytes()))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn not_an_object(text: &[u8], error: &serde_json::Error) -> String {
    match text.first() {
        Some(b'[') => "it is no JSON object; jq -c '.[]' makes lines of an array".to_owned(),
        Some(b'{') if error.is_eof() => {
            "the JSON object has no end in this line; jq -c makes a line of each".to_owned()
        }
        Some(b'{') => format!("it is no JSON object; see column {}", error.column()),
        _ => "it is no JSON object".to_owned(),
    }
}

/// A row up to where a secret may stand. A line within an object that goes over several is a secret as a whole; but a list
/// of plain lines that was taken for JSON is to be recognised.
fn without_secrets(row: &[u8]) -> String {
    if !row.starts_with(b"{") {
        // Neither text nor a number begins like this.
        let is_word = row.first().is_some_and(u8::is_ascii_alphabetic);
        let is_address = is_word && std::str::from_utf8(row).is_ok_and(|text| parse_address(text).is_ok());
        return if is_address { beginning(row) } else { REDACTED.to_owned() };
    }
    // A name may also be written in escapes.
    let names = [HEADERS, BODY, "\\u"].map(|name| memchr::memmem::find(row, name.as_bytes()));
    let end = names.into_iter().flatten().min().map_or(row.len(), |place| place.saturating_sub(1));
    beginning(&row[..end])
}
