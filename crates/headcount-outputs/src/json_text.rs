//! Records as JSON that is safe to show: what a terminal would obey is written as an escape, which is the same JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::visible::is_dangerous;

/// About as long as a record is.
const USUAL_LENGTH: usize = 1_024;

/// Writes one value, without a line end.
pub fn write(mut writer: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut text = Vec::with_capacity(USUAL_LENGTH);
    sonic_rs::to_writer(&mut text, value).map_err(io::Error::other)?;
    // Nearly all text is harmless, which shows fastest if all of it is looked at. What is dangerous stands in strings: all else
    // of JSON is ASCII without controls.
    let is_harmless = text.iter().fold(true, |so_far, byte| so_far & (b' '..0x7f).contains(byte));
    match is_harmless {
        true => writer.write_all(&text),
        false => write_with_escapes(writer, str::from_utf8(&text).map_err(io::Error::other)?),
    }
}

fn write_with_escapes(mut writer: impl Write, text: &str) -> io::Result<()> {
    let mut rest = text;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    proptest! {
        #[test]
        fn any_text_can_be_shown_and_is_read_back_as_it_was(text in "\\PC{0,20}[ -~\\t\\n\"\\\\é日\u{0}-\u{9f}\u{202e}\u{e0041}]{0,20}", number: f64) {
            let value = json!({ "text": text, "number": number, text.as_str(): [null, true, -1] });
            let mut written = Vec::new();
            write(&mut written, &value).unwrap();
            let written = String::from_utf8(written).unwrap();
            prop_assert!(!written.contains(is_dangerous), "{written:?}");
            prop_assert_eq!(&serde_json::from_str::<Value>(&written).unwrap(), &value);
            if !text.contains(is_dangerous) {
                prop_assert_eq!(written, serde_json::to_string(&value).unwrap());
            }
        }
    }
}
