//! Rules of conduct: pure functions that take what happened and say what follows.

pub(crate) mod redirect;
pub(crate) mod retry;
pub mod retry_after;
pub mod robots;
