//! What holds for any bytes holds for those in `seeds`: the beginnings that the fuzzer is given, and what it has found.

use std::fs;
use std::path::{Path, PathBuf};

use headcount_fuzz::TARGETS;

/// Bytes of a target's seeds, at most: they are made by hand and read by people.
const MOST_BYTES: usize = 64 << 10;

/// So many changed copies of each seed are tried as well, unless `HEADCOUNT_CHANGES` says otherwise.
const CHANGES: usize = 200;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Calls a target with all its seeds, and with changed copies of them.
fn bears_its_seeds(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let changes = std::env::var("HEADCOUNT_CHANGES").map_or(CHANGES, |number| number.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(1);
    let seeds = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name));
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let mut bytes = 0;
    for path in seeds {
        let seed = fs::read(&path).unwrap();
        bytes += seed.len();
        target(&seed);
        for _ in 0..changes {
            let changed = changed(&seed, &mut random);
            let _shown = Shown(name, &changed);
            target(&changed);
        }
    }
    assert!(bytes <= MOST_BYTES, "{name} has {bytes} bytes of seeds");
}

#[test]
fn answers() {
    bears_its_seeds("answers");
}

#[test]
fn conditions() {
    bears_its_seeds("conditions");
}

#[test]
fn journal() {
    bears_its_seeds("journal");
}

#[test]
fn lists() {
    bears_its_seeds("lists");
}

#[test]
fn pace() {
    bears_its_seeds("pace");
}

#[test]
fn robots() {
    bears_its_seeds("robots");
}

#[test]
fn titles() {
    bears_its_seeds("titles");
}

#[test]
fn every_target_has_a_program_and_every_folder_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |folder: &str| {
        let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        files(&root.join(folder)).into_iter().map(stem).collect::<Vec<_>>()
    };
    let targets = TARGETS.map(|(name, _)| name);
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("seeds"), targets);
}

/// Shows what a target was given, should it panic.
struct Shown<'a>(&'a str, &'a [u8]);

impl Drop for Shown<'_> {
    #[expect(clippy::disallowed_macros, reason = "a test that fails says on what")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} was given \"{}\"", self.0, self.1.escape_ascii());
        }
    }
}

/// A copy with a few bytes changed, taken out or doubled.
fn changed(seed: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.usize(1..6) {
        if bytes.is_empty() {
            break;
        }
        let start = random.usize(..bytes.len());
        let end = (start + random.usize(..20)).min(bytes.len());
        match random.u8(..4) {
            0 => bytes[start] = random.u8(..),
            1 => drop(bytes.drain(start..end)),
            2 => drop(bytes.splice(start..start, bytes[start..end].to_vec())),
            _ => bytes.truncate(end),
        }
    }
    bytes
}
