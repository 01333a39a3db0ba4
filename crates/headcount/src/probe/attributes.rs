//! The attributes of one tag, read as the HTML Standard's tokenizer reads them.

use memchr::memchr;

/// An iterator over the attributes of a tag, which also finds where the tag ends. A quote counts only where a value
/// may begin, so `<a it's>` ends where it seems to and `<a title=">">` does not.
#[derive(Clone)]
pub(super) struct Attributes<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Just behind the tag's `>`, once that was reached.
    end: Option<usize>,
    self_closing: bool,
}

impl<'a> Attributes<'a> {
    /// `position` stands just behind the tag's name.
    pub(super) fn new(bytes: &'a [u8], position: usize) -> Self {
        Attributes { bytes, position, end: None, self_closing: false }
    }

    /// Passes over the remaining attributes. `None` if the tag does not end within the bytes.
    pub(super) fn finish(&mut self) -> Option<TagEnd> {
        while self.next().is_some() {}
        self.end.map(|position| TagEnd { position, self_closing: self.self_closing })
    }

    fn skip_while(&mut self, skipped: impl Fn(u8) -> bool) {
        let rest = &self.bytes[self.position..];
        self.position += rest.iter().position(|&byte| !skipped(byte)).unwrap_or(rest.len());
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn value(&mut self) -> Option<&'a [u8]> {
        self.skip_while(is_space);
        let first = self.peek()?;
        if first == b'"' || first == b'\'' {
            let start = self.position + 1;
            let Some(end) = find_byte(self.bytes, start, first) else {
                self.position = self.bytes.len();
                return None;
            };
            self.position = end + 1;
            return Some(&self.bytes[start..end]);
        }
        let start = self.position;
        self.skip_while(|byte| !is_space(byte) && byte != b'>');
        Some(&self.bytes[start..self.position])
    }
}

/// Where a tag ends, just behind its `>`, and whether it ends in `/>`.
pub(super) struct TagEnd {
    pub(super) position: usize,
    pub(super) self_closing: bool,
}

impl<'a> Iterator for Attributes<'a> {
    /// Name and value, neither decoded; the value is empty if there is none.
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut slash = false;
        loop {
            match self.peek()? {
                b'>' => {
                    if self.end.is_none() {
                        self.end = Some(self.position + 1);
                        self.self_closing = slash;
                    }
                    return None;
                }
                b'/' => slash = true,
                byte if is_space(byte) => slash = false,
                _ => break,
            }
            self.position += 1;
        }
        let start = self.position;
        self.position += 1;
        self.skip_while(|byte| !is_space(byte) && !matches!(byte, b'=' | b'/' | b'>'));
        let name = &self.bytes[start..self.position];
        self.skip_while(is_space);
        if self.peek() != Some(b'=') {
            return Some((name, b""));
        }
        self.position += 1;
        Some((name, self.value()?))
    }
}

/// White space as the HTML Standard counts it: tab, line feed, form feed, carriage return and space.
pub(super) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// Where the byte next stands at or behind `from`. In markup that is often at once, when setting out to search costs
/// more than looking.
pub(super) fn find_byte(bytes: &[u8], from: usize, byte: u8) -> Option<usize> {
    let rest = &bytes[from..];
    match rest.iter().take(4).position(|&it| it == byte) {
        Some(near) => Some(from + near),
        None => Some(from + 4 + memchr(byte, rest.get(4..)?)?),
    }
}
