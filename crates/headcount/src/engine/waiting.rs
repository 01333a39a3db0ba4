//! Jobs that wait. One that has not begun is packed, in memory as on the disk: it takes little more than its text.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use super::job::Job;
use crate::{Config, Request};

/// Sources that are written as numbers. Whoever names more has them written out.
const MOST_SOURCES: usize = 64;

/// A job in line.
pub(super) enum Waiting {
    Fresh(Packed),
    /// It was asked before, and has something to go on with.
    Begun(Box<Job>),
}

/// A job that has not begun.
pub(super) struct Packed(Box<[u8]>);

/// Packs the jobs of a run.
pub(super) struct Packer {
    /// Times are written as microseconds since then.
    begun: Instant,
    sources: Vec<Arc<str>>,
    buffer: Vec<u8>,
}

impl Waiting {
    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        size_of::<Waiting>()
            + match self {
                Waiting::Fresh(packed) => packed.0.len(),
                Waiting::Begun(job) => job.weight(),
            }
    }
}

impl Packed {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// From what [`Packed::bytes`] gave.
    pub(super) fn from_bytes(bytes: &[u8]) -> Packed {
        Packed(bytes.into())
    }
}

impl Packer {
    pub(super) fn new(begun: Instant) -> Packer {
        Packer { begun, sources: Vec::new(), buffer: Vec::new() }
    }

    /// The job of a request that means this URL, and waits from now on.
    pub(super) fn pack(&mut self, index: u64, request: &Request, url: &Url, now: Instant) -> Packed {
        let carried =
            request.carried.as_ref().map(|fields| serde_json::to_vec(fields).expect("JSON is JSON"));
        let special = Special {
            method: request.method.as_str(),
            authorization: request.authorization.as_deref().map(HeaderValue::as_bytes),
            headers: request.headers.as_deref().map(fields),
            body: request.body.as_deref().map(|body| &body[..]),
            carried: carried.as_deref(),
        };
        let source = request.source.as_ref().map(|source| match number_of(&mut self.sources, source) {
            Some(number) => Source::Number(number),
            None => Source::Name(source),
        });
        let form = Form {
            index,
            since: now.saturating_duration_since(self.begun).as_micros() as u64,
            line: request.line,
            source,
            url: Cow::Borrowed(url),
            input: Some(request.input.as_str()).filter(|input| *input != url.as_str()),
            special: (!special.is_usual()).then_some(special),
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.buffer = postcard::to_extend(&form, buffer).expect("memory takes all that is written");
        Packed::from_bytes(&self.buffer)
    }

    pub(super) fn unpack(&self, packed: &Packed, config: &Config) -> Box<Job> {
        let form: Form<'_> = postcard::from_bytes(&packed.0).expect("it is as it was packed");
        let url = form.url.into_owned();
        let input = form.input.unwrap_or(url.as_str()).to_owned();
        let mut request = Request::with_target(input, Ok(url.clone()));
        request.line = form.line;
        request.source = form.source.map(|source| match source {
            Source::Number(number) => Arc::clone(&self.sources[number]),
            Source::Name(name) => name.into(),
        });
        if let Some(special) = form.special {
            special.write_into(&mut request);
        }
        Job::new(form.index, request, url, config, self.begun + Duration::from_micros(form.since))
    }
}

/// How a job is packed.
#[derive(Serialize, Deserialize)]
struct Form<'a> {
    index: u64,
    since: u64,
    line: Option<u64>,
    #[serde(borrow)]
    source: Option<Source<'a>>,
    #[serde(serialize_with = "write_url", deserialize_with = "read_url")]
    url: Cow<'a, Url>,
    /// `None`: it is the URL, letter by letter.
    input: Option<&'a str>,
    special: Option<Special<'a>>,
}

#[derive(Serialize, Deserialize)]
enum Source<'a> {
    Number(usize),
    Name(&'a str),
}

/// What most requests do not have.
#[derive(Serialize, Deserialize)]
struct Special<'a> {
    method: &'a str,
    authorization: Option<&'a [u8]>,
    /// Names, values, and whether they are not to be shown.
    #[serde(borrow)]
    headers: Option<Vec<(&'a str, &'a [u8], bool)>>,
    body: Option<&'a [u8]>,
    /// As JSON.
    carried: Option<&'a [u8]>,
}

impl Special<'_> {
    fn is_usual(&self) -> bool {
        let has_more = self.authorization.is_some() || self.headers.is_some() || self.body.is_some();
        self.method == Method::GET.as_str() && !has_more && self.carried.is_none()
    }

    fn write_into(self, request: &mut Request) {
        const VALID: &str = "it was valid when it was packed";
        let value = |bytes: &[u8], is_sensitive: bool| {
            let mut value = HeaderValue::from_bytes(bytes).expect(VALID);
            value.set_sensitive(is_sensitive);
            value
        };
        request.method = Method::from_bytes(self.method.as_bytes()).expect(VALID);
        request.authorization = self.authorization.map(|bytes| Box::new(value(bytes, true)));
        request.headers = self.headers.map(|fields| {
            let mut headers = HeaderMap::with_capacity(fields.len());
            for (name, bytes, is_sensitive) in fields {
                let name = HeaderName::from_bytes(name.as_bytes()).expect(VALID);
                headers.append(name, value(bytes, is_sensitive));
            }
            Box::new(headers)
        });
        request.body = self.body.map(|body| Box::new(Bytes::copy_from_slice(body)));
        request.carried = self.carried.map(|fields| Arc::new(serde_json::from_slice(fields).expect(VALID)));
    }
}

fn fields(headers: &HeaderMap) -> Vec<(&str, &[u8], bool)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes(), value.is_sensitive())).collect()
}

/// Its place among the known ones, which it joins if there is room.
fn number_of(sources: &mut Vec<Arc<str>>, source: &Arc<str>) -> Option<usize> {
    // Lists come one after another: the last is the likeliest.
    let known = sources.iter().rposition(|known| known == source);
    known.or_else(|| {
        (sources.len() < MOST_SOURCES).then(|| {
            sources.push(Arc::clone(source));
            sources.len() - 1
        })
    })
}

/// With the places of its parts: to parse it once more would take a tenth of all that is done for a URL.
fn write_url<S: serde::Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    url.serialize_internal(serializer)
}

fn read_url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, Url>, D::Error> {
    Url::deserialize_internal(deserializer).map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn what_was_packed_is_unpacked_as_it_was() {
        let config = Config::default();
        let mut headers = HeaderMap::new();
        headers.append("accept-language", HeaderValue::from_static("de: x"));
        headers.append("accept-language", HeaderValue::from_bytes(b"\xff\t").unwrap());
        headers.append("x-key", crate::basic_authorization("me", "secret"));
        let serde_json::Value::Object(carried) = json!({"id": 7, "note": "a\nb"}) else { unreachable!() };
        let requests = [
            Request::new("a.example/1#part"),
            Request::new("http://[::1]:8080/?x=y").at("list.txt".into(), 1),
            Request::new("a.example/2").method(Method::POST).body("x\ny").at("list.csv".into(), 3),
            Request::new("a.example/3").headers(headers).carry(carried).body(""),
            Request::new("http://me:secret@192.0.2.1/4"),
        ];
        let begun = Instant::now();
        let mut packer = Packer::new(begun);
        for (index, request) in requests.iter().enumerate() {
            let since = begun + Duration::from_micros(1_000_003) * index as u32;
            let packed = packer.pack(index as u64, request, request.url().unwrap(), since);
            let job = packer.unpack(&Packed::from_bytes(packed.bytes()), &config);
            assert_eq!((job.index, job.waiting_since), (index as u64, since));
            assert_eq!(format!("{:?}", job.request), format!("{request:?}"));
            assert_eq!(job.request.authorization, request.authorization);
            assert_eq!(job.request.headers, request.headers);
        }
    }

    #[tokio::test]
    async fn a_line_of_a_list_takes_little_and_so_do_many_sources() {
        let mut packer = Packer::new(Instant::now());
        for number in 0..100_000 {
            let text = format!("https://www.example.com/articles/{number}");
            let request = Request::new(&text).at(format!("list-{number}.txt").into(), 1_000);
            let packed = packer.pack(100_000, &request, request.url().unwrap(), Instant::now());
            assert!(packed.bytes().len() < text.len() + 60, "{} bytes", packed.bytes().len());
            let job = packer.unpack(&packed, &Config::default());
            assert_eq!(job.request.source, request.source);
        }
        assert!(packer.sources.len() <= MOST_SOURCES);
    }
}
