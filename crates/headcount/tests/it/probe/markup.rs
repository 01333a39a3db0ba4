//! Which element is the page's title.

use super::check;

#[test]
fn ordinary_pages() {
    check("<!DOCTYPE html><html><head><title>Home</title></head><body></body></html>", "Home");
    check("<TITLE>Upper</TITLE>", "Upper");
    check("<tItLe lang=en data-x='>'>Mixed</TiTlE\n>", "Mixed");
    check("no tags, <title>then one</title>", "then one");
    check("<html><body><p>text<div><title>In the body</title></div>", "In the body");
    check("<table><tr><title>In a table</title>", "In a table");
    check("<title/>A slash means nothing in HTML</title>", "A slash means nothing in HTML");
    check("<html><head></head></html><title>After everything</title>", "After everything");
}

#[test]
fn a_title_behind_others_that_are_none() {
    check("<svg><title>no</title></svg><p>text<p>text<title>yes</title>", "yes");
    check("<!-- <title> --><p>text<script>'<title>'</script><p><p><title>yes</title>", "yes");
}

#[test]
fn no_title() {
    for page in [
        "",
        "<",
        "</",
        "<!",
        "<p>text",
        "<titles>x</titles>",
        "<title",
        "<title ",
        "<title a='>x</title>",
        "< title>x</title>",
        "</title>",
        "<notitle>x</notitle>",
        "&lt;title>x",
    ] {
        check(page, None);
    }
}

#[test]
fn the_first_title_counts_even_if_empty() {
    check("<title>one</title><title>two</title>", "one");
    check("<title></title><title>two</title>", None);
    check("<title> \n\t\u{c} </title>", None);
    check("<title>&#32;&Tab;&NewLine;</title>", None);
}

#[test]
fn comments_and_declarations_hold_no_title() {
    check("<!-- <title>no</title> --><title>yes</title>", "yes");
    check("<!--><title>yes</title>-->", "yes");
    check("<!---><title>yes</title>-->", "yes");
    check("<!----><title>yes</title>", "yes");
    check("<!-- a --!><title>yes</title>", "yes");
    check("<!-- > -> - - > <title>no</title> ---><title>yes</title>", "yes");
    check("<!-- <!-- <title>no</title> --><title>yes</title>", "yes");
    check("<!-- never closed <title>no</title>", None);
    check("<!DOCTYPE html PUBLIC \"<title>no</title>\"><title>yes</title>", "yes");
    check("<!doctype \"<title\"><title>yes</title>", "yes");
    check("<?php <title ?><title>yes</title>", "yes");
    check("</ <title><title>yes</title>", "yes");
    check("</><title>yes</title>", "yes");
    check("<![CDATA[><title>HTML has no CDATA</title>]]>", "HTML has no CDATA");
    check("<template><![CDATA[></template><title>yes</title>", "yes");
}

#[test]
fn attributes_hold_no_title() {
    check("<a title=\"<title>no</title>\"><title>yes</title>", "yes");
    check("<a title='<title>no</title>'><title>yes</title>", "yes");
    check("<a x = \"<title>no</title>\" ><title>yes</title>", "yes");
    check("<a href=<title>yes</title>", None);
    check("<a it's><title>yes</title>", "yes");
    check("<a \"><title>yes</title>\">", "yes");
    check("<a x=y'z><title>yes</title>", "yes");
    check("<a =\"><title>yes</title>", "yes");
    check("<a b=\"c\"d='<title>no</title>'><title>yes</title>", "yes");
    check("</a b='<title>no</title>'><title>yes</title>", "yes");
    check("<title data-a='<title>no</title>'>yes</title>", "yes");
}

#[test]
fn raw_text_holds_no_title() {
    for name in ["script", "style", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript"] {
        check(format!("<{name}><title>no</title></{name}><title>yes</title>"), "yes");
        check(format!("<{name} a='>'></{name}x><title>no</title></{name} b><title>yes</title>"), "yes");
        check(format!("<{name}/><title>no</title></{name}/><title>yes</title>"), "yes");
        check(format!("<{name}><!-- </{name}><title>yes</title>"), "yes");
        check(format!("<{name}><title>never closed</title>"), None);
        check(format!("<{}><title>no</title></{name}><title>yes</title>", name.to_uppercase()), "yes");
    }
    check("<plaintext><title>no</title></plaintext><title>no</title>", None);
}

#[test]
fn scripts_in_escaped_scripts() {
    check("<script><!-- <script> </script> <title>no</title> --></script><title>yes</title>", "yes");
    check("<script><!-- <script> </script> <title>no</title> </script><title>yes</title>", "yes");
    check("<script><!--><script></script><title>yes</title>", "yes");
    check("<script><!---><script></script><title>yes</title>", "yes");
    check("<script><!-- <scripts> </script><title>yes</title>", "yes");
    check("<script><!-- <script> --> </script><title>yes</title>", "yes");
    check("<script><!-- <script> </script><title>no</title>", None);
    check("<script>'<script>'</script><title>yes</title>", "yes");
}

#[test]
fn templates_hold_no_title() {
    check("<template><title>no</title></template><title>yes</title>", "yes");
    check("<template><template></template><title>no</title></template><title>yes</title>", "yes");
    check("<template><svg></template><title>yes</title>", "yes");
    check("<template/><title>no</title>", None);
}

#[test]
fn foreign_titles_are_none() {
    check("<svg><title>no</title></svg><title>yes</title>", "yes");
    check("<SVG viewBox='0 0 1 1'><g><Title>no</Title><path d='M0'/></g></SVG><title>yes</title>", "yes");
    check("<math><title>no</title></math><title>yes</title>", "yes");
    check("<svg/><title>yes</title>", "yes");
    check("<svg><title/></svg><title>yes</title>", "yes");
    check("<svg><svg></svg><title>no</title></svg><title>yes</title>", "yes");
    check("<svg><title>never closed", None);
    check("<svg><title>no</title></svg>", None);
    check("<svg><![CDATA[</svg><title>no</title>]]></svg><title>yes</title>", "yes");
    check("<svg><![CDATA[ > <title>no</title>", None);
}

#[test]
fn in_svg_scripts_and_styles_are_ordinary() {
    check("<svg><style><title>no</title></svg><title>yes</title>", "yes");
    check("<svg><script><title>no</title></svg><title>yes</title>", "yes");
    check("<svg><style></style></svg><title>yes</title>", "yes");
}

#[test]
fn html_ends_svg_that_was_left_open() {
    check("<svg><path><div><title>yes</title></div>", "yes");
    check("<svg><g><font color=red><title>yes</title>", "yes");
    check("<svg><g><font x=y><title>no</title></svg><title>yes</title>", "yes");
    check("<svg></p><title>yes</title>", "yes");
    check("<svg></div><title>no</title></svg><title>yes</title>", "yes");
}

#[test]
fn html_within_foreign_content() {
    check("<svg><foreignObject><title>yes</title></foreignObject></svg>", "yes");
    check("<svg><foreignObject><div><svg><title>no</title></svg><title>yes</title>", "yes");
    check("<svg><foreignObject></foreignObject><title>no</title></svg><title>yes</title>", "yes");
    check("<svg><foreignObject><p>x</p></foreignObject><title>no</title></svg><title>yes</title>", "yes");
    check("<svg><desc><title>yes</title></desc></svg>", "yes");
    check("<svg><desc>x</desc><title>no</title></svg><title>yes</title>", "yes");
    check("<svg><desc/><title>no</title></svg><title>yes</title>", "yes");
    check("<svg><title>an svg title <title>yes</title></title></svg>", "yes");
    check("<svg><desc><style><title>no</title></style></desc></svg><title>yes</title>", "yes");
    check("<math><mi><title>yes</title></mi></math>", "yes");
    check("<math><annotation-xml><title>no</title></annotation-xml></math><title>yes</title>", "yes");
    check("<math><annotation-xml encoding='Text/HTML'><title>yes</title></math>", "yes");
    check("<svg><mi><title>no</title></mi></svg><title>yes</title>", "yes");
    check("<math><desc><title>no</title></desc></math><title>yes</title>", "yes");
}

#[test]
fn xhtml_elements_may_be_empty() {
    let xhtml = |page: &str| headcount::probe::title(page.as_bytes(), Some("application/xhtml+xml"));
    assert_eq!(xhtml("<html><head><script src='a'/><title>yes</title></head>").as_deref(), Some("yes"));
    assert_eq!(xhtml("<html><head><title/><script>x</script></head><p>no</p>"), None);
    assert_eq!(xhtml("<![CDATA[<title>no</title>]]><title>yes</title>").as_deref(), Some("yes"));
    assert_eq!(
        xhtml("<title>größer</title>").as_deref(),
        Some("größer"),
        "XML is UTF-8 unless it says otherwise"
    );
}
