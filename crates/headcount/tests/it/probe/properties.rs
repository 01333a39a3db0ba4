//! What holds of every body.

use headcount::probe::{HEAD, TITLE_LIMIT, title, title_nowait};
use proptest::prelude::*;

/// Bodies that get far: pieces of markup in any order, and bytes between them.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "<title>",
        "</title>",
        "<title",
        "<svg>",
        "</svg>",
        "<math>",
        "<desc>",
        "</desc>",
        "<foreignObject>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "<template>",
        "</template>",
        "<meta charset=gbk>",
        "<meta charset=iso-2022-jp>",
        "<a b='",
        "'>",
        ">",
        "<",
        "/",
        "&",
        "&amp;",
        "&#x",
        "&notin",
        ";",
        " ",
        "\n",
        "\0",
        "text",
        "中文",
        "é",
        "\u{1b}$B",
        "\u{1b}(B",
        "<![CDATA[",
        "]]>",
        "<p>",
        "\u{feff}",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn content_type() -> impl Strategy<Value = Option<&'static str>> {
    proptest::sample::select(vec![
        None,
        Some("text/html"),
        Some("application/xhtml+xml"),
        Some("text/html; charset=utf-8"),
        Some("text/html; charset=gb18030"),
        Some("text/html; charset=utf-16le"),
        Some("text/html; charset=iso-2022-jp"),
        Some("text/html; charset=\""),
    ])
}

fn is_clean(title: &str) -> bool {
    let space = |byte: &u8| byte.is_ascii_whitespace();
    let bytes = title.as_bytes();
    !title.is_empty()
        && title.chars().count() <= TITLE_LIMIT
        && !bytes.first().is_some_and(space)
        && !bytes.last().is_some_and(space)
        && !bytes.windows(2).any(|pair| pair.iter().all(space))
}

proptest! {
    #[test]
    fn a_title_is_clean(body in body(), content_type in content_type()) {
        if let Some(title) = title(&body, content_type) {
            prop_assert!(is_clean(&title), "{title:?}");
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(body in proptest::collection::vec(any::<u8>(), 0..2000), content_type in ".{0,40}") {
        let _ = title(&body, Some(&content_type));
        let _ = title(&body, Some("text/html"));
    }

    /// Where the encoding is declared outside the page, what a cut body gives is the beginning of what the whole gives.
    #[test]
    fn a_cut_body_gives_the_beginning(body in body(), name in proptest::sample::select(vec!["utf-8", "gb18030", "shift_jis", "big5", "euc-kr", "iso-2022-jp", "utf-16be", "koi8-r"])) {
        let content_type = format!("text/html; charset={name}");
        let whole = title(&body, Some(&content_type));
        for cut in 3..body.len() {
            if let Some(part) = title(&body[..cut], Some(&content_type)) {
                let whole = whole.as_deref().unwrap_or_default();
                prop_assert!(whole.starts_with(&part), "{part:?} of {whole:?}, cut at {cut}");
            }
        }
    }

    /// If the beginning of a long body is said to settle the title, it does.
    #[test]
    fn what_the_head_settles_is_settled(head in body(), rest in body(), padding in 0..HEAD, content_type in content_type()) {
        let mut long = head;
        long.resize(long.len() + padding, b'x');
        long.extend_from_slice(&rest);
        long.resize(long.len() + HEAD, b' ');
        long.extend_from_slice(&rest);
        if let Ok(settled) = title_nowait(&long, content_type) {
            prop_assert_eq!(settled, title(&long, content_type));
        }
    }
}

/// Bodies cut at every byte, in each way of declaring the encoding ahead of the title.
#[test]
fn a_page_cut_at_every_byte() {
    let expected = "Größe & 尺寸 – \u{2209} x";
    let title_element = "<title a='>'>\n Größe &amp; 尺寸 &ndash;&#32;&notin; x </title><p>Text";
    let mut pages = vec![
        format!("<!DOCTYPE html><meta charset=utf-8>{title_element}").into_bytes(),
        format!("<!DOCTYPE html><svg><title>no</title></svg><!-- <title> -->{title_element}").into_bytes(),
        format!("\u{feff}<html>{title_element}").into_bytes(),
    ];
    let (gb18030, _, _) = encoding_rs::GB18030.encode(title_element);
    pages.push([b"<meta charset=gb18030>", &*gb18030].concat());
    for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        pages.push(format!("\u{feff}{title_element}").encode_utf16().flat_map(to_bytes).collect());
    }
    for page in pages {
        assert_eq!(title(&page, Some("text/html")).as_deref(), Some(expected));
        for cut in 0..page.len() {
            let part = title(&page[..cut], Some("text/html")).unwrap_or_default();
            assert!(expected.starts_with(&part), "{part:?}, cut at {cut}");
        }
    }
}
