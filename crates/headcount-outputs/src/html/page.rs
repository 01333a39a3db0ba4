//! The frame of our pages: one file that asks for nothing from anywhere. A policy lets only this style sheet and this
//! script run, known by their hashes; text from the network comes in as data.

use std::io::{self, Write};

use serde::Serialize;

use crate::json_text;
use crate::visible::escaped;

pub(crate) const STYLE: &str = include_str!("page.css");
pub(crate) const SCRIPT: &str = include_str!("page.js");

/// SHA-256 of the above, as policies write it. A test says what it must be.
pub(crate) const STYLE_HASH: &str = "eL/DK+k8z9BwUovD3cPbpN96FZrWiX7Tmg2IUTqPwQI=";
pub(crate) const SCRIPT_HASH: &str = "9ZOP9C0B+/lDlVaXIQM2TbJGjxQipdBQM2UXKJQG87M=";

/// Characters of an address, and of another text, that a table has. More would be no reading matter, and a page of nothing
/// but long ones has to open too.
pub(crate) const LONGEST_ADDRESS: usize = 2_000;
pub(crate) const LONGEST_TEXT: usize = 300;

/// A column of a page's table, as the script knows it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct PageColumn {
    label: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The column whose text stands below this one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<usize>,
}

impl PageColumn {
    pub(crate) const fn new(label: &'static str, kind: &'static str) -> PageColumn {
        PageColumn { label, kind, below: None }
    }

    pub(crate) const fn with_below(self, below: usize) -> PageColumn {
        PageColumn { below: Some(below), ..self }
    }
}

/// Everything up to the page's own content.
pub(crate) fn write_head(mut page: impl Write, title: &str) -> io::Result<()> {
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'sha256-{STYLE_HASH}'; script-src 'sha256-{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escaped(title)
    )
}

/// The table's place, which the script fills. `choice` says what its badges are; all of it is text of ours.
pub(crate) fn write_table_frame(
    mut page: impl Write,
    heading: &str,
    choice: &str,
    note: &str,
) -> io::Result<()> {
    write!(
        page,
        "<section id=\"records\" hidden aria-labelledby=\"records-heading\">\n\
         <h2 id=\"records-heading\">{heading}</h2>\n<p class=\"count\">{note}</p>\n\
         <div class=\"controls\">\n\
         <label class=\"wide\">Search<input id=\"search\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" \
         placeholder=\"address, title, reason\"></label>\n\
         <label>{choice}<select id=\"choice\"><option value=\"\">all</option></select></label>\n</div>\n\
         <p class=\"count\" id=\"count\" role=\"status\"></p>\n\
         <div id=\"sheet\"><table id=\"rows\" aria-labelledby=\"records-heading\"><thead><tr id=\"head\"></tr></thead>\
         <tbody id=\"body\"></tbody></table></div>\n\
         <nav class=\"pager\" aria-label=\"Pages of the table\">\n\
         <button type=\"button\" id=\"first\">First</button><button type=\"button\" id=\"previous\">Previous</button>\n\
         <span id=\"place\" role=\"status\"></span>\n\
         <button type=\"button\" id=\"next\">Next</button><button type=\"button\" id=\"last\">Last</button>\n\
         </nav>\n</section>\n\
         <noscript><p class=\"sub\">The table of records needs JavaScript; the rest of this page does not.</p></noscript>\n"
    )
}

/// The table's data, and the page's end. Rows are JSON already, made by [`embedded`].
pub(crate) fn write_end<'a>(
    mut page: impl Write,
    columns: &[PageColumn],
    tones: &impl Serialize,
    rows: impl Iterator<Item = &'a [u8]>,
) -> io::Result<()> {
    write!(
        page,
        "<footer>Made by headcount {}. This page holds all it shows, and asks nobody for anything.</footer>\n\
         </main>\n<script type=\"application/json\" id=\"data\">{{\"columns\":{},\"tones\":{},\"rows\":[",
        env!("CARGO_PKG_VERSION"),
        String::from_utf8_lossy(&embedded(columns)?),
        String::from_utf8_lossy(&embedded(tones)?)
    )?;
    for (place, row) in rows.enumerate() {
        page.write_all(if place > 0 { b",\n" } else { b"\n" })?;
        page.write_all(row)?;
    }
    write!(page, "]}}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n")
}

/// A value as JSON that cannot end the element that it stands in: no `<` is left.
pub(crate) fn embedded<T: Serialize + ?Sized>(value: &T) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    json_text::write(&mut text, &value)?;
    if text.contains(&b'<') {
        let replaced = String::from_utf8_lossy(&text).replace('<', "\\u003c");
        text = replaced.into_bytes();
    }
    Ok(text)
}
