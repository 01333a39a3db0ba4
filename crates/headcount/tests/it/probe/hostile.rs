//! Pages made to cost time: the time must grow with their length, not with its square.

use headcount::probe::{HEAD, Undecided, title_nowait};

use super::title;

/// Prefix and unit of pages that are nothing but the unit. Each would take minutes, were anything quadratic in it.
const PAGES: [(&str, &str); 28] = [
    ("", "<title"),
    ("", "<title "),
    ("", "<title>"),
    ("", "<svg><title>"),
    ("", "<svg><desc>"),
    ("<svg><desc>", "<svg></desc>"),
    ("", "<svg><desc></g>"),
    ("<svg><desc><template>", "<svg></desc>"),
    ("<svg>", "</title>"),
    ("", "<!--"),
    ("<!--", "-"),
    ("<!--", ">"),
    ("", "<"),
    ("", "</"),
    ("", "<!"),
    ("", "<a a='"),
    ("<a ", "a="),
    ("", "<a>"),
    ("<script>", "<script"),
    ("<script><!--", "<script></script>"),
    ("", "<style>"),
    ("", "<template><title></title>"),
    ("<svg>", "<![CDATA["),
    ("<title>", "&"),
    ("<title>", "&#0000000"),
    ("<title>", "</titl"),
    ("", "<meta charset="),
    ("", "\u{1b}$B<title\u{1b}(B"),
];

#[test]
fn time_is_linear() {
    for (prefix, unit) in PAGES {
        let mut page = prefix.as_bytes().to_vec();
        while page.len() < 1 << 20 {
            page.extend_from_slice(unit.as_bytes());
        }
        // A possible title at the very end keeps the search from ending early.
        page.extend_from_slice(b"<title>");
        title(&page);
        let mut marked = b"\xff\xfe".to_vec();
        marked.extend(page.iter().flat_map(|&byte| [byte, 0]));
        title(&marked);
    }
}

#[test]
fn the_beginning_of_a_page_often_settles_it() {
    let page =
        |before: usize| format!("<head>{}<title>x</title>{}", " ".repeat(before), "<p>text".repeat(HEAD));
    assert_eq!(title_nowait(page(0).as_bytes(), Some("text/html")), Ok(Some("x".to_owned())));
    assert_eq!(title_nowait(page(HEAD).as_bytes(), Some("text/html")), Err(Undecided));
    assert_eq!(title_nowait(page(HEAD).as_bytes(), Some("image/png")), Ok(None));
    assert_eq!(title_nowait("text".repeat(HEAD).as_bytes(), Some("text/html")), Err(Undecided));
    assert_eq!(title_nowait(b"short", Some("text/html")), Ok(None));
    let open = format!("{}<title>{}</title>", " ".repeat(HEAD - 10), "x".repeat(10));
    assert_eq!(title_nowait(open.as_bytes(), Some("text/html")), Err(Undecided));
    let (guessed, _, _) = encoding_rs::GBK.encode("<title>标题</title>");
    let mut late = " ".repeat(HEAD - 40).into_bytes();
    late.extend_from_slice(&guessed);
    late.extend_from_slice("<p>text".repeat(100).as_bytes());
    assert_eq!(title_nowait(&late, Some("text/html")), Err(Undecided), "what follows can change the guess");
    assert!(title_nowait(&late, Some("text/html; charset=gbk")).is_ok());
}
