//! Rules of conduct, from outside.

mod retry_after;
mod robots;
