//! Records as JSON that is safe to show: what a terminal would obey is written as an escape, which is the same JSON.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::json_serializer::Serializer;
use crate::visible::is_dangerous;

/// Writes one value, without a line end.
pub fn write(writer: impl Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer { writer }).map_err(io::Error::from)
}

/// serde_json escapes the controls below U+0020 only.
pub(crate) struct SafeFormatter;

impl Formatter for SafeFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| byte.is_ascii() && byte != 0x7f) {
            return CompactFormatter.write_string_fragment(writer, fragment);
        }
        let mut rest = fragment;
        while let Some(position) = rest.find(is_dangerous) {
            let (safe, from) = rest.split_at(position);
            writer.write_all(safe.as_bytes())?;
            let mut characters = from.chars();
            if let Some(character) = characters.next() {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}
