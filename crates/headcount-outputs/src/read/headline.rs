//! What the headline of a report says, from which no records can be read: whether all of them were accepted.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a report within which its headline stands.
const HEADLINE_WITHIN: u64 = 64 << 10;

/// Whether a report of ours, in HTML, JUnit's XML or Markdown, says that every record was accepted. `None`: it is none.
///
/// # Errors
/// It cannot be read.
pub fn headline_says_accepted(path: &Path) -> io::Result<Option<bool>> {
    let mut start = Vec::new();
    File::open(path)?.take(HEADLINE_WITHIN).read_to_end(&mut start)?;
    let text = String::from_utf8_lossy(&start);
    Ok(of_page(&text).or_else(|| of_suites(&text)).or_else(|| of_summary(&text)))
}

/// `<title>All 20 accepted · urls.txt`, `<title>3 of 20 not accepted · urls.txt`.
fn of_page(text: &str) -> Option<bool> {
    let (_, title) =
        text.split_once("<title>").filter(|(before, _)| before.starts_with("<!DOCTYPE html>"))?;
    let (verdict, _) = title.split_once(" · ")?;
    match verdict {
        "No records" | "Accepted" => Some(true),
        _ => verdict.ends_with(" accepted").then(|| verdict.starts_with("All ")),
    }
}

/// `<testsuites name="…" tests="20" failures="0" errors="0"`.
fn of_suites(text: &str) -> Option<bool> {
    let head = text.lines().find_map(|line| line.strip_prefix("<testsuites name=\""))?;
    let (_, counts) = head.split_once("\" tests=\"")?;
    Some(counts.contains(" failures=\"0\" errors=\"0\" "))
}

/// `**20 records**: all of them accepted.`
fn of_summary(text: &str) -> Option<bool> {
    let line = text.lines().find(|line| line.starts_with("**"))?;
    let (_, verdict) = line.split_once("**: ").filter(|(count, _)| count.contains(" record"))?;
    let is_good = matches!(verdict, "all of them accepted." | "nothing to be accepted.");
    verdict.contains("accepted").then_some(is_good)
}
