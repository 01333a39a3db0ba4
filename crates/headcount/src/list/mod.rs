//! Lists: what a line means, and reading lines lazily.

mod address;
mod lines;

pub(crate) use address::{is_supported, parse_address};
pub use lines::{LONGEST_LINE, Lines};
