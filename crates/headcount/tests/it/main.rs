//! What users of the library can rely on.

mod engine;
mod outcomes;
mod probe;
mod scheduler;
