//! Lists of every kind, read whole and in pieces.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

/// Gives no more bytes at once than it is told to, as a pipe may.
struct InPieces {
    bytes: Vec<u8>,
    given: usize,
    size: usize,
}

impl Read for InPieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.bytes[self.given..];
        let count = left.len().min(self.size).min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.given += count;
        Ok(count)
    }
}

fn list(text: &[u8], format: Option<ListFormat>, size: usize) -> List {
    let bytes = InPieces { bytes: text.to_vec(), given: 0, size };
    List::new(bytes, "list", ListOptions { format, ..ListOptions::default() })
}

/// A request in a line: where it stands, what it means, and what it carries.
fn shown(request: &Request) -> String {
    let mut shown = format!("{}: {}", request.line.unwrap(), request.input);
    match request.url() {
        Ok(url) => shown += &format!(" > {} {url}", request.method),
        Err(failure) => shown += &format!(" > {}: {}", failure.kind, failure.message),
    }
    for (name, value) in request.headers.iter().flat_map(|headers| headers.iter()) {
        shown += &format!(" [{name}: {}]", value.to_str().unwrap());
    }
    if let Some(body) = &request.body {
        shown += &format!(" <{}>", String::from_utf8_lossy(body));
    }
    if let Some(carried) = &request.carried {
        shown += &format!(" + {}", serde_json::to_string(carried).unwrap());
    }
    shown
}

/// All that a list holds. However it comes, it is the same.
fn read(text: &[u8], format: impl Into<Option<ListFormat>>) -> Vec<String> {
    let format = format.into();
    let read = |size| -> Vec<String> {
        list(text, format, size).map(|request| shown(&request.expect("memory can be read"))).collect()
    };
    let whole = read(usize::MAX);
    for size in [1, 3, 7] {
        assert_eq!(read(size), whole);
    }
    whole
}

fn trouble(text: &[u8], format: ListFormat) -> String {
    let mut list = list(text, Some(format), usize::MAX);
    let error = list.read_header().unwrap_err();
    assert!(error.is_input() && list.next().is_none(), "an error ends the list");
    error.to_string()
}

#[test]
fn marks_line_ends_comments_and_blanks_do_no_harm_to_lines() {
    let text = b"\xef\xbb\xbfa.example\r\n\r\n  # no\n#no\n\t b.example \t\n\xe3\x80\x80\nc.example";
    let expected = [
        "1: a.example > GET https://a.example/",
        "5: b.example > GET https://b.example/",
        "7: c.example > GET https://c.example/",
    ];
    assert_eq!(read(text, None), expected);
    assert!(read(b"", None).is_empty());
    assert!(read(b"\n\n", None).is_empty());
}

#[test]
fn a_line_that_is_no_text_is_not_lost() {
    let found = read(b"a.example\n\xff\xfe.example\nb.example\n", None);
    assert!(found[1].starts_with("2: \u{fffd}\u{fffd}.example > invalid_text: "), "{found:?}");
    assert_eq!(found.len(), 3);
}

#[test]
fn an_endless_line_is_cut_and_the_next_one_read() {
    let mut text = vec![b'a'; 3 * LONGEST_LINE];
    text.extend_from_slice(b"\nb.example");
    let found: Vec<_> = list(&text, None, 4_096).map(|request| shown(&request.unwrap())).collect();
    assert_eq!(found.len(), 2);
    assert!(found[0].ends_with("> invalid_url: not a URL: the line is longer than 65536 bytes"));
    assert!(found[0].len() < 2 * SHOWN_OF_A_BAD_ROW);
    assert_eq!(found[1], "2: b.example > GET https://b.example/");
}

#[test]
fn a_row_is_a_request_that_carries_its_other_columns() {
    let text = "\u{feff}id, URL ,note\r\n7,a.example/x,\"said \"\"no\"\"\n, twice\"\r\n\r\n \n8, b.example ,\n9,,x\n";
    let expected = [
        r#"2: a.example/x > GET https://a.example/x + {"id":"7","note":"said \"no\"\n, twice"}"#,
        r#"6: b.example > GET https://b.example/ + {"id":"8","note":""}"#,
        r#"7:  > invalid_url: not a URL: the text is empty + {"id":"9","note":"x"}"#,
    ];
    assert_eq!(read(text.as_bytes(), ListFormat::Csv), expected);
    assert_eq!(read(text.as_bytes(), None), expected, "seen in the header");
    assert_eq!(read(text.replace(',', "\t").as_bytes(), None).len(), 3);
    let semicolons = "id; URL ;note\n7;a.example/x;\"1,5\"\n";
    let expected = [r#"2: a.example/x > GET https://a.example/x + {"id":"7","note":"1,5"}"#];
    assert_eq!(read(semicolons.as_bytes(), ListFormat::Csv), expected);
    assert_eq!(read(semicolons.as_bytes(), None), expected);
    assert_eq!(read(b"url\na.example", ListFormat::Csv), ["2: a.example > GET https://a.example/"]);
    assert_eq!(read(b"\n\nurl\r\r\ra.example\r", ListFormat::Csv).len(), 1, "line ends of old");
}

#[test]
fn columns_without_a_name_of_their_own_get_one() {
    let found = read(b",url,note,note,\n1,a.example,2,3,4", ListFormat::Csv);
    let carried = r#"{"column_1":"1","column_4":"3","column_5":"4","note":"2"}"#;
    assert_eq!(found, [format!("2: a.example > GET https://a.example/ + {carried}")]);
}

#[test]
fn a_broken_row_says_what_is_wrong_and_the_next_is_read() {
    let text = b"url,note\na.example\nb.example,1,\"2\n\n3\"\nc.example,\xff\n\xff,d\ne.example,\"no\nmore\n";
    let expected = [
        "2: a.example > bad_row: the row cannot be used: it has 1 cells, the header has 2",
        "3: b.example,1,\"2\n\n3\" > bad_row: the row cannot be used: it has 3 cells, the header has 2; it ends in line 5: is there a quote too many?",
        "6: c.example > GET https://c.example/ + {\"note\":\"\u{fffd}\"}",
    ];
    let found = read(text, ListFormat::Csv);
    assert_eq!(found[..3], expected);
    assert!(found[3].starts_with("7: \u{fffd} > invalid_text: "), "{found:?}");
    assert_eq!(
        found[4..],
        ["8: e.example,\"no\nmore > bad_row: the row cannot be used: a quote is open to the end of the list"]
    );
}

#[test]
fn an_endless_row_takes_no_more_memory_than_it_may() {
    let mut text = b"url,note\na.example,\"".to_vec();
    text.extend(std::iter::repeat_n(b"many words, \"\"said\"\"\n", 100_000).flatten());
    text.extend_from_slice(b"\"\nb.example,");
    text.extend(vec![b','; 100_000]);
    text.extend_from_slice(b"\nc.example,\n");
    let mut list = list(&text, Some(ListFormat::Csv), 65_536);
    let found: Vec<_> = (&mut list).map(|request| shown(&request.unwrap())).collect();
    assert_eq!(found.len(), 3);
    assert!(found[0].starts_with("2: a.example,\"many") && found[0].contains("> bad_row: "), "{}", found[0]);
    assert!(found[1].starts_with("100003: b.example,") && found[1].contains("> bad_row: "), "{}", found[1]);
    assert_eq!(found[2], "100004: c.example > GET https://c.example/ + {\"note\":\"\"}");
}

#[test]
fn a_column_that_is_missing_is_known_before_the_first_row() {
    let trouble = |text: &[u8]| trouble(text, ListFormat::Csv);
    assert_eq!(trouble(b"\nid,link\n1,a.example"), "list has no column \"url\"; line 2 names id, link");
    assert_eq!(trouble(b""), "list has no column \"url\"; it is empty");
    assert_eq!(trouble(b"\"url"), "list has no header in line 1: a quote is open to the end of the list");
    let many = trouble("column,".repeat(10_000).as_bytes());
    assert!(many.len() < 600 && many.ends_with('…'), "{many}");
}

#[test]
fn an_object_says_what_to_ask_and_how() {
    let text = r#"
        {"url": "a.example", "id": 7, "tags": ["x", {"y": null}]}

        {"url": " b.example ", "method": "PUT", "headers": {"X-One": "1", "x-two": ["2", "3"]}, "body": "as it is"}
        {"body": {"b":  1, "a": 12345678901234567890123}, "url": "c.example"}
        {"url": "d.example", "body": [1], "headers": {"content-type": "application/x"}, "method": "PATCH"}
        {"url": "e.example", "method": null, "headers": null, "body": null}"#;
    let expected = [
        r#"2: a.example > GET https://a.example/ + {"id":7,"tags":["x",{"y":null}]}"#,
        "4: b.example > PUT https://b.example/ [x-one: 1] [x-two: 2] [x-two: 3] <as it is>",
        r#"5: c.example > POST https://c.example/ [content-type: application/json] <{"b":  1, "a": 12345678901234567890123}>"#,
        "6: d.example > PATCH https://d.example/ [content-type: application/x] <[1]>",
        "7: e.example > GET https://e.example/",
    ];
    assert_eq!(read(text.as_bytes(), ListFormat::JsonLines), expected);
    assert_eq!(read(text.as_bytes(), None), expected, "seen in the first line");
}

#[test]
fn a_row_that_is_no_request_says_why_and_keeps_its_secrets() {
    let deep = format!(r#"{{"url": "x", "deep": {}1{}}}"#, "[".repeat(65), "]".repeat(65));
    let cases = [
        ("example.com", "it is no JSON object"),
        ("[1]", "it is no JSON object; jq -c '.[]' makes lines of an array"),
        (
            r#"{"url": "x", "headers": {"a": "s3cret"}"#,
            "the JSON object has no end in this line; jq -c makes a line of each",
        ),
        (r#"{"url": "x" "headers": {"a": "s3cret"}}"#, "it is no JSON object; see column 13"),
        (r#"{"link": "x"}"#, r#"it has no "url""#),
        (r#"{"url": 7}"#, r#"its "url" is no text"#),
        (r#"{"url": "\ud800"}"#, r#"its "url" is no text"#),
        (r#"{"url": "x", "method": "TWO WORDS"}"#, "its method is no single word, such as GET or POST"),
        (
            r#"{"url": "x", "method": "CONNECT"}"#,
            "its method is CONNECT, which asks for a tunnel, not for an answer",
        ),
        (r#"{"url": "x", "headers": "a: s3cret"}"#, "its headers are no object of names and values"),
        (r#"{"url": "x", "headers": {"a": 1}}"#, r#"its header "a" is neither text nor an array of texts"#),
        (r#"{"url": "x", "headers": {"a": ["s3cret", 1]}}"#, r#"its header "a" has a value that is no text"#),
        (r#"{"url": "x", "headers": {"a:": "s3cret"}}"#, r#"its header "a:" has a name that is no token"#),
        (r#"{"url": "x", "headers": {"a": "s3cret\n"}}"#, ""),
        (
            r#"{"url": "x", "headers": {"a": "s3\ncret"}}"#,
            r#"its header "a" has control characters in its value"#,
        ),
        (r#"{"url": "x", "body": "\udfff"}"#, "its body is no text that can be sent"),
        (deep.as_str(), r#"its "deep" is nested deeper than 64 levels"#),
        (r#"{"url": "x", "big": 1e999}"#, r#"its "big" cannot be carried into the record"#),
    ];
    for (row, reason) in cases {
        let found = read(row.as_bytes(), ListFormat::JsonLines);
        assert_eq!(found.len(), 1, "{row}");
        match reason {
            "" => assert!(found[0].contains("> GET https://x/"), "{found:?}"),
            _ => {
                assert!(
                    found[0].ends_with(&format!("> bad_row: the row cannot be used: {reason}")),
                    "{found:?}"
                );
                assert!(!found[0].contains("s3"), "{found:?}");
            }
        }
    }
}

#[test]
fn rows_that_name_no_method_have_that_of_the_list() {
    let text: &[u8] =
        b"{\"url\": \"a.example\"}\n{\"url\": \"b.example\", \"body\": 1}\n{\"url\": \"c.example\", \"method\": \"GET\"}\n7";
    let options = ListOptions { method: Some(Method::PUT), ..ListOptions::default() };
    let requests = List::new(text, "list", options).map(|request| request.unwrap().method.to_string());
    assert_eq!(requests.collect::<Vec<_>>(), ["PUT", "PUT", "GET", "PUT"]);
}

#[test]
fn no_row_shows_a_password() {
    let url = "https://me:s3cret@a.example/x";
    let rows = [
        (ListFormat::Csv, format!("time,url,note\n12:30,{url}\n12:30,{url},\"open\n")),
        (ListFormat::Csv, format!("time,url,note\n12:30,me:s3cret@a.example,1,2,3\n12:30,{url},\n")),
        (ListFormat::JsonLines, format!(r#"{{"at": "12:30", "url": "{}""#, url.replace('/', "\\/"))),
        (ListFormat::JsonLines, format!(r#"{{"url": "{url}", "method": 7}}"#)),
        (ListFormat::JsonLines, format!(r#"{{"{url}": "url"}}"#)),
        (ListFormat::Lines, url.repeat(LONGEST_LINE)),
        // What is looked at ends within a password.
        (ListFormat::Csv, format!("time,url,note\n\"{}{url} {url}\n", "x".repeat(4_096 - url.len() - 19))),
        (ListFormat::Lines, "me:s3cret/@a.example".to_owned()),
    ];
    for (format, text) in rows {
        let found = list(text.as_bytes(), Some(format), 4_096).map(|request| shown(&request.unwrap()));
        for row in found {
            assert!(row.contains("***@") && !row.contains("s3cret"), "{row}");
        }
    }
}

#[test]
fn json_over_several_lines_shows_nothing_of_its_values() {
    let text = r#"{
  "url": "https://a.example/",
  "headers": {
    "Authorization": "Bearer s3cret"
  },
  "body": [
    "s3cret"
  ]
}
https://a.example/meant-as-a-list-of-lines
"s3cret"
{"url": "x", "h\u0065aders": {"a": "s3cret"}, "method": 7}
{"url": 7, "\u0062ody": "s3cret"}"#;
    let found = read(text.as_bytes(), ListFormat::JsonLines);
    assert_eq!(found.len(), 13);
    assert!(!found.concat().contains("s3cret"), "{found:#?}");
    assert!(found[1].starts_with("2: *** > bad_row: "), "{}", found[1]);
    assert!(found[9].starts_with("10: https://a.example/meant"), "{}", found[9]);
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_lists_are_known_by_their_first_bytes() {
    let expected = ["1: a.example > GET https://a.example/", "2: b.example > GET https://b.example/"];
    let (first, second) = (b"a.example\nb.e", b"xample\n");
    let whole = [&first[..], second].concat();
    assert_eq!(read(&whole, None), expected);
    assert_eq!(read(&gzip(&whole), None), expected);
    assert_eq!(read(&[gzip(first), gzip(second)].concat(), None), expected, "members one after another");
    let zstd = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
    assert_eq!(read(&zstd(&whole), None), expected);
    assert_eq!(read(&[zstd(first), zstd(second)].concat(), None), expected, "frames one after another");
    assert_eq!(read(&gzip(b"{\"url\":\"x\"}"), None), ["1: x > GET https://x/"]);
    assert_eq!(read(b"\x1f.example", None).len(), 1, "the beginning of the magic alone");
    assert_eq!(read(b"\x28\xb5", None).len(), 1);
}

#[test]
fn a_compressed_list_that_breaks_off_is_an_error_behind_what_could_be_read() {
    let text: String = (0..100_000).map(|number| format!("{number}.example\n")).collect();
    for mut bytes in [gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 1).unwrap()] {
        bytes.truncate(bytes.len() / 2);
        let found: Vec<_> = list(&bytes, None, 4_096).collect();
        let (last, whole) = found.split_last().unwrap();
        let expected = format!("cannot read list at line {}", whole.len() + 1);
        assert_eq!(last.as_ref().unwrap_err().to_string(), expected);
        assert!(whole.len() > 100 && whole.iter().all(Result::is_ok));
    }
}

#[test]
fn a_bomb_is_a_line_that_is_too_long() {
    let bomb = gzip(&vec![b'a'; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    for format in [ListFormat::Lines, ListFormat::Csv, ListFormat::JsonLines] {
        let mut list = list(&bomb, Some(format), usize::MAX);
        match format {
            ListFormat::Csv => assert!(list.read_header().is_err()),
            _ => assert!(list.next().unwrap().unwrap().url().is_err()),
        }
    }
}

const FORMATS: [Option<ListFormat>; 5] = [
    None,
    Some(ListFormat::Lines),
    Some(ListFormat::Csv),
    Some(ListFormat::Tsv),
    Some(ListFormat::JsonLines),
];

/// Text that has a meaning in lists, in any order.
fn any_list() -> impl Strategy<Value = Vec<u8>> {
    const BEGINNINGS: [&[u8]; 4] = [b"", b"url,b\n", b"a\turl\n", b"{\"url\":\"x\"}\n"];
    const PIECES: [&[u8]; 16] = [
        b"\n",
        b"\r\n",
        b"\r",
        b",",
        b"\t",
        b"\"",
        b"\"\"",
        b"#",
        b" ",
        b"\xef\xbb\xbf",
        b"\xe3\x80\x80",
        b"\xff",
        b"url",
        b"a.example",
        b"{\"url\":\"x\"}",
        b"{",
    ];
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40);
    (prop::sample::select(&BEGINNINGS[..]), pieces)
        .prop_map(|(beginning, pieces)| [beginning, &pieces.concat()].concat())
}

proptest! {
    #[test]
    fn passing_over_counts_as_reading_does(text in any_list(), size in 1_usize..9, passed in 0_usize..9) {
        for format in FORMATS {
            let lines = |list: List| -> Vec<_> { list.map_while(Result::ok).map(|request| request.line.unwrap()).collect() };
            let all = lines(list(&text, format, usize::MAX));
            prop_assert!(all.is_sorted_by(|one, next| one < next || format != Some(ListFormat::Lines) && one <= next));
            let mut rest = list(&text, format, size);
            for _ in 0..passed {
                let _ = rest.pass_over();
            }
            prop_assert_eq!(&lines(rest)[..], &all[passed.min(all.len())..]);
        }
    }

    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in FORMATS {
            let _ = list(&bytes, format, usize::MAX).count();
            for magic in [&b"\x1f\x8b\x08\x00"[..], b"\x28\xb5\x2f\xfd"] {
                let _ = list(&[magic, &bytes].concat(), format, usize::MAX).count();
            }
        }
    }
}

#[test]
fn utf_16_is_read_as_what_it_says() {
    let texts = [
        "\u{feff}a.example/1\r\n# a comment\r\n\r\nb\u{fc}cher.example/\r\n\u{1f600}.example",
        "\u{feff}name,url\nb\u{fc}cher,a.example/1\n",
        "\u{feff}{\"url\": \"a.example/1\", \"n\": \"\u{fc}\"}\n",
    ];
    for text in texts {
        let expected = read(text.as_bytes(), None);
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&little).unwrap();
        for coded in [little, big, gzip.finish().unwrap()] {
            assert_eq!(read(&coded, None), expected);
        }
    }
    // What breaks off within a character is no reason to lose the line.
    let cut = b"\xff\xfea\0.\0b\0/\0c";
    assert_eq!(read(cut, None).len(), 1);
    let long = "\u{feff}".to_owned() + &"a.example/\u{4e2d}\n".repeat(5_000);
    let coded: Vec<u8> = long.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&coded, None), read(long.as_bytes(), None));
}
