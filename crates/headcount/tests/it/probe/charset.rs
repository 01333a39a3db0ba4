//! In which encoding a page is read.

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, KOI8_R, SHIFT_JIS, UTF_8, WINDOWS_1251,
    WINDOWS_1252,
};

use super::{check, title};

/// Title and text of a page in each encoding, long enough for a guess.
const PAGES: [(&Encoding, &str, &str); 10] = [
    (UTF_8, "Größe – 尺寸", "Ein Satz über die Größe der Welt, 以及一句中文。"),
    (GBK, "汉字编码测试页面", "这是一个用简体中文写成的网页，用来检查标题是否正确。"),
    (GB18030, "国家标准编码测试", "国家标准规定了汉字的编码方法，所有的软件都应当支持它。"),
    (BIG5, "繁體中文的測試網頁", "這是一個用繁體中文寫成的網頁，用來檢查標題是否正確。"),
    (
        SHIFT_JIS,
        "日本語のページの表題",
        "これは日本語で書かれたページです。表題が正しいかどうかを確かめます。",
    ),
    (EUC_JP, "日本語のページの表題", "これは日本語で書かれたページです。表題が正しいかどうかを確かめます。"),
    (
        ISO_2022_JP,
        "日本語のページの表題",
        "これは日本語で書かれたページです。表題が正しいかどうかを確かめます。",
    ),
    (EUC_KR, "한국어 시험 페이지", "이것은 제목이 올바른지 확인하기 위해 한국어로 쓴 페이지입니다."),
    (WINDOWS_1251, "Проверка заголовка", "Эта страница написана по-русски, чтобы проверить заголовок."),
    (KOI8_R, "Проверка заголовка", "Эта страница написана по-русски, чтобы проверить заголовок."),
];

fn encode(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    let (bytes, _, unmappable) = encoding.encode(text);
    assert!(!unmappable, "{text} in {}", encoding.name());
    bytes.into_owned()
}

fn utf_16(text: &str, to_bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

#[test]
fn by_content_type() {
    for (encoding, expected, text) in PAGES {
        let page = encode(encoding, &format!("<!DOCTYPE html><title>{expected}</title><p>{text}"));
        for content_type in [
            format!("text/html; charset={}", encoding.name()),
            format!("Text/HTML;Charset=\"{}\"", encoding.name().to_lowercase()),
            format!("text/html; a=b; c=\"d;e\"; charset = {} ;f", encoding.name()),
        ] {
            let found = headcount::probe::title(&page, Some(&content_type));
            assert_eq!(found.as_deref(), Some(expected), "{content_type}");
        }
    }
}

#[test]
fn by_meta() {
    for (encoding, expected, text) in PAGES {
        let name = encoding.name();
        for meta in [
            format!("<meta charset={name}>"),
            format!("<META name=x CharSet = '{name}' />"),
            format!("<meta/charset=\"{name}\">"),
            format!("<meta http-equiv=Content-Type content='text/html; charset={name}'>"),
            format!("<meta content=\"text/html; charset = '{name}' \" http-equiv=\"content-type\">"),
            format!("<!-- <meta charset=koi8-u> --><meta charset={name}>"),
            format!("<p title='<meta charset=koi8-u>'><meta charset={name}><meta charset=koi8-u>"),
            format!(
                "<meta charset=nonsense><meta name=a content='charset=koi8-u'><meta charset={name} charset=koi8-u>"
            ),
            format!("<?xml version='1.0' encoding = \"{name}\"?>"),
        ] {
            let before = encode(encoding, &format!("{meta}<title>{expected}</title><p>{text}"));
            check(before, expected);
            if !meta.starts_with("<?") {
                check(encode(encoding, &format!("<title>{expected}</title>{meta}<p>{text}")), expected);
            }
        }
    }
}

#[test]
fn by_guess() {
    for (encoding, expected, text) in PAGES {
        check(encode(encoding, &format!("<html><title>{expected}</title><p>{text}")), expected);
        let described = format!("<meta name=description content=\"{text}\"><title>{expected}</title>");
        check(encode(encoding, &described), expected);
    }
    check(encode(WINDOWS_1252, "<title>Café crème à la carte</title>"), "Café crème à la carte");
}

#[test]
fn by_byte_order_mark() {
    for expected in ["Größe – 尺寸 😀", "plain"] {
        let page = format!("\u{feff}<html><title>{expected}</title>");
        for content_type in ["text/html", "text/html; charset=koi8-r"] {
            let found = |bytes: &[u8]| headcount::probe::title(bytes, Some(content_type));
            assert_eq!(found(page.as_bytes()).as_deref(), Some(expected));
            assert_eq!(found(&utf_16(&page, u16::to_le_bytes)).as_deref(), Some(expected));
            assert_eq!(found(&utf_16(&page, u16::to_be_bytes)).as_deref(), Some(expected));
        }
        let far = format!("\u{feff}{}<title>{expected}</title>", "<p>字</p>".repeat(10_000));
        check(utf_16(&far, u16::to_le_bytes), expected);
    }
    check("\u{feff}<title>\u{feff}x</title>", "\u{feff}x");
}

#[test]
fn utf_16_without_a_mark() {
    let page = "<title>Größe – 尺寸</title>";
    let found =
        |bytes: &[u8], name| headcount::probe::title(bytes, Some(&format!("text/html; charset={name}")));
    assert_eq!(found(&utf_16(page, u16::to_le_bytes), "utf-16").as_deref(), Some("Größe – 尺寸"));
    assert_eq!(found(&utf_16(page, u16::to_le_bytes), "utf-16le").as_deref(), Some("Größe – 尺寸"));
    assert_eq!(found(&utf_16(page, u16::to_be_bytes), "utf-16be").as_deref(), Some("Größe – 尺寸"));
    let page = format!("<?xml version='1.0'?>{page}");
    check(utf_16(&page, u16::to_le_bytes), "Größe – 尺寸");
    check(utf_16(&page, u16::to_be_bytes), "Größe – 尺寸");
}

#[test]
fn declarations_that_cannot_be_meant() {
    check("<meta charset=utf-16><title>Größe</title>", "Größe");
    check("<meta charset=utf-16be><title>Größe</title>", "Größe");
    check("<?xml encoding='utf-16'?><title>Größe</title>", "Größe");
    check(b"<meta charset=x-user-defined><title>Gr\xf6\xdfe \x80</title>", "Größe €");
    check("<meta charset=hz-gb-2312><title>Größe</title>", None);
    assert_eq!(headcount::probe::title(b"<title>x</title>", Some("text/html; charset=iso-2022-kr")), None);
}

#[test]
fn an_outer_declaration_beats_an_inner_one() {
    let found = |content_type| {
        headcount::probe::title("<meta charset=koi8-r><title>Größe</title>".as_bytes(), Some(content_type))
    };
    assert_eq!(found("text/html; charset=utf-8").as_deref(), Some("Größe"));
    assert_eq!(found("text/html; charset=nonsense"), found("text/html"));
    assert_ne!(found("text/html; charset=nonsense"), found("text/html; charset=utf-8"));
}

#[test]
fn a_late_meta_counts_if_it_is_an_element() {
    let padding = format!("<script>{}</script>", "var x = '<meta charset=koi8-r>';".repeat(100));
    let page = format!("<head>{}<title>Größe</title>", "<link rel=x href=yyyyyyyyyyyyyy>".repeat(40));
    check(format!("{page}{padding}<meta charset=windows-1251>"), "GrГ¶Гџe");
    check(format!("{page}{padding}<meta charset=utf-8>"), "Größe");
}

#[test]
fn trailing_bytes_that_look_like_ascii() {
    // The second byte of 表 is a backslash in Shift_JIS, that of 功 in Big5, and 7E ends characters of GBK.
    for (encoding, text) in [(SHIFT_JIS, "表ソ能十|"), (BIG5, "功許蓋"), (GBK, "亊亅皛")] {
        let page = encode(encoding, &format!("<a title='{text}'><title>{text}</title>"));
        let found = headcount::probe::title(&page, Some(&format!("text/html; charset={}", encoding.name())));
        assert_eq!(found.as_deref(), Some(text));
    }
}

#[test]
fn invalid_bytes_are_replaced_and_end_no_title_early() {
    let found = |bytes: &[u8]| headcount::probe::title(bytes, Some("text/html; charset=utf-8"));
    assert_eq!(found(b"<title>a\xffb\xe4</title>").as_deref(), Some("a\u{fffd}b\u{fffd}"));
    let found = |bytes: &[u8]| headcount::probe::title(bytes, Some("text/html; charset=shift_jis"));
    assert_eq!(found(b"<title>a\x81</title>").as_deref(), Some("a\u{fffd}"));
    let found = |bytes: &[u8]| headcount::probe::title(bytes, Some("text/html; charset=gb18030"));
    assert_eq!(found(b"<title>a\x81\x30</title>").as_deref(), Some("a\u{fffd}0"));
}

#[test]
fn an_ascii_title_needs_no_encoding() {
    assert_eq!(title(b"<title>plain</title>\xff\xfe\x80"), Some("plain".to_owned()));
}
