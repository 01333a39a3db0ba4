//! Bodies kept as files: written beside their place as they come, and put there once their record is made.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;
use headcount_tasks::{Value, to_thread};
use tempfile::{NamedTempFile, TempPath};
use url::Url;

use crate::record::{Failure, Kind, Phase};

/// Bytes to gather before they are written.
const WRITTEN_AT_ONCE: usize = 256 << 10;

/// The most characters of host and path in a file's name.
const LONGEST_NAME: usize = 80;

/// Removes the files of bodies that a run of this owner ([`Config::body_owner`](crate::Config)) was killed over. No such run may
/// be under way. Returns how many there were.
///
/// # Errors
/// The folder cannot be read, or a file not removed.
pub fn remove_unfinished_bodies(folder: &Path, owner: &str) -> io::Result<usize> {
    let mut removed = 0;
    // Without an owner, they might be anybody's.
    if owner.is_empty() {
        return Ok(removed);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours =
            name.to_str().is_some_and(|name| name.starts_with(&prefix(owner)) && name.ends_with(SUFFIX));
        if is_ours {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

const SUFFIX: &str = ".part";

fn prefix(owner: &str) -> String {
    match owner {
        "" => ".headcount-".to_owned(),
        owner => format!(".headcount-{owner}-"),
    }
}

/// A body that is being kept.
pub(super) struct Keeping {
    folder: Arc<Path>,
    owner: Arc<str>,
    file: Option<NamedTempFile>,
    gathered: BytesMut,
}

impl Keeping {
    pub(super) fn new(folder: Arc<Path>, owner: Arc<str>) -> Keeping {
        Keeping { folder, owner, file: None, gathered: BytesMut::new() }
    }

    pub(super) async fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= WRITTEN_AT_ONCE { self.write().await } else { Ok(()) }
    }

    pub(super) async fn finish(mut self) -> Result<KeptBody, Failure> {
        self.write().await?;
        match self.file {
            Some(file) => Ok(KeptBody { folder: self.folder, file: file.into_temp_path() }),
            None => Err(failed(&io::ErrorKind::NotFound.into())),
        }
    }

    /// Disks are slow: a thread of the loop's pool writes.
    async fn write(&mut self) -> Result<(), Failure> {
        let (file, folder, owner) = (self.file.take(), Arc::clone(&self.folder), Arc::clone(&self.owner));
        let gathered = std::mem::take(&mut self.gathered);
        let write = move || {
            let mut file = match file {
                Some(file) => file,
                None => {
                    tempfile::Builder::new().prefix(&prefix(&owner)).suffix(SUFFIX).tempfile_in(folder)?
                }
            };
            file.write_all(&gathered)?;
            Ok::<_, io::Error>(file)
        };
        let written = to_thread("body", move || Value(write())).await;
        let written = written.map_err(|error| failed(&io::Error::other(error)))?;
        self.file = Some(written.map_err(|error| failed(&error))?);
        Ok(())
    }
}

/// A body that was kept. Dropped before it has a place, it goes.
#[derive(Debug)]
pub(crate) struct KeptBody {
    folder: Arc<Path>,
    file: TempPath,
}

impl KeptBody {
    /// Gives it the place of the input with this index, where it takes the place of a body from an earlier run.
    ///
    /// # Errors
    /// It cannot be put there.
    pub(crate) fn put(self, index: u64, url: &Url, content_type: Option<&str>) -> Result<PathBuf, Failure> {
        let place = self.folder.join(name(index, url, content_type));
        self.file.persist(&place).map_err(|error| failed(&error.error))?;
        Ok(place)
    }
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(Phase::Local, Kind::Disk, format!("the body cannot be kept: {error}"))
}

/// `00000012-example.com-news-today.html`: unique for its number, harmless whatever the URL holds.
fn name(index: u64, url: &Url, content_type: Option<&str>) -> String {
    let mut name = format!("{index:08}");
    let words = [url.host_str().unwrap_or_default(), url.path()];
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._".contains(character);
    let words = words.iter().flat_map(|text| text.split(|character| !is_plain(character)));
    let ending = ending(content_type);
    for word in words.map(|word| word.trim_matches('.')).filter(|word| !word.is_empty()) {
        let _ = write!(name, "-{word}");
    }
    name.truncate(LONGEST_NAME);
    let stem = name.trim_end_matches(['.', '-']);
    let stem = stem.strip_suffix(&format!(".{ending}")).unwrap_or(stem);
    format!("{stem}.{ending}")
}

fn ending(content_type: Option<&str>) -> &'static str {
    let essence = content_type.unwrap_or_default().split([';', ',']).next().unwrap_or_default();
    match essence.trim().to_ascii_lowercase().as_str() {
        "text/html" | "application/xhtml+xml" => "html",
        "application/json" | "text/json" => "json",
        "text/plain" => "txt",
        "text/css" => "css",
        "text/csv" => "csv",
        "text/javascript" | "application/javascript" => "js",
        "application/xml" | "text/xml" | "application/rss+xml" | "application/atom+xml" => "xml",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        other if other.ends_with("+json") => "json",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_harmless_and_tell_what_they_are() {
        let html = Some("text/html; charset=utf-8");
        let cases = [
            ("https://example.com/", html, "00000012-example.com.html"),
            ("https://example.com/news/today.html?a=b#c", html, "00000012-example.com-news-today.html"),
            ("http://[::1]:8080/a", Some("application/ld+json"), "00000012-1-a.json"),
            ("https://a.example/..%2f..%2Fetc/passwd", None, "00000012-a.example-2f-2Fetc-passwd.bin"),
            ("https://a.example/.ssh/./CON:/~$(x)", Some("x/y"), "00000012-a.example-ssh-CON-x.bin"),
            ("https://a.example/%F0%9F%92%A9/\u{202e}", html, "00000012-a.example-F0-9F-92-A9-E2-80-AE.html"),
        ];
        for (url, content_type, expected) in cases {
            let found = name(12, &Url::parse(url).unwrap(), content_type);
            assert_eq!(found, expected, "{url}");
        }
        let long = Url::parse(&format!("https://a.example/{}", "x/".repeat(5_000))).unwrap();
        assert!(name(u64::MAX, &long, None).len() <= LONGEST_NAME + 5);
    }
}
