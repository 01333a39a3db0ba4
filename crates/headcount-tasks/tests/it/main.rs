//! Every promise of the crate, a module a subject. Time is the paused clock unless a test is about
//! threads or signals.

mod support;

mod cancellation;
mod deadlines;
mod diagnosis;
mod running;
mod scopes;
mod sharing;
mod together;
