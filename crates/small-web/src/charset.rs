//! Pages with titles that are not ASCII, in the encodings of the older web.

use encoding_rs::Encoding;

/// A page in some encoding, and what its Content-Type says.
pub(crate) struct CharsetPage {
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// Each encoding with its title, and how `/charset/NAME` declares it unless `?by=` says otherwise.
const TITLES: [(&str, &str, &str); 10] = [
    ("utf-8", "Grüße aus der Übersicht – ☃", "header"),
    ("utf-16le", "Ünïcödé in sixteen bits – ☃", "bom"),
    ("utf-16be", "Ünïcödé, big end first – ☃", "bom"),
    ("gbk", "新华网首页：中国新闻与时事评论", "header"),
    ("big5", "臺灣新聞網站：繁體中文首頁", "meta"),
    ("shift_jis", "日本語のページへようこそ", "meta"),
    ("euc-jp", "日本語のニュースをお届けします", "header"),
    ("euc-kr", "한국어 뉴스 페이지에 오신 것을 환영합니다", "header"),
    ("windows-1251", "Добро пожаловать на главную страницу", "meta"),
    ("windows-1252", "Übergrößenträger – Café „Zürich“", "header"),
];

/// The title of `/charset/NAME`, and None where there is no such page.
pub fn charset_title(name: &str) -> Option<&'static str> {
    TITLES.iter().find(|(charset, ..)| *charset == name).map(|(_, title, _)| *title)
}

/// The page of `/charset/NAME`, declared as told or as is usual for it.
pub(crate) fn charset_page(name: &str, by: Option<&str>) -> Option<CharsetPage> {
    let (charset, title, usual) = TITLES.iter().find(|(charset, ..)| *charset == name)?;
    let by = by.unwrap_or(usual);
    let meta = if by == "meta" { format!("<meta charset=\"{charset}\">") } else { String::new() };
    let page = format!(
        "<!doctype html>\n<html><head>{meta}<title>{title}</title></head>\n<body><p>{title}</p></body></html>\n"
    );
    let page = if by == "bom" { format!("\u{feff}{page}") } else { page };
    let content_type = match by {
        "header" => format!("text/html; charset={charset}"),
        _ => "text/html".to_owned(),
    };
    Some(CharsetPage { content_type, body: encode(charset, &page) })
}

fn encode(charset: &str, text: &str) -> Vec<u8> {
    match charset {
        // Browsers read UTF-16 but never write it, so encoding_rs does not either.
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => {
            let encoding = Encoding::for_label(charset.as_bytes()).expect("a name that browsers know");
            encoding.encode(text).0.into_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_title_survives_its_encoding() {
        for (charset, title, _) in TITLES {
            let page = charset_page(charset, Some("nothing")).unwrap();
            let encoding = Encoding::for_label(charset.as_bytes()).unwrap();
            let (text, _, malformed) = encoding.decode(&page.body);
            assert!(!malformed && text.contains(title), "{charset}: {text}");
            // A character that an encoding lacks becomes a reference.
            assert!(!text.contains("&#"), "{charset}: {text}");
        }
    }
}
