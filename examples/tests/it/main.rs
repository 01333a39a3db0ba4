//! Every program is run as a reader would run it.

mod claims;
mod programs;
