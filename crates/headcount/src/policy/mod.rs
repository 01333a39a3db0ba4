//! Rules of conduct: pure functions and state machines that take what happened and say what follows.

pub(crate) mod addresses;
pub(crate) mod blame;
pub(crate) mod cookies;
pub(crate) mod growth;
pub(crate) mod redirect;
pub(crate) mod retry;
pub mod retry_after;
pub mod robots;
