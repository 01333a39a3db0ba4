//! What each parser promises about any bytes whatever: a function per parser that panics where the promise does not hold.
//!
//! The fuzzer calls them with bytes of its own making (`fuzz_targets`), the tests with those in `seeds`.

mod answers;
mod conditions;
mod journal;
mod lists;
mod memory_disk;
mod pace;
mod robots;
mod titles;

pub use answers::answers;
pub use conditions::conditions;
pub use journal::journal;
pub use lists::lists;
pub use pace::pace;
pub use robots::robots;
pub use titles::titles;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 7] = [
    ("answers", answers),
    ("conditions", conditions),
    ("journal", journal),
    ("lists", lists),
    ("pace", pace),
    ("robots", robots),
    ("titles", titles),
];

/// The first line, as text, and what follows it.
fn head_and_body(data: &[u8]) -> (&str, &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (std::str::from_utf8(&data[..end]).unwrap_or_default(), data.get(end + 1..).unwrap_or_default())
}
