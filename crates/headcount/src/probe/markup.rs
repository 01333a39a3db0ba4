//! The start tags of a page that are HTML elements, in order: what is left once comments, scripts, raw text and foreign
//! content are taken out.
//!
//! This is the HTML Standard's tokenizer and as much of its tree construction as decides whether a tag is HTML. Of the
//! stack of open elements only those are kept that decide it: the roots of SVG and MathML, the elements in which these
//! hold HTML again (integration points), and templates. On well-formed pages that is exact. It differs from a browser
//! where an end tag closes an element that is not kept and with it what was left open inside, as `</div>` does with an
//! open SVG: here the SVG stays open until its own end tag or the next start tag that cannot be SVG.
//!
//! The bytes may be in any encoding in which the bytes of `<`, `>`, quotes, `=`, `-` and `/` mean these characters
//! wherever they stand: all of the web's but UTF-16 and ISO-2022-JP.

use memchr::{memchr2, memmem};

use super::attributes::{Attributes, find_byte, is_space};

/// Walks a page from its beginning. No byte is looked at more than a fixed number of times.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
    /// XHTML: a tag that ends in `/>` is a whole element, and CDATA sections may stand anywhere.
    xml: bool,
    levels: Vec<Level>,
    /// How many of each level are open, so that an end tag without a match costs nothing.
    open: [usize; LEVELS],
    /// The element just returned holds text, which has to be passed over before the next tag.
    pending: Option<Text>,
}

/// A start tag that makes an HTML element.
pub(super) struct StartTag<'a> {
    name: Name,
    /// Where its `<` stands.
    pub(super) start: usize,
    /// Where its content begins.
    pub(super) end: usize,
    /// It is a whole element by itself, which only XHTML allows.
    pub(super) empty: bool,
    /// It belongs to a template, whose content is no part of the page.
    pub(super) in_template: bool,
    pub(super) attributes: Attributes<'a>,
}

impl StartTag<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.as_bytes() == name.as_bytes()
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8], xml: bool) -> Self {
        Scanner { bytes, position: 0, xml, levels: Vec::new(), open: [0; LEVELS], pending: None }
    }

    fn comment_end(&self, start: usize) -> Option<usize> {
        let mut position = start;
        loop {
            let end = find_byte(self.bytes, position, b'>')?;
            let text = &self.bytes[start..end];
            if text.is_empty() || text == b"-" || text.ends_with(b"--") || text.ends_with(b"--!") {
                return Some(end + 1);
            }
            position = end + 1;
        }
    }

    /// Passes over `<!...`, `<?...` or `</` before anything but a letter, whose `<` stands at `start`.
    fn skip_declaration(&mut self, start: usize) -> Option<()> {
        let rest = &self.bytes[start..];
        self.position = if rest.starts_with(b"<!--") {
            self.comment_end(start + 4)?
        } else if rest.starts_with(b"<![CDATA[") && self.holds_cdata() {
            start + memmem::find(rest, b"]]>")? + 3
        } else {
            find_byte(self.bytes, start, b'>')? + 1
        };
        Some(())
    }

    fn skip_end_tag(&mut self, start: usize) -> Option<()> {
        let (name, name_end) = Name::read(self.bytes, start + 2);
        self.position = Attributes::new(self.bytes, name_end).finish()?.position;
        if self.in_foreign() && matches!(name.as_bytes(), b"p" | b"br") {
            self.leave_foreign();
        } else if let Some(level) = Level::closed_by(name.as_bytes()) {
            self.close(level);
        }
        Some(())
    }

    fn skip_text(&mut self, text: &Text) -> Option<()> {
        let end = match text {
            Text::Script => script_end(self.bytes, self.position)?,
            Text::Until(name) => find_end_tag(self.bytes, self.position, name)?,
            Text::Endless => return None,
        };
        self.position = Attributes::new(self.bytes, end.name_end).finish()?.position;
        Some(())
    }

    fn holds_cdata(&self) -> bool {
        self.xml || self.levels.last().is_some_and(|&level| level != Level::Template)
    }

    fn in_foreign(&self) -> bool {
        matches!(self.levels.last(), Some(Level::Svg | Level::Math))
    }

    fn leave_foreign(&mut self) {
        while self.in_foreign() {
            self.pop();
        }
    }

    fn push(&mut self, level: Level) {
        self.levels.push(level);
        self.open[level as usize] += 1;
    }

    fn pop(&mut self) -> Option<Level> {
        let level = self.levels.pop()?;
        self.open[level as usize] -= 1;
        Some(level)
    }

    fn close(&mut self, level: Level) {
        if self.open[level as usize] > 0 {
            while self.pop().is_some_and(|popped| popped != level) {}
        }
    }

    fn open_foreign(&mut self, name: &Name, attributes: Attributes<'_>) {
        let level = match (self.levels.last(), name.as_bytes()) {
            (_, b"svg") => Level::Svg,
            (Some(Level::Math), b"math") => Level::Math,
            (Some(Level::Svg), b"foreignobject") => Level::ForeignObject,
            (Some(Level::Svg), b"desc") => Level::Description,
            (Some(Level::Svg), b"title") => Level::SvgTitle,
            (Some(Level::Math), b"mi") => Level::Identifier,
            (Some(Level::Math), b"mo") => Level::Operator,
            (Some(Level::Math), b"mn") => Level::Number,
            (Some(Level::Math), b"ms") => Level::StringLiteral,
            (Some(Level::Math), b"mtext") => Level::MathText,
            (Some(Level::Math), b"annotation-xml") if holds_html(attributes) => Level::Annotation,
            _ => return,
        };
        self.push(level);
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = StartTag<'a>;

    fn next(&mut self) -> Option<StartTag<'a>> {
        if let Some(text) = self.pending.take() {
            self.skip_text(&text)?;
        }
        loop {
            let start = find_byte(self.bytes, self.position, b'<')?;
            match *self.bytes.get(start + 1)? {
                b'/' => {
                    match *self.bytes.get(start + 2)? {
                        byte if byte.is_ascii_alphabetic() => self.skip_end_tag(start)?,
                        _ => self.skip_declaration(start)?,
                    }
                    continue;
                }
                b'!' | b'?' => {
                    self.skip_declaration(start)?;
                    continue;
                }
                byte if byte.is_ascii_alphabetic() => {}
                _ => {
                    self.position = start + 1;
                    continue;
                }
            }
            let (name, name_end) = Name::read(self.bytes, start + 1);
            let attributes = Attributes::new(self.bytes, name_end);
            let end = attributes.clone().finish()?;
            self.position = end.position;
            if self.in_foreign() {
                if !breaks_out(&name, &attributes) {
                    if !end.self_closing {
                        self.open_foreign(&name, attributes);
                    }
                    continue;
                }
                self.leave_foreign();
            }
            let in_template = self.open[Level::Template as usize] > 0;
            let is_root = matches!(name.as_bytes(), b"svg" | b"math");
            let empty = end.self_closing && (self.xml || is_root);
            if !empty {
                match name.as_bytes() {
                    b"svg" => self.push(Level::Svg),
                    b"math" => self.push(Level::Math),
                    b"template" => self.push(Level::Template),
                    text => self.pending = Text::of(text),
                }
            }
            return Some(StartTag { name, start, end: end.position, empty, in_template, attributes });
        }
    }
}

/// An open element that decides whether a tag inside it is HTML.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Svg,
    Math,
    Template,
    ForeignObject,
    Description,
    SvgTitle,
    Annotation,
    Identifier,
    Operator,
    Number,
    StringLiteral,
    MathText,
}

const LEVELS: usize = Level::MathText as usize + 1;

impl Level {
    fn closed_by(name: &[u8]) -> Option<Level> {
        Some(match name {
            b"svg" => Level::Svg,
            b"math" => Level::Math,
            b"template" => Level::Template,
            b"foreignobject" => Level::ForeignObject,
            b"desc" => Level::Description,
            b"title" => Level::SvgTitle,
            b"annotation-xml" => Level::Annotation,
            b"mi" => Level::Identifier,
            b"mo" => Level::Operator,
            b"mn" => Level::Number,
            b"ms" => Level::StringLiteral,
            b"mtext" => Level::MathText,
            _ => return None,
        })
    }
}

/// How an element's text ends in which tags are not tags.
enum Text {
    Script,
    Until(&'static [u8]),
    Endless,
}

impl Text {
    fn of(name: &[u8]) -> Option<Text> {
        Some(match name {
            b"script" => Text::Script,
            b"plaintext" => Text::Endless,
            b"title" => Text::Until(b"title"),
            b"textarea" => Text::Until(b"textarea"),
            b"style" => Text::Until(b"style"),
            b"xmp" => Text::Until(b"xmp"),
            b"iframe" => Text::Until(b"iframe"),
            b"noembed" => Text::Until(b"noembed"),
            b"noframes" => Text::Until(b"noframes"),
            // A browser runs scripts, and so takes what stands in noscript for text.
            b"noscript" => Text::Until(b"noscript"),
            _ => return None,
        })
    }
}

/// A tag's name in lower case. A name too long for any element that matters here is empty.
#[derive(Clone, Copy)]
struct Name {
    bytes: [u8; 16],
    length: usize,
}

impl Name {
    /// Reads the name that begins at `start`, and says where it ends.
    fn read(bytes: &[u8], start: usize) -> (Name, usize) {
        let mut name = Name { bytes: [0; 16], length: 0 };
        let mut end = start;
        while let Some(&byte) = bytes.get(end).filter(|&&byte| !ends_name(byte)) {
            if let Some(place) = name.bytes.get_mut(end - start) {
                *place = byte.to_ascii_lowercase();
            }
            end += 1;
        }
        if end - start <= name.bytes.len() {
            name.length = end - start;
        }
        (name, end)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// An end tag, from its `<` to just behind its name.
pub(super) struct EndTag {
    pub(super) start: usize,
    name_end: usize,
}

/// The first end tag of that name at or behind `from`, as it ends raw text: whatever else stands there is text.
pub(super) fn find_end_tag(bytes: &[u8], from: usize, name: &[u8]) -> Option<EndTag> {
    let mut position = from;
    loop {
        let start = find_byte(bytes, position, b'<')?;
        if is_tag(&bytes[start + 1..], b"/", name) {
            return Some(EndTag { start, name_end: start + 2 + name.len() });
        }
        position = start + 1;
    }
}

/// The end tag of a script. Within `<!-- -->` a script may hold a script, whose end tag is not the outer one's.
fn script_end(bytes: &[u8], from: usize) -> Option<EndTag> {
    let (mut escaped, mut inner) = (false, false);
    let mut position = from;
    loop {
        let start = if escaped {
            position + memchr2(b'<', b'-', &bytes[position..])?
        } else {
            find_byte(bytes, position, b'<')?
        };
        let found = &bytes[start..];
        position = start + 1;
        if found.starts_with(b"-->") {
            (escaped, inner) = (false, false);
        } else if is_tag(found, b"</", b"script") {
            if !inner {
                return Some(EndTag { start, name_end: start + 8 });
            }
            inner = false;
        } else if escaped && is_tag(found, b"<", b"script") {
            inner = true;
        } else if !escaped && found.starts_with(b"<!--") {
            // The dashes are looked at again, for those of `<!-->` also end the comment.
            escaped = true;
        }
    }
}

fn is_tag(bytes: &[u8], opening: &[u8], name: &[u8]) -> bool {
    bytes.strip_prefix(opening).is_some_and(|rest| {
        rest.len() > name.len()
            && rest[..name.len()].eq_ignore_ascii_case(name)
            && ends_name(rest[name.len()])
    })
}

fn ends_name(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b'/' | b'>')
}

/// Whether a start tag inside SVG or MathML ends it, because nobody can have meant it to be there.
fn breaks_out(name: &Name, attributes: &Attributes<'_>) -> bool {
    match name.as_bytes() {
        b"b" | b"big" | b"blockquote" | b"body" | b"br" | b"center" | b"code" | b"dd" | b"div" | b"dl"
        | b"dt" | b"em" | b"embed" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"head" | b"hr"
        | b"i" | b"img" | b"li" | b"listing" | b"menu" | b"meta" | b"nobr" | b"ol" | b"p" | b"pre"
        | b"ruby" | b"s" | b"small" | b"span" | b"strong" | b"strike" | b"sub" | b"sup" | b"table"
        | b"tt" | b"u" | b"ul" | b"var" => true,
        b"font" => attributes.clone().any(|(name, _)| {
            [b"color".as_slice(), b"face", b"size"].iter().any(|it| name.eq_ignore_ascii_case(it))
        }),
        _ => false,
    }
}

/// Whether an `annotation-xml` says that what it holds is HTML.
fn holds_html(mut attributes: Attributes<'_>) -> bool {
    attributes.find(|(name, _)| name.eq_ignore_ascii_case(b"encoding")).is_some_and(|(_, value)| {
        value.eq_ignore_ascii_case(b"text/html") || value.eq_ignore_ascii_case(b"application/xhtml+xml")
    })
}
