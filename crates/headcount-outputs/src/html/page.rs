//! The frame of our pages: one file that asks for nothing from anywhere. A policy lets only this style sheet and this
//! script run, known by their hashes; text from the network comes in as data.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use url::form_urlencoded;

use crate::json_text;
use crate::visible::escaped;

pub(crate) const STYLE: &str = include_str!("page.css");
pub(crate) const SCRIPT: &str = include_str!("page.js");

/// SHA-256 of the above, as policies write it. A test says what it must be.
pub(crate) const STYLE_HASH: &str = "m7v5h06UsNxc7Si+X1Fzdswz8Hjl4Efm+ai2P6J/JaM=";
pub(crate) const SCRIPT_HASH: &str = "C2tN27DAOi2jrsODZsYoEaTVUoGQvziEQLQHT9cWSvM=";

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
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<Below>,
    /// What each of several numbers is called.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    parts: &'static [&'static str],
}

/// The column whose text stands below another's, and what stands before it.
#[derive(Clone, Copy, Debug, Serialize)]
struct Below {
    column: usize,
    mark: &'static str,
}

impl PageColumn {
    pub(crate) const fn new(label: &'static str, kind: &'static str) -> PageColumn {
        PageColumn { label, kind, below: None, parts: &[] }
    }

    pub(crate) const fn with_below(self, column: usize, mark: &'static str) -> PageColumn {
        PageColumn { below: Some(Below { column, mark }), ..self }
    }

    pub(crate) const fn with_parts(self, parts: &'static [&'static str]) -> PageColumn {
        PageColumn { parts, ..self }
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

/// An address within the page that makes the table show a result, or a group of them, and the rows that contain a text.
/// Either may be empty. It is fit for a quoted attribute.
pub(crate) fn link_to_rows(result: &str, search: &str) -> String {
    let mut state = form_urlencoded::Serializer::for_suffix("#".to_owned(), 1);
    for (name, value) in [("search", search), ("result", result)] {
        if !value.is_empty() {
            state.append_pair(name, value);
        }
    }
    escaped(&state.finish())
}

/// The table's place, which the script fills. `choice` says what its badges are; all of it is text of ours.
pub(crate) fn write_table_frame(
    mut page: impl Write,
    heading: &str,
    choice: &str,
    note: &str,
) -> io::Result<()> {
    // The place in the table is told once, though it stands above and below.
    let pager = |position: &str, role: &str| {
        format!(
            "<nav class=\"pager\" aria-label=\"Pages of the table, {position}\" hidden>\n\
             <button type=\"button\" class=\"first\">First</button>\
             <button type=\"button\" class=\"previous\">Previous</button>\n\
             <span class=\"place\"{role}></span>\n\
             <button type=\"button\" class=\"next\">Next</button>\
             <button type=\"button\" class=\"last\">Last</button>\n</nav>\n"
        )
    };
    write!(
        page,
        "<section id=\"records\" hidden aria-labelledby=\"records-heading\">\n\
         <h2 id=\"records-heading\" tabindex=\"-1\">{heading}</h2>\n<p class=\"count\">{note}</p>\n\
         <div class=\"chips\" id=\"chips\" role=\"group\" aria-label=\"Show only\"></div>\n\
         <div class=\"controls\">\n\
         <label class=\"wide\">Search<input id=\"search\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" \
         placeholder=\"address, title, reason\"></label>\n\
         <label id=\"choice-label\">{choice}<select id=\"choice\"><option value=\"\">all</option></select></label>\n\
         <label class=\"sort\">Sort by<select id=\"sort\"><option value=\"\">the usual order</option></select></label>\n\
         </div>\n\
         <div class=\"above\" id=\"above\"><p class=\"count\" id=\"count\" role=\"status\"></p>\n{}</div>\n\
         <div id=\"sheet\"><table id=\"rows\" aria-labelledby=\"records-heading\"><thead><tr id=\"head\"></tr></thead>\
         <tbody id=\"body\"></tbody></table></div>\n{}</section>\n\
         <noscript><p class=\"sub\">The table of records needs JavaScript; the rest of this page does not.</p></noscript>\n",
        pager("above it", " role=\"status\""),
        pager("below it", ""),
    )
}

/// What the script fills the table from.
#[derive(Serialize)]
pub(crate) struct TableData<'a> {
    pub(crate) columns: &'a [PageColumn],
    /// What the table has no room for, and who opens a row sees.
    pub(crate) more_columns: &'a [PageColumn],
    /// The columns are the user's own choice, and may be many.
    pub(crate) are_chosen: bool,
    /// The colours of badges.
    pub(crate) tones: &'a BTreeMap<String, &'static str>,
    /// The row from which on records were accepted, if rows are records.
    pub(crate) accepted_from: Option<usize>,
}

/// A row's cells as JSON, those of the table and the others. Without them, a page of a hundred thousand rows opens sooner:
/// they are read when a row is opened.
pub(crate) struct Row {
    cells: Box<[u8]>,
    more: Box<[u8]>,
}

impl Row {
    pub(crate) fn new(cells: &impl Serialize, more: &impl Serialize) -> io::Result<Row> {
        Ok(Row { cells: brief(cells)?, more: brief(more)? })
    }
}

/// Cells without the last ones that are empty, as they are in most of many rows.
fn brief(cells: &impl Serialize) -> io::Result<Box<[u8]>> {
    const NOTHING_MORE: &[u8] = b",null]";
    let mut text = embedded(cells)?;
    while text.ends_with(NOTHING_MORE) {
        text.truncate(text.len() - NOTHING_MORE.len());
        text.push(b']');
    }
    Ok(text.into_boxed_slice())
}

impl TableData<'_> {
    /// Writes it and the page's end.
    pub(crate) fn write_end<'a>(
        &self,
        mut page: impl Write,
        rows: impl Iterator<Item = &'a Row> + Clone,
    ) -> io::Result<()> {
        write!(
            page,
            "<footer>Made by headcount {}. This page holds all it shows, and asks nobody for anything.</footer>\n\
             </main>\n<script type=\"application/json\" id=\"data\">{{\"table\":{},\"rows\":[",
            env!("CARGO_PKG_VERSION"),
            String::from_utf8_lossy(&embedded(self)?),
        )?;
        for (place, row) in rows.clone().enumerate() {
            page.write_all(if place > 0 { b",\n" } else { b"\n" })?;
            page.write_all(&row.cells)?;
        }
        write!(page, "]}}</script>\n<script type=\"application/x-ndjson\" id=\"more\">")?;
        for row in rows {
            page.write_all(&row.more)?;
            page.write_all(b"\n")?;
        }
        write!(page, "</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n")
    }
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
