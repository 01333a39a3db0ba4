//! Which kind of list it is: said, known by its name, or seen in its first line.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::LONGEST_LINE;

/// The kinds of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListFormat {
    /// A URL a line.
    Lines,
    /// Comma-separated values with a header, as in RFC 4180. Where the header has no comma, semicolons separate.
    Csv,
    /// The same with tabs between the values.
    Tsv,
    /// A JSON object a line.
    JsonLines,
}

impl ListFormat {
    /// The kind that a file's name ends with: `.csv`, `.tsv`, `.tab`, `.jsonl`, `.ndjson` or `.json`, behind which
    /// `.gz` or `.zst` may stand. `None` for all others.
    pub fn of_name(name: &str) -> Option<ListFormat> {
        let ending = |name: &Path| name.extension().map(|ending| ending.to_ascii_lowercase());
        let mut name = Path::new(name).to_owned();
        if ending(&name)
            .is_some_and(|ending| ["gz", "gzip", "zst", "zstd"].iter().any(|known| ending == *known))
        {
            name.set_extension("");
        }
        match ending(&name)?.to_str()? {
            "csv" => Some(ListFormat::Csv),
            "tsv" | "tab" => Some(ListFormat::Tsv),
            "jsonl" | "ndjson" | "json" => Some(ListFormat::JsonLines),
            _ => None,
        }
    }

    /// What the first line of a list shows it to be. No host's name begins with a brace, and no URL is a row of names of
    /// which one is that of the column.
    pub(super) fn of_line(line: &[u8], column: &str) -> ListFormat {
        let has_column = |delimiter: u8| {
            let mut cells = line.split(|byte| *byte == delimiter).map(|cell| {
                let cell = cell.trim_ascii();
                cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell)
            });
            line.contains(&delimiter) && cells.any(|cell| cell.eq_ignore_ascii_case(column.as_bytes()))
        };
        match () {
            () if line.starts_with(b"{") => ListFormat::JsonLines,
            () if has_column(b'\t') => ListFormat::Tsv,
            () if has_column(b',') || has_column(b';') => ListFormat::Csv,
            () => ListFormat::Lines,
        }
    }
}

/// The first line of a list that is not blank, and all of its bytes: nothing is lost by looking.
pub(super) fn first_line(
    mut bytes: Box<dyn BufRead + Send>,
) -> io::Result<(Vec<u8>, Box<dyn BufRead + Send>)> {
    let mut seen = Vec::new();
    loop {
        let start = seen.len();
        let room = (LONGEST_LINE - start) as u64;
        let read = (&mut bytes).take(room).read_until(b'\n', &mut seen)?;
        let line = &seen[start..];
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        if read == 0 || !line.is_empty() {
            return Ok((line.to_vec(), Box::new(io::Cursor::new(seen).chain(bytes))));
        }
    }
}

/// What separates the cells of a CSV with this header.
pub(super) fn delimiter(header: &[u8]) -> u8 {
    if header.contains(&b';') && !header.contains(&b',') { b';' } else { b',' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_in_them() {
        let cases = [
            ("urls.csv", Some(ListFormat::Csv)),
            ("a.b/URLS.CSV.GZ", Some(ListFormat::Csv)),
            ("urls.tsv.zst", Some(ListFormat::Tsv)),
            ("urls.jsonl", Some(ListFormat::JsonLines)),
            ("urls.ndjson.gz", Some(ListFormat::JsonLines)),
            ("urls.txt", None),
            ("urls.gz", None),
            ("csv", None),
            ("-", None),
        ];
        for (name, format) in cases {
            assert_eq!(ListFormat::of_name(name), format, "{name}");
        }
    }

    #[test]
    fn a_first_line_says_what_follows() {
        let cases = [
            ("{\"url\": 1}\n", ListFormat::JsonLines),
            ("\n\n  {}", ListFormat::JsonLines),
            ("# of today\nname,url\n", ListFormat::Lines),
            ("name,url\na,b", ListFormat::Csv),
            ("\u{feff}\"Name\",\"URL\"\r\n", ListFormat::Csv),
            ("id;url\n", ListFormat::Csv),
            ("url\tname, as it was\n", ListFormat::Tsv),
            ("example.com/?a=1,url=2\n", ListFormat::Lines),
            ("url\n", ListFormat::Lines),
            ("example.com\n{}\n", ListFormat::Lines),
            ("[::1]:8080\n", ListFormat::Lines),
            ("", ListFormat::Lines),
        ];
        for (list, expected) in cases {
            let (line, mut bytes) = first_line(Box::new(list.as_bytes())).unwrap();
            let format = ListFormat::of_line(&line, "url");
            let mut text = String::new();
            bytes.read_to_string(&mut text).unwrap();
            assert_eq!((format, text.as_str()), (expected, list));
        }
    }
}
