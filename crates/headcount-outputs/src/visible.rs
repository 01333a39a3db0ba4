//! Text from the network, made fit to be shown: what a terminal or a browser would obey, or show in another order, is
//! written as an escape.

use std::borrow::Cow;
use std::fmt::Write as _;

const SOFT_HYPHEN: char = '\u{ad}';
const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';

/// The text with everything escaped that a terminal would obey or that would show it in another order: C0 and C1
/// controls, bidirectional and other invisible format characters. What joins letters or emoji stays, and soft hyphens, which
/// say where a word may be broken, are left out.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    let mut before = None;
    while let Some(character) = characters.next() {
        match character {
            _ if !is_dangerous(character) => escaped.push(character),
            SOFT_HYPHEN => continue,
            JOINER | NON_JOINER if [before, characters.peek().copied()].iter().all(is_joined) => {
                escaped.push(character);
            }
            '\0'..='\u{ff}' => {
                let _ = write!(escaped, "\\x{:02x}", u32::from(character));
            }
            _ => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
            }
        }
        before = Some(character);
    }
    Cow::Owned(escaped)
}

/// Whether a joiner beside the character has its meaning: Persian, Hindi and others are written with them, and emoji are
/// made of several. Between others, such as the letters of ASCII, it would only hide.
fn is_joined(neighbour: &Option<char>) -> bool {
    neighbour.is_some_and(|character| {
        !character.is_ascii() && !character.is_whitespace() && !is_dangerous(character)
    })
}

/// Whether a terminal would obey the character, or show others in another order for it.
pub fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text as it is shown, cut after so many characters.
pub(crate) fn cut(text: &str, at_most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(at_most) {
        None => shown(text),
        // A joiner that has lost what it joined would be told of.
        Some((end, _)) => {
            Cow::Owned(format!("{}…", shown(text[..end].trim_end_matches([JOINER, NON_JOINER]))))
        }
    }
}

/// The text as HTML or XML, in an element or in a quoted attribute.
pub(crate) fn escaped(text: &str) -> String {
    let text = shown(text);
    let mut markup = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '"' => markup.push_str("&quot;"),
            '\'' => markup.push_str("&#39;"),
            // No character of XML.
            '\u{fffe}' | '\u{ffff}' => markup.push('\u{fffd}'),
            _ => markup.push(character),
        }
    }
    markup
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A time with the digits that matter: `0.4 ms`, `31 ms`, `1.24 s`.
pub fn time(seconds: f64) -> String {
    match seconds {
        ..0.01 => format!("{:.1} ms", seconds * 1e3),
        ..0.9995 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_made_visible() {
        assert_eq!(shown("Bücher, 書 & עברית"), "Bücher, 書 & עברית");
        assert_eq!(shown("a\x1b[2Jb\r\n\x07\x7f"), "a\\x1b[2Jb\\x0d\\x0a\\x07\\x7f");
        assert_eq!(shown("\u{9b}31m\u{202e}x\u{2066}\u{200b}"), "\\x9b31m\\u{202e}x\\u{2066}\\u{200b}");
        for code in (0..0x20).chain(0x7f..0xa0) {
            let character = char::from_u32(code).unwrap().to_string();
            assert!(!shown(&character).contains(char::is_control), "U+{code:04X}");
        }
    }

    #[test]
    fn what_languages_and_emoji_are_written_with_stays() {
        for text in ["👩\u{200d}💻", "❤\u{fe0f}\u{200d}🔥", "می\u{200c}خواهم", "क्\u{200d}ष"]
        {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("Donau\u{ad}dampf\u{ad}schiff"), "Donaudampfschiff");
        assert_eq!(shown("pay\u{200d}pal \u{200c}é\u{200d}"), "pay\\u{200d}pal \\u{200c}é\\u{200d}");
        assert_eq!(shown("é\u{200d}\u{200d}é \u{202e}é"), "é\\u{200d}\\u{200d}é \\u{202e}é");
        assert_eq!(cut("👩\u{200d}💻 at work", 2), "👩…");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut("日本語", 3), "日本語");
        assert_eq!(cut("日本語\u{7}", 3), "日本語…");
        assert_eq!(cut("\u{7}a", 1), "\\x07…");
    }

    #[test]
    fn markup_holds_no_markup_of_others() {
        assert_eq!(escaped("<b a=\"1\" c='2'>&\u{0}"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\\x00");
    }

    #[test]
    fn times_have_the_digits_that_matter() {
        let cases =
            [(0.0004, "0.4 ms"), (0.0312, "31 ms"), (0.9994, "999 ms"), (1.0, "1.00 s"), (61.234, "61.23 s")];
        for (seconds, expected) in cases {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn large_numbers_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, expected) in cases {
            assert_eq!(thousands(number), expected);
        }
    }
}
