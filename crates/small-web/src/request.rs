//! A request as a host reads it: its header, and how long its body is.

use std::mem::MaybeUninit;

use httparse::Status;

const MOST_FIELDS: usize = 128;

/// A whole request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query as they stood in the request line.
    pub target: String,
    /// The header fields in their order, names as they were written.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// Whether the client speaks HTTP/1.1, not 1.0.
    pub speaks_http11: bool,
    /// Which of the host's connections it came on, counted from 0.
    pub connection: u64,
    /// How many requests had been answered on this connection before.
    pub answered_before: u64,
    /// How many requests the host had read before.
    pub number: u64,
}

/// What the first bytes of a connection's input are.
pub(crate) enum Parsed {
    /// Not all of a header yet.
    Partial,
    /// No request.
    Malformed,
    /// A request for a plain page, which needs no thought: the bytes it takes and where its number stands.
    Page { length: usize, number: std::ops::Range<usize> },
    /// Any other header: the bytes it takes, the request without its body, and how the body is framed.
    Header { length: usize, request: Request, framing: Framing },
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
}

impl Request {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a query parameter, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The first value of a header field, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the client wants the connection to end with this request.
    pub fn wants_close(&self) -> bool {
        match self.header("connection") {
            Some(value) => value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close")),
            None => !self.speaks_http11,
        }
    }
}

/// Parses the header at the beginning of `input`; a plain page is told apart only where `pages` asks for it.
pub(crate) fn parse(input: &[u8], pages: bool) -> Parsed {
    if input.is_empty() {
        return Parsed::Partial;
    }
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let length = match parsed.parse_with_uninit_headers(input, &mut fields) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Parsed::Partial,
        Err(_) => return Parsed::Malformed,
    };
    if pages && let Some(number) = page_number(&parsed) {
        return Parsed::Page { length, number };
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers: parsed.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect(),
        speaks_http11: parsed.version == Some(1),
        ..Request::default()
    };
    match framing(&request) {
        Some(framing) => Parsed::Header { length, request, framing },
        None => Parsed::Malformed,
    }
}

/// Takes one chunk off the front of `input`: how many bytes it takes, with its framing, and its content, which
/// is empty for the last one. None for a partial chunk, an error for what is no chunk.
pub(crate) fn parse_chunk(input: &[u8]) -> Result<Option<(usize, &[u8])>, httparse::InvalidChunkSize> {
    let Status::Complete((start, size)) = httparse::parse_chunk_size(input)? else { return Ok(None) };
    let size = usize::try_from(size).map_err(|_| httparse::InvalidChunkSize)?;
    let end = start.checked_add(size).ok_or(httparse::InvalidChunkSize)?;
    if size > 0 {
        return Ok((input.len() >= end + 2).then(|| (end + 2, &input[start..end])));
    }
    // Trailer fields, if any, end with an empty line; without any the line is empty at once.
    let rest = &input[start..];
    if rest.starts_with(b"\r\n") {
        return Ok(Some((start + 2, &[])));
    }
    let end = rest.windows(4).position(|window| window == b"\r\n\r\n");
    Ok(end.map(|end| (start + end + 4, &rest[..0])))
}

/// Where the number stands in a request for `/page/N` that has no body and keeps the connection.
fn page_number(parsed: &httparse::Request<'_, '_>) -> Option<std::ops::Range<usize>> {
    const START: &str = "GET /page/";
    let digits = parsed.path?.strip_prefix("/page/")?;
    let plain = parsed.method == Some("GET")
        && parsed.version == Some(1)
        && (1..=20).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    let bodiless = parsed.headers.iter().all(|field| {
        !field.name.eq_ignore_ascii_case("connection")
            && !field.name.eq_ignore_ascii_case("content-length")
            && !field.name.eq_ignore_ascii_case("transfer-encoding")
    });
    (plain && bodiless).then(|| START.len()..START.len() + digits.len())
}

fn framing(request: &Request) -> Option<Framing> {
    if let Some(coding) = request.header("transfer-encoding") {
        return coding.eq_ignore_ascii_case("chunked").then_some(Framing::Chunked);
    }
    match request.header("content-length") {
        Some(length) => length.parse().ok().map(Framing::Length),
        None => Some(Framing::Length(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_page_is_told_apart() {
        let input = b"GET /page/17 HTTP/1.1\r\nHost: a\r\n\r\nGET";
        let Parsed::Page { length, number } = parse(input, true) else { panic!("not a page") };
        assert_eq!((&input[number], length), (&b"17"[..], input.len() - 3));
        assert!(matches!(parse(input, false), Parsed::Header { .. }));
    }

    #[test]
    fn a_query_is_decoded() {
        let request = Request { target: "/a?b=1&url=x%20y".to_owned(), ..Request::default() };
        assert_eq!(request.query("url").as_deref(), Some("x y"));
        assert_eq!(request.path(), "/a");
    }

    #[test]
    fn chunks_are_taken_off_one_by_one() {
        assert_eq!(parse_chunk(b"3\r\nabc\r\n0\r\n"), Ok(Some((8, &b"abc"[..]))));
        assert_eq!(parse_chunk(b"3\r\nab"), Ok(None));
        assert_eq!(parse_chunk(b"0\r\n\r\nGET"), Ok(Some((5, &b""[..]))));
        assert_eq!(parse_chunk(b"0\r\nA: b\r\n\r\n"), Ok(Some((11, &b""[..]))));
        assert!(parse_chunk(b"x\r\n").is_err());
    }
}
