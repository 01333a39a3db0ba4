//! robots.txt, read and obeyed as RFC 9309 has it: which paths of a host are closed to us, and how far apart requests should be.
//!
//! Pure: whoever fetches the file hands over what came, once per host, and asks for each URL.

use std::time::Duration;

use http::StatusCode;
use memchr::memmem;

/// What is read of a file; RFC 9309 asks for no less. A byte more shows that it goes on.
pub(crate) const LONGEST_FILE: usize = 500 << 10;

/// No Crawl-delay is obeyed beyond this: whoever writes a day there means that nobody should come, and has Disallow to say so.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// What a host's robots.txt, or its absence, says to one agent.
#[derive(Clone, Debug)]
pub enum Access {
    /// The file came, and these are its rules.
    Rules(Robots),
    /// There is no file, so nothing is closed.
    Everything,
    /// The host could not say; nothing may be asked until it can.
    NothingYet,
}

impl Access {
    /// What follows from an attempt to fetch `/robots.txt`, once redirects were followed. `status` is `None` when no
    /// answer came; `body` counts only for a success. `agent` is our product token, as `headcount`.
    ///
    /// A 429 is no statement about the file, so it stands with the errors of servers rather than with the other 4xx.
    /// A redirect that could not be followed to its end counts as no file.
    pub fn from_answer(status: Option<StatusCode>, body: &[u8], agent: &str) -> Access {
        match status {
            Some(status) if status.is_success() => Access::Rules(Robots::parse(body, agent)),
            Some(StatusCode::TOO_MANY_REQUESTS) => Access::NothingYet,
            Some(status) if status.is_client_error() || status.is_redirection() => Access::Everything,
            _ => Access::NothingYet,
        }
    }

    /// Whether a path with its query may be asked for.
    pub fn allows(&self, path: &str) -> bool {
        match self {
            Access::Rules(robots) => robots.allows(path),
            Access::Everything => true,
            Access::NothingYet => is_robots_file(path.as_bytes()),
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Access::Rules(robots) => {
                robots.rules.iter().map(|rule| size_of::<Rule>() + rule.pattern.text.capacity()).sum()
            }
            Access::Everything | Access::NothingYet => 0,
        }
    }
}

/// The part of a robots.txt that concerns one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Robots {
    /// The most specific first, so that the first that matches decides.
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

impl Robots {
    /// Reads a file for the agent with this product token. No file is wrong: what cannot be understood is passed over.
    pub fn parse(file: &[u8], agent: &str) -> Robots {
        let mut reading = Reading::default();
        for line in lines(file) {
            if let Some((key, value)) = field(line) {
                reading.take(key, value, agent.as_bytes());
            }
        }
        let group = reading.ours.or(reading.everyones).unwrap_or_default();
        let mut rules = group.rules;
        rules.sort_by_key(|rule| (std::cmp::Reverse(rule.pattern.octets()), !rule.allows));
        rules.dedup();
        Robots { rules, crawl_delay: group.crawl_delay }
    }

    /// Whether a path with its query may be asked for. The longest pattern that matches decides; between equals, the
    /// one that allows.
    pub fn allows(&self, path: &str) -> bool {
        let path = normalised_path(path.as_bytes());
        let decisive = self.rules.iter().find(|rule| rule.pattern.matches(&path));
        is_robots_file(&path) || decisive.is_none_or(|rule| rule.allows)
    }

    /// The least time between two requests that the file asks for, at most a minute.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }
}

/// The rules of all groups for one agent, put together.
#[derive(Default)]
struct Group {
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    allows: bool,
}

#[derive(Default)]
struct Reading {
    ours: Option<Group>,
    everyones: Option<Group>,
    /// Whether the group being read names us, and whether it names everyone.
    names_us: bool,
    names_everyone: bool,
    /// Agents are being named; another name joins them.
    is_naming: bool,
}

impl Reading {
    fn take(&mut self, key: &[u8], value: &[u8], agent: &[u8]) {
        if key.eq_ignore_ascii_case(b"user-agent") {
            self.name(value, agent);
        } else if key.eq_ignore_ascii_case(b"allow") {
            self.rule(value, true);
        } else if key.eq_ignore_ascii_case(b"disallow") {
            self.rule(value, false);
        } else if key.eq_ignore_ascii_case(b"crawl-delay") {
            // Not of the RFC, so it does not end the naming of agents.
            if let Some(delay) = delay(value) {
                self.for_each_group(|group| group.crawl_delay = group.crawl_delay.max(Some(delay)));
            }
        }
    }

    fn name(&mut self, value: &[u8], agent: &[u8]) {
        if !self.is_naming {
            (self.names_us, self.names_everyone) = (false, false);
        }
        self.is_naming = true;
        // Files say `Bot/2.1` and `Bot (friendly)` where the RFC wants `Bot`.
        let token = value.split(|byte| !is_token(*byte)).next().unwrap_or_default();
        if !token.is_empty() && token.eq_ignore_ascii_case(agent) {
            self.names_us = true;
            self.ours.get_or_insert_default();
        } else if value == b"*" || value.starts_with(b"* ") || value.starts_with(b"*\t") {
            self.names_everyone = true;
            self.everyones.get_or_insert_default();
        }
    }

    fn rule(&mut self, value: &[u8], allows: bool) {
        self.is_naming = false;
        // An empty pattern matches nothing, and neither does one that no path can begin with.
        if !matches!(value.first(), Some(b'/' | b'*')) {
            return;
        }
        let pattern = Pattern::new(value);
        self.for_each_group(|group| group.rules.push(Rule { pattern: pattern.clone(), allows }));
    }

    fn for_each_group(&mut self, mut change: impl FnMut(&mut Group)) {
        self.ours.as_mut().filter(|_| self.names_us).map(&mut change);
        self.everyones.as_mut().filter(|_| self.names_everyone).map(&mut change);
    }
}

/// A path with wildcards, normalised like the paths it is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// What stands between the wildcards is found as it is: a `*` that means itself is `%2A` here.
    text: Vec<u8>,
    is_anchored: bool,
}

impl Pattern {
    fn new(value: &[u8]) -> Pattern {
        let (value, is_anchored) = match value {
            [value @ .., b'$'] => (value, true),
            value => (value, false),
        };
        Pattern { text: normalised(value, b"*"), is_anchored }
    }

    fn octets(&self) -> usize {
        self.text.len() + usize::from(self.is_anchored)
    }

    /// Takes the first place for each part, which leaves the most for those after it: no going back, linear time.
    fn matches(&self, path: &[u8]) -> bool {
        let mut parts = self.text.split(|byte| *byte == b'*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = path.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return !self.is_anchored || rest.is_empty() };
        for part in parts {
            let Some(place) = memmem::find(rest, part) else { return false };
            rest = &rest[place + part.len()..];
        }
        if self.is_anchored { rest.ends_with(last) } else { memmem::find(rest, last).is_some() }
    }
}

/// Lines end in LF, CR or both. A byte order mark before the first is no part of it, and a line that goes beyond the
/// limit is dropped whole: half a pattern would close more than its author meant.
fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let text = match file.get(..LONGEST_FILE) {
        Some(start) if file.len() > LONGEST_FILE && !is_end(&file[LONGEST_FILE]) => {
            let end = start.iter().rposition(is_end).unwrap_or_default();
            &start[..end]
        }
        Some(start) => start,
        None => file,
    };
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).split(is_end)
}

/// A line's key and value, without its comment.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    let colon = memchr::memchr(b':', line)?;
    Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()))
}

fn delay(value: &[u8]) -> Option<Duration> {
    let is_plain = value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let seconds: f64 = std::str::from_utf8(value).ok().filter(|_| is_plain)?.parse().ok()?;
    let delay = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_DELAY).min(LONGEST_DELAY);
    (!delay.is_zero()).then_some(delay)
}

/// The file itself is open to everyone.
fn is_robots_file(path: &[u8]) -> bool {
    path == b"/robots.txt"
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')
}

fn normalised_path(path: &[u8]) -> Vec<u8> {
    if path.is_empty() { b"/".to_vec() } else { normalised(path, b"") }
}

/// One spelling for what RFC 3986 calls equivalent: escapes of unreserved characters are resolved, other escapes are in
/// capitals, and what must be escaped is. `*` and `$` are escaped too, except those in `kept`, which have a meaning.
fn normalised(text: &[u8], kept: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut is_query = false;
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let escaped = match behind {
            [high, low, after @ ..] if *byte == b'%' => hex(*high, *low).map(|value| (value, after)),
            _ => None,
        };
        if let Some((value, after)) = escaped {
            rest = after;
            // These divide a path but mean nothing in a query, where they may stand either way.
            let may_be_plain = is_unreserved(value) || is_query && matches!(value, b'/' | b':' | b'?' | b'@');
            put(value, may_be_plain, &mut result);
        } else {
            is_query |= *byte == b'?';
            let is_plain = byte.is_ascii_graphic() && !matches!(byte, b'*' | b'$');
            put(*byte, is_plain || kept.contains(byte), &mut result);
        }
    }
    result
}

fn put(byte: u8, is_plain: bool, into: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if is_plain {
        into.push(byte);
    } else {
        into.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
