//! The guide, in both languages: every link leads somewhere, and every program is linked.

use std::fs;
use std::path::{Path, PathBuf};

const PAGES: [&str; 2] = ["from-asyncio.md", "from-asyncio.zh.md"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

struct Page {
    name: &'static str,
    text: String,
}

impl Page {
    /// Without blocks and spans of code, in which brackets are no links.
    fn read(name: &'static str) -> Page {
        let text = fs::read_to_string(docs().join(name)).unwrap();
        let prose: String = text.split("```").step_by(2).collect();
        Page { name, text: prose.split('`').step_by(2).collect() }
    }

    fn all() -> [Page; 2] {
        PAGES.map(Page::read)
    }

    /// `[label]: target` at the end of the page.
    fn definitions(&self) -> Vec<(&str, &str)> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
        lines.collect()
    }

    /// What stands in `[…](target)` and in definitions.
    fn targets(&self) -> Vec<&str> {
        let inline = self.text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        inline
            .map(|(target, _)| target)
            .chain(self.definitions().into_iter().map(|(_, target)| target))
            .collect()
    }

    /// The labels that the text uses: `[label]`, and the second of `[text][label]`.
    fn labels(&self) -> Vec<&str> {
        let brackets = self.text.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
        // Nothing after the bracket: another one follows, and that holds the label.
        let is_label = |after: &str| !after.is_empty() && !after.starts_with('(') && !after.starts_with(": ");
        brackets.filter(|(_, after)| is_label(after)).map(|(label, _)| label).collect()
    }

    /// What a heading is linked by: lower case, without punctuation, with hyphens for blanks.
    fn anchors(&self) -> Vec<String> {
        let headings = self.text.lines().filter_map(|line| line.strip_prefix("## "));
        let anchor = |heading: &str| {
            let kept = heading.to_lowercase().replace(' ', "-");
            kept.chars().filter(|&character| character.is_alphanumeric() || character == '-').collect()
        };
        headings.map(anchor).collect()
    }
}

#[test]
fn every_relative_link_leads_to_a_file() {
    for page in Page::all() {
        let files: Vec<&str> = page
            .targets()
            .into_iter()
            .filter(|link| !link.contains("://") && !link.starts_with('#'))
            .collect();
        assert!(files.len() > 30, "{} has {} links", page.name, files.len());
        for file in files {
            assert!(docs().join(file).is_file(), "{} links {file}, which is not there", page.name);
        }
    }
}

#[test]
fn every_label_and_heading_that_is_linked_is_there() {
    for page in Page::all() {
        let defined: Vec<&str> = page.definitions().into_iter().map(|(label, _)| label).collect();
        let used = page.labels();
        for label in &used {
            assert!(defined.contains(label), "{} does not say where [{label}] leads", page.name);
        }
        for label in defined {
            assert!(used.contains(&label), "{} never uses [{label}]", page.name);
        }
        let anchors = page.anchors();
        for link in page.targets().iter().filter_map(|target| target.strip_prefix('#')) {
            assert!(anchors.iter().any(|anchor| anchor == link), "{} has no heading #{link}", page.name);
        }
    }
}

#[test]
fn both_pages_link_every_program() {
    for page in Page::all() {
        let targets = page.targets();
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin")).unwrap() {
            let link = format!("../examples/src/bin/{}", file.unwrap().file_name().to_str().unwrap());
            assert!(targets.contains(&link.as_str()), "{} does not link {link}", page.name);
        }
    }
}

#[test]
fn both_languages_lead_to_the_same_places() {
    let [english, chinese] = Page::all().map(|page| {
        let mut labels: Vec<String> = page.labels().into_iter().map(str::to_owned).collect();
        labels.sort();
        labels
    });
    assert_eq!(english, chinese);
}
