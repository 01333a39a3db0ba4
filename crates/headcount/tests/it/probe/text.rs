//! How a title's text is read.

use headcount::probe::TITLE_LIMIT;

use super::{check, title};

#[test]
fn white_space_is_collapsed() {
    check("<title>\r\n\t a \u{c} b\n\nc  </title>", "a b c");
    check("<title>a&#10;&#32;b&nbsp; c</title>", "a b\u{a0} c");
    check("<title>\u{a0}a\u{3000}</title>", "\u{a0}a\u{3000}");
}

#[test]
fn character_references_are_resolved() {
    check("<title>R&amp;D &lt;b&gt; &quot;x&quot; &#39;y&#x27;</title>", "R&D <b> \"x\" 'y'");
    check(
        "<title>&copy 2024 &AMP &eacute;t&eacute &notin; &notit; &CounterClockwiseContourIntegral;</title>",
        "© 2024 & été ∉ ¬it; ∳",
    );
    check("<title>&#8364 &#x20AC; &#128; &#x1F600;</title>", "€ € € 😀");
    check("<title>&#0; &#xD800; &#x110000; &#99999999999;</title>", "\u{fffd} \u{fffd} \u{fffd} \u{fffd}");
    check("<title>a & b &unknown; &; &# &#x; AT&T a&b=c</title>", "a & b &unknown; &; &# &#x; AT&T a&b=c");
    check("<title>&amp;amp; &NotEqualTilde;</title>", "&amp; \u{2242}\u{338}");
    check("<title>&lt;/title&gt;</title>", "</title>");
}

#[test]
fn tags_and_comments_within_are_text() {
    check(
        "<title>a <b>bold</b> <!-- x --> </titles> </ title></title>",
        "a <b>bold</b> <!-- x --> </titles> </ title>",
    );
    check("<title>a<title>b</title>c</title>", "a<title>b");
    check("<title>a</title/>b</title>", "a");
    check("<title>a</title b='>'>", "a");
}

#[test]
fn nul_is_replaced() {
    check("<title>a\0b</title>", "a\u{fffd}b");
    check("<title>a\0b&amp;</title>", "a\u{fffd}b&");
}

#[test]
fn a_cut_title_goes_as_far_as_is_certain() {
    check("<title>Every one", "Every one");
    check("<title>Every one </", "Every one");
    check("<title>Every one</TITL", "Every one");
    check("<title>Every one</title", "Every one");
    check("<title>R&am", "R");
    check("<title>R&amp;", "R&");
    check("<title>R&#12", "R");
    check("<title>R&D x", "R&D x");
    check("<title>Zo\u{eb}", "Zo\u{eb}");
    check(b"<title>Zo\xc3", "Zo");
    check(b"<title>\xe4\xb8\xad\xe6\x96", "中");
    check("<title>", None);
    check("<title>&", None);
}

#[test]
fn a_long_title_is_cut_at_the_limit() {
    for unit in ["x", "ü", "字", "😀", "&amp;", "&#x4e2d;"] {
        let found = title(format!("<title>{}</title>", unit.repeat(20_000))).unwrap();
        assert_eq!(found.chars().count(), TITLE_LIMIT, "{unit}");
    }
    let exact = "y".repeat(TITLE_LIMIT);
    check(format!("<title>{exact}</title>"), &*exact);
    check(format!("<title>{exact} z</title>"), &*exact);
    let short = "y".repeat(TITLE_LIMIT - 1);
    check(format!("<title>{short} z</title>"), &*short);
    let found = title(format!("<title>{}", "z".repeat(10 << 20))).unwrap();
    assert_eq!(found.len(), TITLE_LIMIT);
}

#[test]
fn padding_before_a_title_does_not_hide_it() {
    check(format!("<title>{}x</title>", " \n".repeat(100_000)), "x");
}
