//! Holds the tree to two promises: every source file opens with a caption, and the code map of ARCHITECTURE.md names
//! every source file and no other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match complaints(&root) {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            say(&complaints);
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&[format!("cannot read the tree: {error}")]);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_macros, reason = "this program's output is its complaints")]
fn say(complaints: &[String]) {
    for complaint in complaints {
        eprintln!("tidy: {complaint}");
    }
}

fn complaints(root: &Path) -> io::Result<Vec<String>> {
    let mut complaints = Vec::new();
    let mut files = BTreeSet::new();
    for folder in ["crates", "benches", "examples", "fuzz"] {
        rust_files(root, Path::new(folder), &mut files)?;
    }
    for file in &files {
        if !fs::read_to_string(root.join(file))?.starts_with("//! ") {
            complaints.push(format!("{file} does not open with a caption (//! what it owns)"));
        }
    }
    let sources: BTreeSet<String> = files.into_iter().filter(|file| file.contains("/src/")).collect();
    let mapped = code_map(&fs::read_to_string(root.join("ARCHITECTURE.md"))?);
    for file in sources.difference(&mapped) {
        complaints.push(format!("the code map of ARCHITECTURE.md does not name {file}"));
    }
    for file in mapped.difference(&sources) {
        complaints.push(format!("the code map of ARCHITECTURE.md names {file}, which is not there"));
    }
    Ok(complaints)
}

fn rust_files(root: &Path, folder: &Path, found: &mut BTreeSet<String>) -> io::Result<()> {
    if !root.join(folder).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path: PathBuf = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                rust_files(root, &path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// The files in backticks below each heading `### FOLDER` of the chapter "Code map".
fn code_map(architecture: &str) -> BTreeSet<String> {
    let mut mapped = BTreeSet::new();
    let mut folder = None;
    let mut is_in_map = false;
    for line in architecture.lines() {
        if let Some(chapter) = line.strip_prefix("## ") {
            is_in_map = chapter == "Code map";
        } else if let Some(heading) = line.strip_prefix("### ") {
            folder = Some(heading.trim_matches('`').to_owned());
        } else if is_in_map && let Some(folder) = &folder {
            let spans = line.split('`').skip(1).step_by(2);
            mapped.extend(spans.filter(|span| span.ends_with(".rs")).map(|span| format!("{folder}/{span}")));
        }
    }
    mapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_read_by_heading() {
        let text =
            "# A\n`x.rs`\n## Code map\n### `crates/a`\n- `src/b.rs`, `src/c.rs`: see `d`\n## End\n`src/e.rs`";
        let expected = BTreeSet::from(["crates/a/src/b.rs".to_owned(), "crates/a/src/c.rs".to_owned()]);
        assert_eq!(code_map(text), expected);
    }
}
