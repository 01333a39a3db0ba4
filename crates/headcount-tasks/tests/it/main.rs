//! Every promise of the crate, a module a subject. Time is the paused clock unless a test is about
//! threads or signals.

mod support;

mod asyncio_edges;
mod cancellation;
mod compiling;
mod deadlines;
mod destructors;
mod diagnosis;
mod random_trees;
mod running;
mod scopes;
mod sharing;
mod signals;
mod threads;
mod together;
mod wake_path;
