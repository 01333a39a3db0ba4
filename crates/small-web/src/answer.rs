//! Correct answers: built from a status, fields and a body, and the paths that a well-behaved host has.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{Reply, Request, charset, pages};

/// A well-formed answer, which becomes a [`Reply`] to a certain request.
///
/// It gets a Content-Length, no body for HEAD, and ends the connection where the request says so.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: Bytes,
    wait: Duration,
    chunks: bool,
}

const MOST_BYTES: usize = 64 << 20;
const CHUNKED: &str = "the chunked page";

impl Answer {
    /// An answer with no fields and no body.
    pub fn status(status: u16) -> Answer {
        Answer { status, fields: Vec::new(), body: Bytes::new(), wait: Duration::ZERO, chunks: false }
    }

    /// A page with this title.
    pub fn page(status: u16, title: &str) -> Answer {
        Answer::html(pages::page(title)).with_status(status)
    }

    /// A body of HTML, said to be UTF-8.
    pub fn html(body: impl Into<Bytes>) -> Answer {
        Answer::status(200).field("Content-Type", pages::HTML).body(body)
    }

    /// A body of JSON.
    pub fn json(value: &Value) -> Answer {
        let body = format!("{value:#}\n");
        Answer::status(200).field("Content-Type", "application/json").body(body)
    }

    /// A redirect with this status to this, as it stands.
    pub fn redirect(status: u16, location: impl Into<String>) -> Answer {
        Answer::page(status, "Elsewhere").field("Location", location)
    }

    /// What a well-behaved host answers to this.
    pub fn well_behaved(request: &Request) -> Answer {
        answer_path(request).unwrap_or_else(|| Answer::page(404, "Not found"))
    }

    /// Adds a header field, as it stands; `Server` replaces the usual one.
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.fields.push((name, value.into()));
        self
    }

    /// Replaces the status.
    pub fn with_status(mut self, status: u16) -> Answer {
        self.status = status;
        self
    }

    /// Replaces the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Answer {
        self.body = body.into();
        self
    }

    /// Waits at least this long before the first byte.
    pub fn after(mut self, wait: Duration) -> Answer {
        self.wait = self.wait.max(wait);
        self
    }

    /// The same for HTTP/2: the header, the body, and how long to wait before both.
    pub(crate) fn into_http2(self, method: &str) -> (http::Response<()>, Bytes, Duration) {
        let mut response = http::Response::new(());
        *response.status_mut() = http::StatusCode::from_u16(self.status).expect("a status is a status");
        for (name, value) in &self.fields {
            let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a field has a name");
            response.headers_mut().append(name, value.parse().expect("a field has a value"));
        }
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        if !bodiless {
            response.headers_mut().insert(http::header::CONTENT_LENGTH, self.body.len().into());
        }
        let body = if bodiless || method == "HEAD" { Bytes::new() } else { self.body };
        (response, body, self.wait)
    }

    /// The bytes and the ending for this request.
    pub fn reply(self, request: &Request) -> Reply {
        let mut bytes = Vec::with_capacity(256 + self.body.len());
        bytes.extend_from_slice(format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).as_bytes());
        if self.fields.iter().all(|(name, _)| *name != "Server") {
            bytes.extend_from_slice(b"Server: small-web\r\n");
        }
        for (name, value) in &self.fields {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        if self.chunks {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\nTrailer: X-Chunks\r\n");
        } else if !bodiless {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        let close = request.wants_close();
        if close {
            bytes.extend_from_slice(b"Connection: close\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        if !bodiless && request.method != "HEAD" {
            if self.chunks {
                append_chunks(&mut bytes, &self.body);
            } else {
                bytes.extend_from_slice(&self.body);
            }
        }
        let mut reply = Reply::new();
        if !self.wait.is_zero() {
            reply = reply.wait(self.wait);
        }
        let reply = reply.bytes(bytes);
        if close { reply.close() } else { reply }
    }
}

fn answer_path(request: &Request) -> Option<Answer> {
    let path = request.path();
    let answer = match path {
        "/" => Answer::page(200, "Small web"),
        "/get" => Answer::json(&about(request)),
        "/ip" => Answer::json(&json!({ "origin": "127.0.0.1" })),
        "/user-agent" => Answer::json(&json!({ "user-agent": request.header("user-agent") })),
        "/headers" => Answer::json(&json!({ "headers": headers(request) })),
        "/redirect-to" => {
            let status = request.query("status_code").and_then(|status| status.parse().ok()).unwrap_or(302);
            Answer::redirect(status, request.query("url")?)
        }
        "/set-cookie-and-redirect" => match request.header("cookie") {
            Some(cookie) if cookie.contains("been=here") => Answer::page(200, "Been here"),
            _ => Answer::redirect(302, path).field("Set-Cookie", "been=here; Path=/"),
        },
        "/chunked" => Answer { chunks: true, ..Answer::html(pages::page(CHUNKED)) },
        "/gzip" => Answer::html(pages::gzip(&pages::page("The gzip page"))).field("Content-Encoding", "gzip"),
        "/deflate" => Answer::html(pages::deflate(&pages::page("The deflate page")))
            .field("Content-Encoding", "deflate"),
        "/gzip-corrupt" => Answer::html(pages::corrupt_gzip()).field("Content-Encoding", "gzip"),
        "/robots.txt" => Answer::status(200)
            .field("Content-Type", "text/plain; charset=utf-8")
            .body("User-agent: *\nDisallow: /private/\n"),
        "/echo" => Answer::json(&json!({
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
            "body": String::from_utf8_lossy(&request.body),
        })),
        _ => return answer_numbered_path(request, path),
    };
    Some(answer)
}

fn answer_numbered_path(request: &Request, path: &str) -> Option<Answer> {
    let (kind, rest) = path.strip_prefix('/')?.split_once('/')?;
    match kind {
        "page" => Some(Answer::page(200, &format!("Page {}", rest.parse::<u64>().ok()?))),
        "delay" => {
            let wait = Duration::try_from_secs_f64(rest.parse().ok()?).ok()?;
            Some(Answer::json(&about(request)).after(wait))
        }
        "status" => answer_status(rest.parse().ok().filter(|status| (200..=999).contains(status))?),
        "redirect" => Some(match rest.parse::<u64>().ok()? {
            0 => Answer::page(200, "Page 0"),
            1 => Answer::redirect(302, "/page/0"),
            hops => Answer::redirect(302, format!("/redirect/{}", hops - 1)),
        }),
        "bytes" => {
            let count = rest.parse::<usize>().ok().filter(|count| *count <= MOST_BYTES)?;
            let body: Vec<u8> = (0..=250).cycle().take(count).collect();
            Some(Answer::status(200).field("Content-Type", "application/octet-stream").body(body))
        }
        "charset" => {
            let page = charset::charset_page(rest, request.query("by").as_deref())?;
            Some(Answer::status(200).field("Content-Type", page.content_type).body(page.body))
        }
        _ => None,
    }
}

fn answer_status(status: u16) -> Option<Answer> {
    let answer = Answer::status(status);
    Some(match status {
        301 | 302 | 303 | 307 | 308 => answer.field("Location", "/redirect/1"),
        401 => answer.field("WWW-Authenticate", "Basic realm=\"Small web\""),
        _ => answer,
    })
}

/// What httpbin's `/get` says of a request.
fn about(request: &Request) -> Value {
    let (_, query) = request.target.split_once('?').unwrap_or_default();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let arguments: Map<String, Value> =
        pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect();
    json!({
        "args": arguments,
        "headers": headers(request),
        "origin": "127.0.0.1",
        "url": format!("http://{}{}", request.header("host").unwrap_or("127.0.0.1"), request.target),
    })
}

/// Header fields as httpbin shows them: names in capitals after each hyphen, repeated fields joined.
fn headers(request: &Request) -> Value {
    let mut fields = Map::new();
    for (name, value) in &request.headers {
        let entry = fields.entry(in_title_case(name)).or_insert_with(|| Value::from(""));
        let joined = match entry.as_str() {
            Some(before) if !before.is_empty() => format!("{before},{value}"),
            _ => value.clone(),
        };
        *entry = Value::from(joined);
    }
    Value::from(fields)
}

fn in_title_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
    });
    words.collect::<Vec<_>>().join("-")
}

fn append_chunks(bytes: &mut Vec<u8>, body: &[u8]) {
    for chunk in body.chunks(body.len().div_ceil(3).max(1)) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\nX-Chunks: 3\r\n\r\n");
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        418 => "I'm a teapot",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unnamed",
    }
}
