//! What a user wants to know of each body: found by a CSS selector, a JSON pointer or a regular expression.

use std::cell::OnceCell;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use html5ever::driver::{ParseOpts, parse_document};
use html5ever::tendril::TendrilSink;
use regex::Regex;
use scraper::{Html, HtmlTreeSink, Selector};
use serde_json::Value;

use super::charset;
use super::sniff::is_xhtml;
use crate::record::Object;

/// The most characters of a text that is extracted; the rest is cut off.
pub const EXTRACT_LIMIT: usize = 10_000;

/// Browsers nest elements no deeper; what stands behind one that is deeper is not read.
const DEEPEST: usize = 512;

/// Bytes of a page to parse before its depth is looked at.
const PARSED_AT_ONCE: usize = 512;

/// Something to extract from each body, under a name: `price=.price`, `next=a.next@href`, `id=/items/0/id`,
/// `version=re:v([0-9.]+)`.
///
/// A selector finds the text of the first element that it matches, with white space collapsed, or behind `@` one of its
/// attributes. What begins with `/` is a JSON pointer (RFC 6901) and finds any JSON. A regular expression finds its first
/// group, or where it has none all that it matches.
#[derive(Clone, Debug)]
pub struct Extraction {
    name: String,
    text: String,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Selector(Arc<Selector>, Option<String>),
    Pointer(String),
    Pattern(Regex),
}

impl Extraction {
    /// The name under which it stands in the record.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Extraction {
    type Err = String;

    fn from_str(text: &str) -> Result<Extraction, String> {
        let (name, way) = text.split_once('=').unwrap_or_default();
        if name.trim().is_empty() || way.is_empty() {
            return Err("it is written name=SELECTOR, name=/json/pointer or name=re:PATTERN".to_owned());
        }
        let way = if let Some(pattern) = way.strip_prefix("re:") {
            Way::Pattern(Regex::new(pattern).map_err(|reason| reason.to_string())?)
        } else if way.starts_with('/') {
            Way::Pointer(way.to_owned())
        } else {
            let (selector, attribute) = match way.rsplit_once('@') {
                Some((selector, attribute)) if is_attribute(attribute) => (selector, Some(attribute)),
                _ => (way, None),
            };
            let parsed = Selector::parse(selector)
                .map_err(|reason| format!("{selector:?} is no CSS selector: {reason}"))?;
            Way::Selector(Arc::new(parsed), attribute.map(str::to_ascii_lowercase))
        };
        Ok(Extraction { name: name.trim().to_owned(), text: text.to_owned(), way })
    }
}

impl fmt::Display for Extraction {
    /// As it was written.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn is_attribute(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte))
}

/// All that is to be extracted from a body, by name; `null` is what is not there. The body may be cut anywhere and hold
/// anything. On an event loop this belongs on another thread: a page takes some ten milliseconds for each megabyte, and one
/// that is made to be slow a hundred times that.
#[must_use]
pub fn extract(body: &[u8], content_type: Option<&str>, extractions: &[Extraction]) -> Object {
    let text = charset::decode(body, is_xhtml(content_type), content_type);
    let (page, json) = (OnceCell::new(), OnceCell::new());
    let found = |way: &Way| match way {
        Way::Selector(selector, attribute) => {
            let page: &Html = page.get_or_init(|| parse(&text));
            let element = page.select(selector).next()?;
            match attribute {
                Some(attribute) => element.attr(attribute).map(shortened),
                None => Some(shortened(&collapsed(element.text()))),
            }
        }
        Way::Pointer(pointer) => {
            let json: &Option<Value> = json.get_or_init(|| serde_json::from_str(&text).ok());
            json.as_ref()?.pointer(pointer).cloned()
        }
        Way::Pattern(pattern) => {
            let captures = pattern.captures(&text)?;
            captures.get(usize::from(captures.len() > 1)).map(|found| shortened(found.as_str()))
        }
    };
    let entry =
        |extraction: &Extraction| (extraction.name.clone(), found(&extraction.way).unwrap_or(Value::Null));
    extractions.iter().map(entry).collect()
}

/// The page, as far as its elements are nested no deeper than in any browser. Each element costs in proportion to its
/// depth, so that a page of nothing but nesting would cost its square.
fn parse(text: &str) -> Html {
    let sink = HtmlTreeSink::new(Html::new_document());
    let mut parser = parse_document(sink, ParseOpts::default());
    let (mut rest, mut seen) = (text, 0);
    while !rest.is_empty() {
        let end = (PARSED_AT_ONCE..rest.len()).find(|end| rest.is_char_boundary(*end));
        let (piece, behind) = rest.split_at(end.unwrap_or(rest.len()));
        parser.process(piece.into());
        rest = behind;
        let page = parser.tokenizer.sink.sink.0.borrow();
        let nodes = page.tree.nodes();
        let count = nodes.len();
        if nodes.rev().take(count - seen).any(|node| node.ancestors().nth(DEEPEST).is_some()) {
            break;
        }
        seen = count;
    }
    parser.finish()
}

fn shortened(text: &str) -> Value {
    let end = text.char_indices().nth(EXTRACT_LIMIT).map_or(text.len(), |(at, _)| at);
    Value::from(&text[..end])
}

fn collapsed<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let text: String = parts.collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
